"""Measurements that anyone can repeat. ``docs/benchmarks.md`` says how to read them."""

"""The one line of JSON that every benchmark ends with. Knows no measurements."""

import json
import os
import platform
from collections.abc import Mapping
from typing import Any

import psutil


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def label(prefix: str, figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures with a prefix before their names."""
    return {f"{prefix}.{name}": value for name, value in figures.items()}


def print_report(
    benchmark: str,
    settings: Mapping[str, Any],
    results: Mapping[str, float],
    baselines: Mapping[str, float],
) -> None:
    """Print the report as the last line of stdout."""
    report = {
        "benchmark": benchmark,
        "machine": describe_machine(),
        "settings": dict(settings),
        "results": {name: round(value, 4) for name, value in results.items()},
        "baselines": {name: round(value, 4) for name, value in baselines.items()},
    }
    print(json.dumps(report, ensure_ascii=False))

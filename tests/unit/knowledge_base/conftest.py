"""Parsers are real processes, and die real deaths."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from server.knowledge_base.parsing import ParseLimits, ParserPool

LIMITS = ParseLimits(
    memory_mb=1024, timeout_s=250, max_chars=64 << 20, max_pages=100, max_unpacked_mb=64
)
LONG = b"[" * 1_000_000  # takes many minutes: each bracket looks for its end
GREEDY = b"- a\n" * 1_000_000
WITHIN_S = 60.0


@pytest.fixture
def make_pool() -> Iterator[Callable[..., ParserPool]]:
    pools: list[ParserPool] = []

    def make(count: int = 1, idle_s: float = 600, **changed: int) -> ParserPool:
        pools.append(ParserPool(replace(LIMITS, **changed), count=count, idle_s=idle_s))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        blob = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        blob.write_bytes(content)
        return blob

    return write


Put = Callable[[bytes], Path]
MakePool = Callable[..., ParserPool]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def busy_process(pool: ParserPool) -> psutil.Process:
    """Return the only busy parser once it reads its file."""
    wait_for(lambda: pool.busy)
    (parser,) = pool.busy
    process = psutil.Process(parser.process.pid)
    wait_for(lambda: "server.knowledge_base.parse_process" in process.cmdline())
    wait_for(lambda: process.cpu_times().user > 0.3)
    return process

"""A real API process in a folder of its own, and what it costs. Knows no documents.

CPU time is read from the clocks that Linux keeps for each process, in nanoseconds: the usual
figures come in steps of 10 ms, which is as much as an upload of a small file takes.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.start import find_free_ports, wait_until_ready
from configs import ROOT

SCHEDULED = 2  # which clock of a process: the CPU time of all its threads, also of those that ended
QUIET_MS = 3.0  # as much CPU time within QUIET_S is no work: heartbeats and waking up
QUIET_S = 0.1
PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Api:
    """A running API; ``client`` talks to it under ``/api/v1``."""

    process: psutil.Process
    url: str
    client: httpx.Client
    folder: Path

    @property
    def data(self) -> Path:
        """Return its data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Return the file that it writes its log to."""
        return self.folder / "api.log"

    def request(self, method: str, path: str, *expected: int, **options: Any) -> httpx.Response:
        """Send a request and return the answer.

        Raises:
            SystemExit: the status is none of those expected (none given: 200).
        """
        answer = self.client.request(method, path, **options)
        if answer.status_code not in (expected or (200,)):
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    def family(self) -> list[psutil.Process]:
        """Return the API and all its children."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_ms(self) -> float:
        """Return the CPU time of the API and all its children until now, ended ones too."""
        total = 0.0
        for process in self.family():
            try:
                times = process.cpu_times()
                total += process_clock_s(process.pid) + times.children_user + times.children_system
            except (psutil.NoSuchProcess, OSError):  # it ended; its parent has its time
                continue
        return 1000 * total

    def rss_mb(self) -> tuple[float, float]:
        """Return the resident memory of the API and of all its children together."""
        sizes = []
        for process in self.family():
            try:
                sizes.append(process.memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                sizes.append(0.0)
        return sizes[0], sum(sizes[1:])

    def settle(self, *, quiet_ms: float = QUIET_MS) -> float:
        """Wait until nothing is done any more and return the CPU time until now, as ``cpu_ms``.

        ``quiet_ms`` is how much CPU time within ``QUIET_S`` counts as nothing.
        """
        deadline = time.monotonic() + PATIENCE_S
        before = self.cpu_ms()
        while time.monotonic() < deadline:
            time.sleep(QUIET_S)
            now = self.cpu_ms()
            if now - before < quiet_ms:
                return now
            before = now
        raise SystemExit(f"The API is still busy after {PATIENCE_S:.0f} s.")


def process_clock_s(pid: int) -> float:
    """Return the CPU time of a process (see clock_getcpuclockid(3) for the number of its clock)."""
    return time.clock_gettime(~pid << 3 | SCHEDULED)


@contextmanager
def serve_api(*command: str, **settings: str) -> Iterator[Api]:
    """Start an API without samples; ``settings`` are variables such as ``ZHIWEN_KB__CHUNK_SIZE``.

    ``command``: what Python runs instead of ``server/api.py``.

    Raises:
        SystemExit: it does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as name:
        folder = Path(name)
        (folder / "zhiwen.yaml").write_text("{}", "utf-8")
        (port,) = find_free_ports(1)
        clean = {name: v for name, v in os.environ.items() if not name.startswith("ZHIWEN_")}
        environment = {
            **clean,
            "PYTHONPATH": str(ROOT),
            "ZHIWEN_CONFIG": str(folder / "zhiwen.yaml"),
            "ZHIWEN_PATHS__DATA": str(folder / "data"),
            "ZHIWEN_PATHS__LOGS": str(folder / "logs"),
            "ZHIWEN_KB__CREATE_SAMPLES": "false",
            "ZHIWEN_SERVER__PORT": str(port),
            "ZHIWEN_SERVER__LANGUAGE": "en",
            "ZHIWEN_WORKERS__ENDPOINT_PORT": str(find_free_ports(1)[0]),  # nobody listens there
            **settings,
        }
        with (folder / "api.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *(command or [str(ROOT / "server" / "api.py")])],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        url = f"http://127.0.0.1:{port}"
        limits = httpx.Limits(max_connections=None, keepalive_expiry=1)
        try:
            wait_until_ready(f"{url}/readyz", process)
            with httpx.Client(
                base_url=f"{url}/api/v1", trust_env=False, timeout=PATIENCE_S, limits=limits
            ) as client:
                yield Api(psutil.Process(process.pid), url, client, folder)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

"""Real starts in a folder of their own, for the end-to-end tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from configs import ROOT
from server.supervisor import instance, pidfile
from server.supervisor.pidfile import Entry

READY_WITHIN_S = 120.0  # the first start reads the samples, on a busy machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(claim: Callable[[], object], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Place:
    """Where a start keeps its files, and its port."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid_file(self) -> Path:
        return pidfile.pid_file(self.data)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: v for name, v in os.environ.items() if not name.startswith("ZHIWEN_")}
        return {
            **clean,
            "LC_ALL": "C.UTF-8",
            "ZHIWEN_CONFIG": str(self.folder / "zhiwen.yaml"),
            "http_proxy": "http://127.0.0.1:9",  # leads nowhere; loopback must not care
            "ZHIWEN_PATHS__DATA": str(self.data),
            "ZHIWEN_PATHS__LOGS": str(self.folder / "logs"),
            "ZHIWEN_SERVER__PORT": str(self.port),
        }


def new_place(folder: Path) -> Place:
    """Return a place with a free port, which the settings of this machine do not reach."""
    (folder / "zhiwen.yaml").write_text("{}")
    return Place(folder, free_port())


def run(
    place: Place, *command: str, within_s: float = READY_WITHIN_S, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, from a folder that is not the project's."""
    return subprocess.run(
        command,
        env=place.environment | environment,
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def run_script(
    place: Place, script: str, *flags: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a Python script of the project to its end."""
    return run(place, sys.executable, str(ROOT / script), *flags, **environment)


def is_ready(place: Place) -> bool:
    try:
        return httpx.get(f"{place.url}/readyz", trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


class Started:
    """A start that runs, with the processes that it lists."""

    def __init__(self, place: Place, process: subprocess.Popen[bytes], output: Path) -> None:
        self.place = place
        self.process = process
        self.output = output
        self.seen: set[Entry] = set()

    def entries(self) -> list[Entry]:
        listed = pidfile.read(self.place.pid_file)
        self.seen.update(listed)
        return listed

    def pid_of(self, name: str) -> int:
        return next((entry.pid for entry in self.entries() if entry.name == name), 0)

    def wait_ready(self) -> None:
        def is_usable() -> bool:
            assert self.process.poll() is None, self.output.read_text("utf-8")
            return is_ready(self.place) and self.pid_of("api") != 0

        wait_until(is_usable, READY_WITHIN_S, "ready")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def left(self, within_s: float) -> list[Entry]:
        """Wait for the end of every process seen; return those that still run."""
        return instance.wait(sorted(self.seen, key=lambda entry: entry.pid), within_s)


@contextmanager
def started(place: Place, *flags: str) -> Iterator[Started]:
    """Start, wait until ready, and leave nothing behind."""
    output = place.folder / "output.txt"
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup; it would be inherited
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "startup.py"), *flags],
            env=place.environment,
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    start = Started(place, process, output)
    try:
        start.wait_ready()
        yield start
    finally:
        start.entries()
        process.kill()
        process.wait()
        instance.kill(list(start.seen))

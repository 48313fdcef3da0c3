"""Real starts in a folder of their own, for the end-to-end tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from configs import ROOT
from server.service_states import read_states, states_file
from server.supervisor import instance, pidfile
from server.supervisor.pidfile import Entry

READY_WITHIN_S = 120.0  # the first start reads the samples, on a busy machine


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return ports that are free together; asked for one by one they could be the same."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_until(claim: Callable[[], object], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Place:
    """Where a start keeps its files, and its ports."""

    folder: Path
    port: int  # of the REST API
    ui_port: int
    controller_port: int
    endpoint_port: int
    worker_port: int
    settings: dict[str, str] = field(default_factory=dict)  # more variables of the environment

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def listed(self) -> list[Entry]:
        files = pidfile.pid_files(self.data)
        return [entry for file in files for entry in pidfile.read(file)]

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        rows = read_states(states_file(self.data))
        return {row["name"]: row for row in rows}

    @property
    def ports(self) -> list[int]:
        chain = [self.controller_port, self.endpoint_port, self.worker_port]
        return [self.port, self.ui_port, *chain]

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
            "ZHIWEN_UI__PORT": str(self.ui_port),
            "ZHIWEN_WORKERS__CONTROLLER_PORT": str(self.controller_port),
            "ZHIWEN_WORKERS__ENDPOINT_PORT": str(self.endpoint_port),
            "ZHIWEN_WORKERS__PORT": str(self.worker_port),
            **self.settings,
        }


def new_place(folder: Path, **settings: str) -> Place:
    """Return a place with free ports, which the settings of this machine do not reach."""
    (folder / "zhiwen.yaml").write_text("{}")
    return Place(folder, *free_ports(5), settings)


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
        """Return the processes that this start lists now."""
        listed = []
        for file in pidfile.pid_files(self.place.data):
            entries = pidfile.read(file)
            if any(entry.pid == self.process.pid for entry in entries):
                listed += entries
        self.seen.update(listed)
        return listed

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the states that this start wrote, by service; those of one before do not count."""
        rows = {}
        for name, row in self.place.rows.items():
            entries = pidfile.read(pidfile.pid_file(self.place.data, name))
            pids = {entry.name: entry.pid for entry in entries}
            if pids.get(pidfile.SUPERVISOR) == self.process.pid and pids.get(name) == row["pid"]:
                rows[name] = row
        return rows

    def state(self, name: str) -> str:
        return str(self.place.rows.get(name, {}).get("state", ""))

    def pid_of(self, name: str) -> int:
        return next((entry.pid for entry in self.entries() if entry.name == name), 0)

    def wait_ready(self, *names: str) -> None:
        """Wait until these services are ready; none named: all but the workers."""

        def are_ready() -> bool:
            assert self.process.poll() is None, self.output.read_text("utf-8")
            self.entries()
            states = {name: row["state"] for name, row in self.rows().items()}
            wanted = names or [name for name in states if not name.startswith("worker ")]
            assert all(states.get(name) != "failed" for name in wanted), states
            return bool(wanted) and all(states.get(name) == "ready" for name in wanted)

        wait_until(are_ready, READY_WITHIN_S, "ready")

    def wait_another(self, name: str, before: int) -> None:
        """Wait until a service has a process other than ``before`` and is ready."""
        wait_until(lambda: self.pid_of(name) not in (0, before), READY_WITHIN_S, f"another {name}")
        self.wait_ready(name)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def left(self, within_s: float) -> list[Entry]:
        """Wait for the end of every process seen; return those that still run."""
        return instance.wait(sorted(self.seen, key=lambda entry: entry.pid), within_s)


@contextmanager
def started(
    place: Place, *flags: str, script: str = "startup.py", is_awaited: bool = True
) -> Iterator[Started]:
    """Start, wait until ready, and leave nothing behind."""
    output = place.folder / f"{Path(script).stem}.txt"
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup; it would be inherited
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / script), *flags],
            env=place.environment,
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    start = Started(place, process, output)
    try:
        if is_awaited:
            start.wait_ready()
        yield start
    finally:
        start.entries()
        process.kill()
        process.wait()
        instance.kill(list(start.seen))

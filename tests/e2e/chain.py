"""The serving chain as real processes, for the end-to-end tests."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from configs import ROOT
from tests.e2e.processes import free_port, wait_until

READY_WITHIN_S = 180.0  # importing torch takes its time on a busy machine


@dataclass
class Chain:
    """Controller, endpoint and workers with their ports; all of them end with the test."""

    folder: Path
    models: dict[str, dict[str, Any]]
    host: str = "127.0.0.1"
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("controller", "endpoint", *self.models):
            self.ports[name] = free_port()

    @property
    def url(self) -> str:
        """The base URL of the endpoint."""
        return f"http://127.0.0.1:{self.ports['endpoint']}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """What leads every process to the same settings."""
        clean = {name: v for name, v in os.environ.items() if not name.startswith("ZHIWEN_")}
        (self.folder / "zhiwen.yaml").write_text("{}")
        return {
            **clean,
            "LC_ALL": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "http_proxy": "http://127.0.0.1:9",  # leads nowhere; loopback must not care
            "ZHIWEN_CONFIG": str(self.folder / "zhiwen.yaml"),
            "ZHIWEN_PATHS__DATA": str(self.folder / "data"),
            "ZHIWEN_PATHS__LOGS": str(self.folder / "logs"),
            "ZHIWEN_WORKERS__HOST": self.host,
            "ZHIWEN_WORKERS__ENDPOINT_PORT": str(self.ports["endpoint"]),
            "ZHIWEN_WORKERS__CONTROLLER_PORT": str(self.ports["controller"]),
            "ZHIWEN_WORKERS__HEARTBEAT_S": "1",
            "ZHIWEN_WORKERS__MODELS": json.dumps(self.models),
        }

    def start(self, name: str) -> None:
        """Start the controller, the endpoint or the worker of a model."""
        role = [name] if name in ("controller", "endpoint") else ["worker", name]
        command = [sys.executable, str(ROOT / "server/model_process.py"), *role]
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*command, f"--port={self.ports[name]}"],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Return where the output of a process goes."""
        return self.folder / f"{name.replace('/', '_')}.log"

    def state(self, name: str) -> dict[str, Any]:
        """Return what ``/readyz`` of a process tells, {} if nothing answers."""
        try:
            url = f"http://127.0.0.1:{self.ports[name]}/readyz"
            state: dict[str, Any] = httpx.get(url, trust_env=False, timeout=5).json()
        except httpx.TransportError:
            return {}
        return state

    def wait_ready(self, *names: str) -> None:
        """Wait until processes can be used, all if none is named."""
        for name in names or self.processes:

            def is_ready(name: str = name) -> bool:
                assert self.processes[name].poll() is None, self.log(name).read_text("utf-8")
                return self.state(name).get("ready") is True

            wait_until(is_ready, READY_WITHIN_S, f"{name} ready")

    def kill(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process; return its exit status."""
        self.processes[name].send_signal(number)
        return self.processes[name].wait(30)

    def end(self) -> None:
        """Leave nothing behind."""
        alive = [each.pid for each in self.processes.values() if each.poll() is None]
        family = [child for pid in alive for child in descendants(psutil.Process(pid))]
        for process in self.processes.values():
            process.kill()
            process.wait()
        for child in family:
            child.kill()


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return what a process has started and is still there."""
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


@contextmanager
def running_chain(folder: Path, models: dict[str, dict[str, Any]]) -> Iterator[Chain]:
    """Start the whole chain; returns before it is ready."""
    chain = Chain(folder, models)
    try:
        for name in ("controller", "endpoint", *models):
            chain.start(name)
        yield chain
    finally:
        chain.end()

"""Stand-in services, and a supervisor that is always stopped."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.supervisor import pidfile
from server.supervisor.console import Console
from server.supervisor.register import Register
from server.supervisor.service import Service
from server.supervisor.supervisor import Supervisor


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(claim: Callable[[], object], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def tick_until(supervisor: Supervisor, claim: Callable[[], object]) -> None:
    def tick_and_see() -> object:
        supervisor.tick()
        return claim()

    wait_until(tick_and_see)


MakeService = Callable[..., Service]
MakeSupervisor = Callable[..., Supervisor]


@pytest.fixture
def make_service(tmp_path: Path) -> MakeService:
    def make(*flags: str, name: str = "api", required: bool = True, **more: Any) -> Service:
        port = free_port()
        return Service(
            name=name,
            command=(
                sys.executable,
                "-m",
                "tests.unit.supervisor.standin",
                f"--port={port}",
                *flags,
            ),
            host="127.0.0.1",
            port=port,
            log_file=tmp_path / f"{name}.log",
            required=required,
            **more,
        )

    return make


@pytest.fixture
def make_supervisor(tmp_path: Path) -> Iterator[MakeSupervisor]:
    made: list[Supervisor] = []

    def make(*services: Service, is_quiet: bool = False) -> Supervisor:
        pidfile.folder(tmp_path).mkdir(parents=True, exist_ok=True)
        console = Console("en", is_quiet=is_quiet)
        supervisor = Supervisor(services, console, Register(tmp_path, console, {}))
        made.append(supervisor)
        supervisor.start()
        return supervisor

    yield make
    for supervisor in made:
        supervisor.kill()
        supervisor.stop()

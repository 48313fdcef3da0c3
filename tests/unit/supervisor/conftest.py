"""Stand-in services, and a supervisor that is always stopped."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.supervisor.console import Console
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
    def make(*flags: str, name: str = "api", required: bool = True) -> Service:
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
            environment={},
            ready_url=f"http://127.0.0.1:{port}/readyz",
            log_file=tmp_path / f"{name}.log",
            required=required,
        )

    return make


@pytest.fixture
def make_supervisor(tmp_path: Path) -> Iterator[MakeSupervisor]:
    made: list[Supervisor] = []

    def make(*services: Service, patience_s: float = 20.0, is_quiet: bool = False) -> Supervisor:
        supervisor = Supervisor(
            services,
            Console("en", is_quiet=is_quiet),
            tmp_path / "zhiwen.json",
            patience_s=patience_s,
        )
        made.append(supervisor)
        supervisor.start()
        return supervisor

    yield make
    for supervisor in made:
        supervisor.kill()
        supervisor.stop()

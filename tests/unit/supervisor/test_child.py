"""One service over its lives, with real stand-in processes."""

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.supervisor import child as child_module
from server.supervisor.register import read_states, states_file
from tests.unit.supervisor.conftest import MakeService, MakeSupervisor, tick_until, wait_until


def doing(data: Path) -> tuple[str, str]:
    """Return state and doing of the only service, as others read them."""
    (state,) = read_states(states_file(data))
    return state["state"], state["doing"]


def test_a_ready_service_that_lost_what_it_needs_says_so_and_stays(
    make_service: MakeService,
    make_supervisor: MakeSupervisor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child_module, "LOOK_EVERY_S", 0.1)
    lost = tmp_path / "lost"
    supervisor = make_supervisor(make_service(f"--lost={lost}"))
    tick_until(supervisor, lambda: supervisor.is_settled)

    lost.touch()
    tick_until(supervisor, lambda: doing(tmp_path) == ("ready", "warming up"))
    lost.unlink()
    tick_until(supervisor, lambda: doing(tmp_path) == ("ready", ""))

    assert not supervisor.children[0].deaths


def test_a_service_between_two_lives_says_how_the_last_ended(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    supervisor = make_supervisor(make_service())
    tick_until(supervisor, lambda: supervisor.is_settled)

    supervisor.children[0].process.popen.kill()

    tick_until(supervisor, lambda: doing(tmp_path) == ("waiting", "SIGKILL (out of memory?)"))


def test_a_service_without_a_process_is_retired_without_a_signal(
    make_service: MakeService, make_supervisor: MakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = make_supervisor(make_service())
    (child,) = supervisor.children
    tick_until(supervisor, lambda: supervisor.is_settled)
    child.process.popen.kill()
    tick_until(supervisor, lambda: child.state == "waiting")
    signalled: list[Any] = []
    monkeypatch.setattr(os, "killpg", lambda *group: signalled.append(group))

    child.retire()

    assert signalled == []
    assert child.is_over


def test_a_service_reports_nothing_to_the_maker_of_a_library(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    (child,) = make_supervisor(make_service()).children
    process = psutil.Process(child.process.pid)

    # Between its fork and its exec it still shows the environment of the tests.
    wait_until(lambda: process.environ().get("ORT_DISABLE_TELEMETRY") == "1")

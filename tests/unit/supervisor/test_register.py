"""What a supervisor tells others on disk."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from server.supervisor import pidfile
from server.supervisor.register import read_states, replace_states, states_file
from tests.unit.supervisor.conftest import MakeService, MakeSupervisor, tick_until


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    made = pidfile.folder(tmp_path)
    made.mkdir(parents=True)
    return made


def list_process(data: Path, name: str, pid: int) -> None:
    entry = pidfile.entry_of(name, pid)
    assert entry is not None
    pidfile.write(pidfile.pid_file(data, name), [entry])


def names(data: Path) -> list[str]:
    return [state["name"] for state in read_states(states_file(data))]


def test_states_tell_what_runs_where(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    service = make_service("--ready-after=0.3")
    supervisor = make_supervisor(service)
    (state,) = read_states(states_file(tmp_path))
    assert state["state"] == "starting"

    tick_until(supervisor, lambda: supervisor.is_settled)

    (state,) = read_states(states_file(tmp_path))
    pid = supervisor.children[0].process.pid
    expected = {"name": "api", "state": "ready", "doing": "", "pid": pid, "url": service.url}
    assert state == expected


def test_a_failed_service_says_why(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    supervisor = make_supervisor(make_service("--ready-after=60", "--has-failed"))

    tick_until(supervisor, lambda: supervisor.is_settled)

    (state,) = read_states(states_file(tmp_path))
    assert (state["state"], state["pid"]) == ("failed", None)
    assert "no database" in state["doing"]


def test_states_of_another_supervisor_stay(tmp_path: Path) -> None:
    list_process(tmp_path, "webui", os.getpid())
    replace_states(tmp_path, [{"name": "webui"}], {"webui"})

    replace_states(tmp_path, [{"name": "api"}], {"api"})

    assert names(tmp_path) == ["webui", "api"]


def test_states_that_a_killed_supervisor_left_go(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        list_process(tmp_path, "webui", process.pid)
        process.kill()
    replace_states(tmp_path, [{"name": "webui"}], {"webui"})

    replace_states(tmp_path, [{"name": "api"}], {"api"})

    assert names(tmp_path) == ["api"]


def test_without_a_state_there_is_no_file(tmp_path: Path) -> None:
    replace_states(tmp_path, [{"name": "api"}], {"api"})

    replace_states(tmp_path, [], {"api"})

    assert not states_file(tmp_path).exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", "3", "null"])
def test_a_damaged_file_shows_nothing(tmp_path: Path, content: str) -> None:
    states_file(tmp_path).write_text(content, "utf-8")

    assert read_states(states_file(tmp_path)) == []


def test_names_that_no_file_can_have_are_listed_too(tmp_path: Path) -> None:
    list_process(tmp_path, "worker Qwen/千问:8b", os.getpid())

    (path,) = pidfile.pid_files(tmp_path)
    assert json.loads(path.read_text("utf-8"))[0]["name"] == "worker Qwen/千问:8b"

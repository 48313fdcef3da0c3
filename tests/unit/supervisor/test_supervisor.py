"""The supervisor with real stand-in processes."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from server.service_states import states_file
from server.supervisor import pidfile
from server.supervisor import supervisor as supervisor_module
from server.supervisor.child import Child
from tests.unit.supervisor.conftest import (
    MakeService,
    MakeSupervisor,
    tick_until,
    wait_until,
)


def pids_after(word: str, log: Path) -> list[int]:
    lines = log.read_text("utf-8").splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(word)]


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_service_becomes_ready_and_says_what_it_does(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor = make_supervisor(make_service("--ready-after=0.3"))

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert supervisor.failed == []
    printed = capfd.readouterr().out
    assert printed.count("api: warming up") == 1
    assert "api: ready" in printed


def test_the_log_is_echoed_with_the_name_of_the_service(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor = make_supervisor(make_service())

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert "[api] 你好 from the stand-in" in capfd.readouterr().out


def test_quiet_keeps_the_log_in_its_file_only(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    service = make_service()
    supervisor = make_supervisor(service, is_quiet=True)

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert capfd.readouterr().out == ""
    assert "你好" in service.log_file.read_text("utf-8")


def test_a_proxy_in_the_environment_does_not_matter(
    make_service: MakeService, make_supervisor: MakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    supervisor = make_supervisor(make_service())

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert supervisor.failed == []


def test_a_required_service_that_dies_before_it_is_ready_ends_the_start(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor = make_supervisor(make_service("--ready-after=60", "--dies-after=0.1"))

    tick_until(supervisor, lambda: supervisor.is_hopeless)

    printed = capfd.readouterr().out
    assert "exit code 3" in printed
    assert "  | dying" in printed


def test_the_others_go_on_without_a_service_that_is_not_required(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    optional = make_service("--ready-after=60", "--dies-after=0", name="ui", required=False)
    supervisor = make_supervisor(make_service(), optional)

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert supervisor.failed == ["ui"]
    assert not supervisor.is_hopeless
    assert "The other services go on without ui." in capfd.readouterr().out


def test_a_start_without_progress_is_given_up(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor = make_supervisor(make_service("--ready-after=60", "--is-stuck", patience_s=0.8))

    tick_until(supervisor, lambda: supervisor.is_hopeless)

    printed = capfd.readouterr().out
    assert "no progress for 1 s" in printed
    assert "SIGABRT (warming up)" in printed
    assert "standin.py" in printed  # where it hung


def test_a_service_that_says_it_failed_is_not_waited_for(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor = make_supervisor(make_service("--ready-after=60", "--has-failed"))

    tick_until(supervisor, lambda: supervisor.is_hopeless)

    assert "api ended before it was ready: no database. Its last lines" in capfd.readouterr().out


def test_without_other_services_none_are_said_to_go_on(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor = make_supervisor(make_service("--dies-after=0", required=False))

    tick_until(supervisor, lambda: supervisor.is_hopeless)

    assert "go on without" not in capfd.readouterr().out


def test_a_service_that_dies_when_ready_is_started_again(
    make_service: MakeService,
    make_supervisor: MakeSupervisor,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    supervisor = make_supervisor(make_service())
    tick_until(supervisor, lambda: supervisor.is_settled)
    first = supervisor.children[0].process.pid

    os.kill(first, signal.SIGKILL)
    tick_until(supervisor, lambda: not supervisor.is_settled)
    tick_until(supervisor, lambda: supervisor.is_settled)

    second = supervisor.children[0].process.pid
    assert second != first
    assert supervisor.failed == []
    listed = pidfile.read(pidfile.pid_file(tmp_path, "api"))
    assert [entry.pid for entry in listed] == [os.getpid(), second]
    assert "Restarting in 1 s" in capfd.readouterr().out


def test_what_a_dead_service_leaves_behind_is_killed(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    service = make_service("--with-grandchild")
    supervisor = make_supervisor(service)
    tick_until(supervisor, lambda: supervisor.is_settled)
    (grandchild,) = pids_after("grandchild", service.log_file)

    os.kill(supervisor.children[0].process.pid, signal.SIGKILL)
    tick_until(supervisor, lambda: not supervisor.is_settled)

    wait_until(lambda: is_gone(grandchild))


def plan_deaths(child: Child, times: list[float]) -> list[float]:
    delays = []
    for now in times:
        child.plan_restart("exit code 3", now)
        delays.append(child.restart_at - now)
    return delays


def test_the_pause_before_a_restart_doubles(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    (child,) = make_supervisor(make_service()).children

    assert plan_deaths(child, [0.0, 10.0, 20.0, 30.0]) == [1, 2, 4, 8]


def test_a_service_that_dies_five_times_in_five_minutes_is_given_up(
    make_service: MakeService, make_supervisor: MakeSupervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    (child,) = make_supervisor(make_service()).children

    plan_deaths(child, [0.0, 10.0, 20.0, 30.0, 299.0])

    assert child.state == "failed"
    assert "is not restarted" in capfd.readouterr().out


def test_deaths_of_long_ago_do_not_count(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    (child,) = make_supervisor(make_service()).children

    plan_deaths(child, [0.0, 10.0, 20.0, 30.0, 301.0])

    assert child.state == "waiting"


def test_stop_ends_services_and_what_they_started_and_the_pid_file(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    service = make_service("--with-grandchild")
    supervisor = make_supervisor(service, make_service(name="ui"))
    tick_until(supervisor, lambda: supervisor.is_settled)
    pids = [child.process.pid for child in supervisor.children]

    supervisor.stop()

    for pid in pids + pids_after("grandchild", service.log_file):
        wait_until(lambda pid=pid: is_gone(pid))
    assert pidfile.pid_files(tmp_path) == []
    assert not states_file(tmp_path).exists()


def test_all_is_settled_before_a_service_that_nobody_waits_for(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    slow = make_service("--ready-after=60", name="worker m", required=False, is_awaited=False)
    supervisor = make_supervisor(make_service(), slow)

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert [child.state for child in supervisor.children] == ["ready", "starting"]


def test_without_a_service_that_is_awaited_all_are(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    options = {"required": False, "is_awaited": False}
    slow = make_service("--ready-after=1", name="worker slow", **options)
    supervisor = make_supervisor(make_service(name="worker fast", **options), slow)

    tick_until(supervisor, lambda: supervisor.is_settled)

    assert [child.state for child in supervisor.children] == ["ready", "ready"]


def test_a_failure_that_nobody_waits_for_does_not_count(
    make_service: MakeService, make_supervisor: MakeSupervisor
) -> None:
    worker = make_service("--dies-after=0", name="worker m", required=False, is_awaited=False)
    supervisor = make_supervisor(make_service(), worker)

    tick_until(supervisor, lambda: supervisor.children[1].state == "failed")

    assert supervisor.failed == []
    assert not supervisor.is_hopeless


def test_a_service_that_is_to_stop_is_not_started_again(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    supervisor = make_supervisor(make_service(), make_service(name="worker m"))
    tick_until(supervisor, lambda: supervisor.is_settled)
    worker = pidfile.pid_file(tmp_path, "worker m")

    pidfile.stop_mark(worker).touch()
    tick_until(supervisor, lambda: not worker.exists())

    assert [child.name for child in supervisor.children] == ["api"]
    assert not pidfile.stop_mark(worker).exists()


def test_all_is_over_when_everything_was_stopped_on_request(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    supervisor = make_supervisor(make_service())
    tick_until(supervisor, lambda: supervisor.is_settled)

    pidfile.stop_mark(pidfile.pid_file(tmp_path, "api")).touch()

    tick_until(supervisor, lambda: supervisor.is_over)


def test_stop_kills_a_service_that_ignores_sigterm(
    make_service: MakeService,
    make_supervisor: MakeSupervisor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_module, "GRACE_S", 0.5)
    supervisor = make_supervisor(make_service("--ignores-sigterm"))
    tick_until(supervisor, lambda: supervisor.is_settled)

    began = time.monotonic()
    supervisor.stop()

    assert supervisor.children[0].process.popen.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 10

"""The stop of what the pid file lists."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from server.errors import StartError
from server.supervisor import instance, pidfile
from server.supervisor.console import Console
from server.supervisor.pidfile import Entry
from server.supervisor.shutdown import ask_to_stop, shut_down
from tests.unit.supervisor.conftest import MakeService, MakeSupervisor, tick_until

Processes = list[subprocess.Popen[bytes]]


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Two processes, each the leader of its group."""
    with ExitStack() as stack:
        command = ["sleep", "600"]
        both = [
            stack.enter_context(subprocess.Popen(command, start_new_session=True)) for _ in range(2)
        ]
        yield both
        for process in both:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = pidfile.pid_file(tmp_path, "api")
    path.parent.mkdir(parents=True)
    return path


def entry_of(name: str, process: subprocess.Popen[bytes]) -> Entry:
    entry = pidfile.entry_of(name, process.pid)
    assert entry is not None
    return entry


def test_nothing_running_is_not_an_error(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shut_down([path], Console("zh")) == 0
    assert "没有正在运行的进程" in capsys.readouterr().out


def test_only_what_is_listed_is_stopped(path: Path, processes: Processes) -> None:
    ours, other = processes
    pidfile.write(path, [entry_of("api", ours)])

    assert shut_down([path], Console("en")) == 0

    assert ours.wait(5) != 0
    assert other.poll() is None
    assert not path.exists()


def test_a_process_that_got_the_id_of_ours_is_left_alone(path: Path, processes: Processes) -> None:
    entry = entry_of("supervisor", processes[0])
    pidfile.write(path, [replace(entry, create_time=entry.create_time - 60)])

    assert shut_down([path], Console("en")) == 0

    assert processes[0].poll() is None


def test_a_service_that_ignores_sigterm_is_killed_with_its_group(path: Path) -> None:
    code = (
        "import signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as stubborn:
        assert stubborn.stdout is not None
        grandchild = pidfile.entry_of("sleep", int(stubborn.stdout.readline()))
        entry = entry_of("api", stubborn)

        assert instance.kill([entry]) == []

    assert grandchild is not None
    assert instance.wait([grandchild], 5) == []


def test_leftovers_of_a_killed_supervisor_are_waited_for(
    path: Path, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    pidfile.write(path, [entry_of("api", processes[0])])
    processes[0].terminate()
    # Not yet reaped or just ended: either way it must be gone afterwards.
    instance.clear_leftovers([path], Console("en"))

    assert instance.running(pidfile.read(path)) == []
    assert "Traceback" not in capsys.readouterr().err


def test_the_running_instance_is_named(tmp_path: Path, path: Path, processes: Processes) -> None:
    pidfile.write(path, [entry_of("supervisor", processes[0])])

    with pidfile.hold(path), pytest.raises(StartError) as told, instance.claim([path]):
        pass

    named = f"api is already running on {tmp_path} (process {processes[0].pid})"
    assert named in told.value.message("en")


def test_a_supervisor_is_asked_to_let_one_service_end(path: Path, processes: Processes) -> None:
    supervisor, service = processes
    pidfile.write(path, [entry_of("supervisor", supervisor), entry_of("api", service)])

    ask_to_stop({path: pidfile.read(path)}, is_whole=False)

    assert pidfile.stop_mark(path).exists()
    assert (supervisor.poll(), service.poll()) == (None, None)


def test_a_service_between_two_lives_is_stopped_too(
    make_service: MakeService, make_supervisor: MakeSupervisor, tmp_path: Path
) -> None:
    supervisor = make_supervisor(make_service(name="worker m"))
    (child,) = supervisor.children
    tick_until(supervisor, lambda: supervisor.is_settled)
    child.process.popen.kill()
    tick_until(supervisor, lambda: child.state == "waiting")
    path = pidfile.pid_file(tmp_path, "worker m")

    with ThreadPoolExecutor() as pool:
        status = pool.submit(shut_down, [path], Console("en"), is_whole=False)
        tick_until(supervisor, status.done)

    assert status.result() == 0
    assert supervisor.is_over


def test_a_claim_that_was_given_up_is_free(path: Path) -> None:
    with instance.claim([path]) as claims:
        claims[path].close()

        with instance.claim([path]):
            pass


def test_a_service_without_a_supervisor_is_stopped_itself(path: Path, processes: Processes) -> None:
    pidfile.write(path, [entry_of("endpoint", processes[0])])

    assert shut_down([path], Console("en"), is_whole=False) == 0

    assert processes[0].wait(5) != 0


def test_an_api_that_no_supervisor_started_is_listed_while_it_runs(path: Path) -> None:
    with instance.claim_own(path, "api"):
        (listed,) = pidfile.read(path)
        assert listed.pid == os.getpid()

    assert not path.exists()

"""A service whose supervisor is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.unit.supervisor.conftest import wait_until

STARTER = (
    "import os, subprocess, sys, time\n"
    "environment = {**os.environ, 'ZHIWEN_SUPERVISOR_PID': str(os.getpid())}\n"
    "command = [sys.executable, '-m', 'tests.unit.supervisor.standin', '--watches-parent']\n"
    "child = subprocess.Popen(command, env=environment, start_new_session=True)\n"
    "print('child', child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def starter() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_service_ends_when_its_supervisor_is_killed(starter: subprocess.Popen[str]) -> None:
    assert starter.stdout is not None
    child = psutil.Process(int(starter.stdout.readline().split()[1]))
    starter.stdout.readline()  # it has begun to watch

    os.kill(starter.pid, signal.SIGKILL)

    starter.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_service_without_a_supervisor_lives_on() -> None:
    code = "from server.parent import watch_parent; watch_parent(); print('alive')"
    environment = {name: v for name, v in os.environ.items() if name != "ZHIWEN_SUPERVISOR_PID"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)

    assert done.stdout == b"alive\n"

"""Work is told from idleness, of this process and of others."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from server.model_workers.work_meter import WorkMeter
from tests.e2e.processes import wait_until

WITHIN_S = 30.0


@contextmanager
def running(*command: str) -> Iterator[int]:
    """Run a command and yield the id of its process."""
    with subprocess.Popen(command) as process:
        yield process.pid
        process.kill()


def test_a_process_that_works_advances() -> None:
    with running(sys.executable, "-c", "while True: pass") as pid:
        wait_until(WorkMeter(pid).has_advanced, WITHIN_S, "advanced")


def test_our_own_work_is_not_that_of_another_process() -> None:
    with running("sleep", "600") as pid:
        ours, other = WorkMeter(), WorkMeter(pid)
        while not ours.has_advanced():
            sum(range(10_000))
        assert not other.has_advanced()


def test_a_process_that_is_gone_does_nothing() -> None:
    with running("sleep", "600") as pid:
        meter = WorkMeter(pid)
    assert not meter.has_advanced()

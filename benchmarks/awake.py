"""Keeps the processors awake while short work is measured. Knows no benchmark."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SPIN = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while True:
    pass
"""


@contextmanager
def keep_awake() -> Iterator[None]:
    """Keep all processors busy with work that gives way to any other.

    A processor that was idle wakes at a lower clock: a few milliseconds of work between pauses then
    count for almost twice the CPU time that the same work takes in a service under load.
    """
    spinners = [
        subprocess.Popen([sys.executable, "-c", SPIN])  # our own words
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()

"""The engine that a worker starts: its process, its restarts, its end. Knows no requests."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from configs import ROOT
from server.model_workers.work_meter import WorkMeter
from server.parent import PARENT_VARIABLE

logger = logging.getLogger(__name__)

STOP_WITHIN_S = 2.5  # the worker waits 4 for its requests, and is killed after 8
SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
LONG_LIFE_S = 180.0  # after which an end is a new trouble, not the one before


class EngineProcess:
    """A command in a process group of its own; once it has served it is started again and again."""

    def __init__(self, command: Sequence[str], *, stop_within_s: float = STOP_WITHIN_S) -> None:
        self.command = tuple(command)
        self.stop_within_s = stop_within_s
        self.popen: subprocess.Popen[bytes] | None = None
        self.is_over = threading.Event()
        self.lock = threading.Lock()  # no start after the end

    def start(self) -> None:
        """Start the command; its output goes to the log of the worker."""
        logger.info("starting the engine %s", self.command[0])  # its arguments may hold a key
        clean = {name: value for name, value in os.environ.items() if name[:7] != "ZHIWEN_"}
        self.popen = subprocess.Popen(  # noqa: S603  # the user's own command
            [sys.executable, "-m", "server.model_workers.engine_guard", *self.command],
            cwd=ROOT,
            env={**clean, PARENT_VARIABLE: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.meter, self.worked_at = WorkMeter(self.popen.pid), time.monotonic()

    def exit_code(self) -> int | None:
        """Return how the engine ended, None while it runs."""
        return self.popen.poll() if self.popen else None

    def idle_s(self) -> float:
        """Return for how long the engine has done nothing."""
        if self.meter.has_advanced():
            self.worked_at = time.monotonic()
        return time.monotonic() - self.worked_at

    def keep(self) -> None:
        """Start the engine again whenever it dies, with growing pauses, until ``stop``."""
        threading.Thread(target=self._keep, name="engine", daemon=True).start()

    def _keep(self) -> None:
        pause_s = 0.0
        while self.popen is not None:
            began_at = time.monotonic()
            code = self.popen.wait()
            pause_s = next_pause_s(pause_s, time.monotonic() - began_at)
            if self.is_over.wait(pause_s):
                return
            logger.error("the engine ended (%s) and is started again", code)
            self._start_again()

    def _start_again(self) -> None:
        with self.lock:
            if self.is_over.is_set():
                return
            try:
                self.start()
            except OSError as error:  # no memory, no process left; the next time may do better
                logger.error("the engine could not be started: %s", error)

    def stop(self) -> None:
        """End the engine, politely first, with all that it started."""
        self.is_over.set()
        with self.lock:
            engine = self.popen
        if engine is None:
            return
        signal_group(engine.pid, signal.SIGTERM)
        try:
            engine.wait(self.stop_within_s)
        except subprocess.TimeoutExpired:
            logger.warning("the engine does not end by itself and is killed")
        signal_group(engine.pid, signal.SIGKILL)
        engine.wait()


def next_pause_s(pause_s: float, lived_s: float) -> float:
    """Return the pause before the next start: twice the last, short again after a long life."""
    if lived_s > LONG_LIFE_S:
        return SHORTEST_PAUSE_S
    return min(max(2 * pause_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may be gone."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a dead group
        return

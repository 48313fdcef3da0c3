"""The signals that ask a process to stop. Does not know how it stops."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KILLED_BY_USER = 128 + signal.SIGINT


class StopSignals:
    """Remembers that a stop was asked for; the second time there is no waiting."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self.kill = kill
        self.received: signal.Signals | None = None

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; at the second one kill what runs and leave."""
        if self.received is not None:
            # Here and not in the main loop, which may be waiting for a blocked terminal.
            self.kill()
            os._exit(KILLED_BY_USER)
        self.received = signal.Signals(number)


@contextmanager
def catch_signals(kill: Callable[[], None]) -> Iterator[StopSignals]:
    """Catch the signals that stop; a SIGHUP that ``nohup`` switched off stays so."""
    caught = StopSignals(kill)
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if number != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(number, caught.handle)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The watch that a service keeps on its supervisor. Knows nothing of either's work."""

import os
import signal
import threading
import time

PARENT_VARIABLE = "ZHIWEN_SUPERVISOR_PID"
CHECK_EVERY_S = 0.5
GRACE_S = 8.0  # as long as the supervisor itself would wait


def watch_parent() -> None:
    """End this process soon after the supervisor that started it is gone, however it died.

    Does nothing in a process that no supervisor started.
    """
    # Taken out, so that a process started by this one does not take the supervisor for its own.
    parent = os.environ.pop(PARENT_VARIABLE, None)
    if parent is not None:
        threading.Thread(target=follow, args=(int(parent),), daemon=True).start()


def follow(parent: int) -> None:
    """Wait until the parent is another one, stop politely, then for certain."""
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)

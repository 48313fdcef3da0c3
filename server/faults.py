"""Named points at which the crash tests end or trouble a process. Knows nothing of the work there.

Inert unless the variable ``ZHIWEN_FAULT`` is set:

- ``kill=NAME`` or ``kill=NAME:3``: SIGKILL when the point is reached (for the third time);
- ``full=NAME``: the disk is full there, from the first time on;
- ``trace=PATH``: append the name of every point that is reached to a file.
"""

import errno
import os
import signal
import threading
from pathlib import Path

VARIABLE = "ZHIWEN_FAULT"

_counting = threading.Lock()
_seen: dict[str, int] = {}


def fault_point(name: str) -> None:
    """Mark a moment at which everything may end; without the variable, do nothing.

    Raises:
        OSError: the variable asks for a full disk here.
    """
    if wanted := os.environ.get(VARIABLE):
        strike(name, wanted)


def strike(name: str, wanted: str) -> None:
    """Do what the variable asks for at this point."""
    action, _, rest = wanted.partition("=")
    if action == "trace":
        with Path(rest).open("a") as file:
            file.write(f"{name}\n")
        return
    target, _, number = rest.partition(":")
    if target != name:
        return
    if action == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with _counting:
        _seen[name] = _seen.get(name, 0) + 1
        is_due = _seen[name] == int(number or 1)
    if action == "kill" and is_due:
        os.kill(os.getpid(), signal.SIGKILL)

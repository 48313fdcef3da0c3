"""How the C library gives memory to threads and back to the system. Knows no service."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable

M_ARENA_MAX = -8  # of mallopt(3) in glibc
ARENAS = 2  # glibc takes up to eight per core
TRIM_EVERY_S = 60.0  # it takes some milliseconds


def share_heaps() -> None:
    """Let all threads share two heaps; call it before there are threads.

    With a heap for each, what some threads gave back is of no use to the others, and the process
    keeps it. Other C libraries have no such heaps.
    """
    mallopt = find_function("mallopt")
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def trim_heaps() -> None:
    """Give free pages back to the system from now on, in a thread of its own.

    By itself glibc gives back the end of a heap only, and the end is hardly ever free.
    """
    trim = find_function("malloc_trim")
    if trim is not None:
        threading.Thread(target=repeat, args=(trim,), name="heap-trimmer", daemon=True).start()


def repeat(trim: Callable[[int], int]) -> None:
    """Trim for ever."""
    while True:
        time.sleep(TRIM_EVERY_S)
        trim(0)


def find_function(name: str) -> Callable[..., int] | None:
    """Return a function of glibc, None with another C library."""
    if sys.platform != "linux":
        return None
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function

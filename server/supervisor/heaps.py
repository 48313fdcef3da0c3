"""How the C library gives memory to threads. Knows no service."""

import ctypes
import sys

M_ARENA_MAX = -8  # of mallopt(3) in glibc
ARENAS = 2  # glibc takes up to eight per core


def share_heaps() -> None:
    """Let all threads share two heaps; call it before there are threads.

    With a heap for each, what some threads gave back is of no use to the others, and the process
    keeps it. Other C libraries have no such heaps.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, ARENAS)

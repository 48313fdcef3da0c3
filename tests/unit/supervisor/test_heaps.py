import subprocess
import sys

import pytest

from configs import ROOT

# Eight threads take memory at the same time; malloc_info(3) tells how many heaps there are.
THREADS = """
import ctypes, sys, threading
from server.supervisor.heaps import share_heaps
if sys.argv[1] == "shared":
    share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
barrier = threading.Barrier(8)
def work():
    pieces = [libc.malloc(1000) for _ in range(100)]
    barrier.wait()
    for piece in pieces:
        libc.free(piece)
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fdopen.restype = ctypes.c_void_p
file = libc.fdopen(1, b"w")
libc.malloc_info(0, file)
libc.fflush(ctypes.c_void_p(file))
"""


# A page is left at the end of 200 MB that are given back: glibc alone keeps them.
PAGES = """
import ctypes, sys, time
from server.supervisor import heaps
heaps.TRIM_EVERY_S = 0.05
if sys.argv[1] == "trimmed":
    heaps.trim_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
pieces = [libc.malloc(4000) for _ in range(50_000)]
for piece in pieces[:-1]:
    ctypes.memset(piece, 1, 4000)
    libc.free(piece)
time.sleep(1)
print(open("/proc/self/statm").read().split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has a heap for each thread")
def test_threads_share_two_heaps() -> None:
    def count(mode: str) -> int:
        run = subprocess.run(
            [sys.executable, "-c", THREADS, mode], cwd=ROOT, capture_output=True, check=True
        )
        return run.stdout.count(b"<heap nr=")

    assert count("shared") <= 2 < count("own")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what is free")
def test_free_pages_go_back_to_the_system() -> None:
    def pages(mode: str) -> int:
        run = subprocess.run(
            [sys.executable, "-c", PAGES, mode], cwd=ROOT, capture_output=True, check=True
        )
        return int(run.stdout)

    assert pages("kept") - pages("trimmed") > 30_000  # of 4 KiB

"""The API with a watcher that tells which part of it spends the CPU time.

``python -m benchmarks.sampled_api FILE`` serves as ``server/api.py`` does. A few hundred times a
second every thread's CPU time since the last look is put down to the innermost part of ours that it
is in; what no thread of Python used belongs to the threads of native libraries. SIGUSR1 begins
anew, SIGUSR2 writes the sums to FILE as JSON, in seconds.
"""

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.004
NATIVE = "native threads"
OWN = "watcher"  # what it costs itself is nobody's


class Watcher:
    """Adds up CPU time by module; runs in a thread of its own."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self._seen: dict[int, int] = {}  # CPU nanoseconds by thread
        self._threads_s = 0.0
        self._since_s = time.process_time()

    def reset(self) -> None:
        """Forget what was added up so far."""
        self.sums = Counter()
        self._threads_s = 0.0
        self._since_s = time.process_time()

    def run(self) -> None:
        """Look again and again."""
        while True:
            time.sleep(EVERY_S)
            frames = sys._current_frames()
            for thread in threading.enumerate():
                if thread.ident in frames and thread.native_id is not None:
                    self._look(thread.native_id, frames[thread.ident])

    def _look(self, number: int, frame: FrameType) -> None:
        part = OWN if number == threading.get_native_id() else find_part(frame)
        try:
            text = Path(f"/proc/self/task/{number}/schedstat").read_text()
        except OSError:  # the thread has just ended
            return
        now = int(text.split()[0])
        spent_s = (now - self._seen.get(number, now)) / 1e9
        self._seen[number] = now
        self._threads_s += spent_s
        if part != OWN:
            self.sums[part] += spent_s  # type: ignore[assignment]  # counts in seconds

    def report(self) -> dict[str, float]:
        """Return the sums by module."""
        native_s = time.process_time() - self._since_s - self._threads_s
        return {**self.sums, NATIVE: max(0.0, native_s)}


def find_part(frame: FrameType | None) -> str:
    """Return the innermost module of ours on a stack."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(("server.", "embeddings.", "benchmarks.")):
            return name
        frame = frame.f_back
    return ""


def main() -> None:
    """Serve and watch."""
    watcher, path = Watcher(), Path(sys.argv[1])
    signal.signal(signal.SIGUSR1, lambda *_: watcher.reset())
    signal.signal(signal.SIGUSR2, lambda *_: write(path, watcher.report()))
    threading.Thread(target=watcher.run, name="watcher", daemon=True).start()
    from server.supervisor.serve import serve

    sys.exit(serve({}))


def write(path: Path, report: dict[str, float]) -> None:
    """Write the report, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(report))
    temporary.replace(path)


if __name__ == "__main__":
    main()

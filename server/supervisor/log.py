"""The log file of a service: rotated, followed, quoted. Does not know what its lines mean."""

from collections import deque
from pathlib import Path

MAX_BYTES = 10 * 2**20


def rotate(path: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Move a log that has grown too large to ``<name>.1``, over the one before."""
    if path.exists() and path.stat().st_size > max_bytes:
        path.replace(path.with_name(f"{path.name}.1"))


class LogFollower:
    """Reads what is appended to a log from now on."""

    def __init__(self, path: Path, *, kept_lines: int = 20) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0
        self.rest = b""
        self.last_lines: deque[str] = deque(maxlen=kept_lines)

    def new_lines(self, *, is_final: bool = False) -> list[str]:
        """Return the lines completed since the last call; ``is_final``: also one without an end."""
        self.rest += self.read_new()
        *complete, self.rest = self.rest.split(b"\n")
        if is_final and self.rest:
            complete, self.rest = [*complete, self.rest], b""
        lines = [line.decode("utf-8", errors="replace").rstrip("\r") for line in complete]
        self.last_lines.extend(lines)
        return lines

    def read_new(self) -> bytes:
        """Return the bytes after those already read; a file that shrank is read from its start."""
        if not self.path.exists():
            return b""
        size = self.path.stat().st_size
        if size == self.offset:
            return b""
        with self.path.open("rb") as log:
            log.seek(self.offset if size > self.offset else 0)
            read = log.read()
            self.offset = log.tell()
        return read

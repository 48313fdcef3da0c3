"""Many documents in one file that nobody else sees, until they are stored. Knows no names.

It is gone with the process, whatever happens.
"""

import io
import os
import tempfile
from dataclasses import dataclass
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies in the file."""

    start: int
    size: int


class Spool:
    """Takes documents one after the other; gives them back in any order."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self.size = 0  # bytes

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, data: bytes) -> Place:
        """Take a document."""
        place = Place(self.size, len(data))
        self._file.write(data)
        self.size += len(data)
        return place

    def open(self, place: Place) -> "Part":
        """Return a document as a stream."""
        self._file.flush()
        return Part(self._file.fileno(), place)


class Part(io.RawIOBase):
    """A document as a stream that shares its file with the others."""

    def __init__(self, file: int, place: Place) -> None:
        super().__init__()
        self._file = file
        self._place = place
        self._at = 0

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on reading from an offset."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._place.size}[whence]
        self._at = min(max(0, begin + offset), self._place.size)
        return self._at

    def readinto(self, buffer: Any) -> int:  # whatever bytes can be written into
        """Read what comes next."""
        left = min(len(buffer), self._place.size - self._at)
        data = os.pread(self._file, left, self._place.start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

"""The lock that keeps a data folder to one process. Knows no processes but the holder's number."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fasteners import InterProcessLock

from server.errors import DataDirectoryInUse, StorageFull
from server.knowledge_base.paths import DataFolder


class FolderLock:
    """Taken while a process serves a data folder; the system frees it when the process ends."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self._lock = InterProcessLock(folder.lock)

    def acquire(self) -> None:
        """Take the folder for this process.

        Raises:
            DataDirectoryInUse: another process has it.
            StorageFull: the folder cannot be written.
        """
        holder = self.folder.lock.with_suffix(".pid")
        try:
            holder.parent.mkdir(parents=True, exist_ok=True)
            if self._lock.acquire(blocking=False):
                holder.write_text(str(os.getpid()))
                return
        except OSError as error:
            raise StorageFull(reason=f"{holder.parent}, {error.strerror}") from error
        pid = holder.read_text() if holder.is_file() else "?"
        raise DataDirectoryInUse(path=self.folder.root, pid=pid)

    def release(self) -> None:
        """Give the folder back, if it was taken."""
        if self._lock.acquired:
            self._lock.release()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Take the folder for a while."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

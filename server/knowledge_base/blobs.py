"""The stored bytes of files, named by their sha256, and their view under names for people."""

import errno
import hashlib
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from server.errors import EmptyDocument, StorageFull, TooLarge
from server.faults import fault_point
from server.knowledge_base.paths import DataFolder

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
ORPHAN_AGE_S = 3600  # an upload stores its blob before its row, so young ones may be in use
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are on the disk under their hash."""

    sha256: str
    size: int  # bytes


class BlobStore:
    """Reads and writes blobs; every write is on disk before it is visible."""

    def __init__(self, folder: DataFolder, *, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._collecting = threading.Lock()

    def store(self, kb_name: str, file_name: str, source: BinaryIO) -> Blob:
        """Copy a stream to the disk under its hash, for good: a power cut does not undo it.

        Raises:
            TooLarge: it is longer than ``max_bytes``.
            EmptyDocument: it has no bytes.
            StorageFull: the disk is full or cannot be written.
        """
        folder = self.folder.blobs(kb_name)
        temporary = folder / f".{secrets.token_hex(8)}.tmp"
        with storage_errors():
            try:
                folder.mkdir(exist_ok=True)
                sha256, size = self._copy(source, temporary, file_name)
                with self._collecting:  # what is being collected may have this very name
                    fault_point("blob.before_rename")
                    temporary.replace(self.folder.blob(kb_name, sha256))
                fault_point("blob.before_folder_sync")
                sync_folder(folder)
                fault_point("blob.after_folder_sync")
            finally:
                temporary.unlink(missing_ok=True)
        return Blob(sha256, size)

    def make_folder(self, kb_name: str) -> None:
        """Make the folder of a knowledge base, for good."""
        with storage_errors():
            folder = self.folder.blobs(kb_name)
            fault_point("folder.before")
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
            sync_folder(self.folder.root)

    def has(self, kb_name: str, sha256: str) -> bool:
        """Return whether the bytes with this hash are there, and not just being removed."""
        with self._collecting:
            return self.folder.blob(kb_name, sha256).is_file()

    def remove_leftovers(self, kb_name: str) -> None:
        """Remove what an interrupted ``publish`` left in ``content/``; only while none runs."""
        for path in (self.folder.knowledge_base(kb_name) / "content").glob("**/.*.tmp"):
            path.unlink(missing_ok=True)

    def remove_unused(self, kb_name: str, sha256: str, is_used: Callable[[], bool]) -> None:
        """Remove bytes unless they are used.

        Who comes to need them at this moment asks by ``has`` after having noted that in SQL.
        """
        with self._collecting:
            if not is_used():
                fault_point("blob.before_removal")
                self.folder.blob(kb_name, sha256).unlink(missing_ok=True)

    def _copy(self, source: BinaryIO, target: Path, file_name: str) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with target.open("xb") as output:
            while block := source.read(BLOCK):
                size += len(block)
                if size > self.max_bytes:
                    raise too_large(file_name, self.max_bytes)
                digest.update(block)
                output.write(block)
            fault_point("blob.before_sync")
            output.flush()
            os.fsync(output.fileno())
            fault_point("blob.after_sync")
        if not size:
            raise EmptyDocument(name=file_name)
        return digest.hexdigest(), size

    def publish(self, kb_name: str, file_name: str, blob: str) -> None:
        """Show a blob under the file's name in ``content/``, for people; replaces what is there."""
        target = self.folder.content(kb_name, file_name)
        if has_hash(target, blob):
            return
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        with storage_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(self.folder.blob(kb_name, blob), temporary)
                fault_point("content.before_rename")
                temporary.replace(target)
                fault_point("content.after_rename")
            finally:
                temporary.unlink(missing_ok=True)

    def unpublish(self, kb_name: str, file_name: str) -> None:
        """Remove a file from ``content/``, with the folders that it leaves empty."""
        target = self.folder.content(kb_name, file_name)
        fault_point("content.before_unlink")
        target.unlink(missing_ok=True)
        top = self.folder.knowledge_base(kb_name) / "content"
        for parent in target.parents:
            if parent == top or not parent.is_dir() or any(parent.iterdir()):
                return
            parent.rmdir()

    def collect(self, kb_name: str, used: set[str], *, min_age_s: float = ORPHAN_AGE_S) -> int:
        """Delete blobs that no file uses and that are older than ``min_age_s``; count them."""
        folder = self.folder.blobs(kb_name)
        limit = time.time() - min_age_s
        count = 0
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name in used:
                continue
            with self._collecting, suppress(FileNotFoundError):  # an upload has just ended
                if path.stat().st_mtime < limit:
                    fault_point("blob.before_unlink")
                    path.unlink()
                    count += 1
        return count

    def discard(self, kb_name: str, kb_id: int) -> None:
        """Move the folder of a knowledge base out of the way, for good or until ``recover``."""
        folder = self.folder.knowledge_base(kb_name)
        if folder.is_dir():
            fault_point("trash.before_rename")
            folder.rename(self.folder.trash(kb_id))
            fault_point("trash.after_rename")
            sync_folder(self.folder.root)

    def restore(self, kb_name: str, kb_id: int) -> None:
        """Take back ``discard``, if it was done: the deletion was not committed."""
        if self.folder.trash(kb_id).is_dir():
            with storage_errors():
                fault_point("trash.before_restore")
                self.folder.trash(kb_id).rename(self.folder.knowledge_base(kb_name))

    def empty_trash(self, kb_id: int) -> None:
        """Delete the discarded folder of a knowledge base.

        Raises:
            OSError: something of it is still there.
        """
        fault_point("trash.before_removal")
        if self.folder.trash(kb_id).is_dir():
            shutil.rmtree(self.folder.trash(kb_id))
        fault_point("trash.after_removal")

    def recover(self, names: Mapping[int, str]) -> None:
        """Finish or take back deletions that a crash interrupted, given the names by id."""
        for kb_id, name in names.items():
            self.restore(name, kb_id)
            self.make_folder(name)
        for trash in self.folder.all_trash():
            shutil.rmtree(trash, ignore_errors=True)
        kept = {str(kb_id) for kb_id in names}
        for index in self.folder.indexes.glob("*"):
            if index.name not in kept:
                shutil.rmtree(index, ignore_errors=True)


def too_large(file_name: str, max_bytes: int) -> TooLarge:
    """Return the error for a file beyond the limit."""
    return TooLarge(
        what_en=f"The file {file_name!r}",
        what_zh=f"文件 {file_name!r} ",
        limit=f"{max_bytes >> 20} MiB",
        setting="kb.max_file_mb",
    )


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def has_hash(path: Path, sha256: str) -> bool:
    """Return whether a file is there and has this hash."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a full or read-only disk into an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(reason=error.strerror) from error
        raise

"""The stored bytes of files, named by their sha256, and their view under names for people."""

import errno
import hashlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from server.errors import EmptyDocument, StorageFull, TooLarge
from server.knowledge_base.paths import DataFolder

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
ORPHAN_AGE_S = 3600  # an upload stores its blob before its row, so young ones may be in use
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes that are on the disk, but not yet where blobs lie."""

    sha256: str
    size: int  # bytes
    path: Path
    target: Path

    def keep(self) -> None:
        """Move the bytes under their hash, for good: a power cut does not undo it.

        Raises:
            StorageFull: the disk cannot be written.
        """
        with storage_errors():
            self.path.replace(self.target)
            sync_folder(self.target.parent)


class BlobStore:
    """Reads and writes blobs; every write is on disk before it is visible."""

    def __init__(self, folder: DataFolder, *, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    @contextmanager
    def stage(self, kb_name: str, file_name: str, source: BinaryIO) -> Iterator[StagedBlob]:
        """Copy a stream to the disk and yield it; gone at the end of the block unless kept.

        Raises:
            TooLarge: it is longer than ``max_bytes``.
            EmptyDocument: it has no bytes.
            StorageFull: the disk is full or cannot be written.
        """
        folder = self.folder.blobs(kb_name)
        temporary = folder / f".{secrets.token_hex(8)}.tmp"
        try:
            with storage_errors():
                folder.mkdir(parents=True, exist_ok=True)
                sha256, size = self._copy(source, temporary, file_name)
            yield StagedBlob(sha256, size, temporary, self.folder.blob(kb_name, sha256))
        finally:
            temporary.unlink(missing_ok=True)

    def _copy(self, source: BinaryIO, target: Path, file_name: str) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with target.open("xb") as output:
            while block := source.read(BLOCK):
                size += len(block)
                if size > self.max_bytes:
                    raise too_large(file_name, self.max_bytes)
                digest.update(block)
                output.write(block)
            output.flush()
            os.fsync(output.fileno())
        if not size:
            raise EmptyDocument(name=file_name)
        return digest.hexdigest(), size

    def publish(self, kb_name: str, file_name: str, blob: str) -> None:
        """Show a blob under the file's name in ``content/``, for people; replaces what is there."""
        target = self.folder.content(kb_name, file_name)
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        with storage_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(self.folder.blob(kb_name, blob), temporary)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def unpublish(self, kb_name: str, file_name: str) -> None:
        """Remove a file from ``content/``, with the folders that it leaves empty."""
        target = self.folder.content(kb_name, file_name)
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
        old = [
            path
            for path in (folder.iterdir() if folder.is_dir() else ())
            if path.is_file() and path.name not in used and path.stat().st_mtime < limit
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def discard(self, kb_name: str, kb_id: int) -> None:
        """Move the folder of a knowledge base out of the way, for good or until ``recover``."""
        folder = self.folder.knowledge_base(kb_name)
        if folder.is_dir():
            folder.rename(self.folder.trash(kb_id))

    def restore(self, kb_name: str, kb_id: int) -> None:
        """Take back ``discard``, if it was done: the deletion was not committed."""
        if self.folder.trash(kb_id).is_dir():
            self.folder.trash(kb_id).rename(self.folder.knowledge_base(kb_name))

    def empty_trash(self, kb_id: int) -> None:
        """Delete the discarded folder of a knowledge base."""
        shutil.rmtree(self.folder.trash(kb_id), ignore_errors=True)

    def recover(self, names: Mapping[int, str]) -> None:
        """Finish or take back deletions that a crash interrupted, given the names by id.

        Blobs of a knowledge base that does not exist belong to an upload that came too late.
        """
        for kb_id, name in names.items():
            self.restore(name, kb_id)
        for trash in self.folder.all_trash():
            shutil.rmtree(trash, ignore_errors=True)
        known = {self.folder.knowledge_base(name) for name in names.values()}
        for blobs in self.folder.root.glob("[!.]*/blobs"):
            if blobs.parent not in known:
                shutil.rmtree(blobs, ignore_errors=True)
                with suppress(OSError):  # it holds more, which is not ours
                    blobs.parent.rmdir()


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


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a full or read-only disk into an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(reason=error.strerror) from error
        raise

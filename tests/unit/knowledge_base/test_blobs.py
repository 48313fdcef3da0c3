"""Stored bytes: complete or not there."""

import hashlib
import os
import time
from io import BytesIO
from pathlib import Path

import pytest

from server.errors import EmptyDocument, TooLarge, UnsafeName
from server.knowledge_base.blobs import BlobStore
from server.knowledge_base.paths import DataFolder


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    made = BlobStore(DataFolder(tmp_path), max_bytes=1 << 20)
    made.make_folder("kb")
    return made


def store(blobs: BlobStore, name: str, content: bytes) -> str:
    return blobs.store("kb", name, BytesIO(content)).sha256


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_kept_bytes_lie_under_their_hash(blobs: BlobStore) -> None:
    sha256 = store(blobs, "a.txt", b"hello")
    assert sha256 == hashlib.sha256(b"hello").hexdigest()
    assert blobs.folder.blob("kb", sha256).read_bytes() == b"hello"


def test_a_stream_that_breaks_off_leaves_nothing(blobs: BlobStore) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise ConnectionResetError
            return super().read(3)

    with pytest.raises(ConnectionResetError):
        blobs.store("kb", "a.txt", Broken(b"hello"))
    assert list_files(blobs.folder.root) == []


@pytest.mark.parametrize("is_used", [True, False])
def test_bytes_are_removed_unless_they_are_used(blobs: BlobStore, is_used: bool) -> None:
    blob = store(blobs, "a.txt", b"hello")
    blobs.remove_unused("kb", blob, lambda: is_used)
    assert blobs.has("kb", blob) is is_used


def test_the_same_bytes_are_stored_once(blobs: BlobStore) -> None:
    first, second = store(blobs, "a.txt", b"hello"), store(blobs, "b.txt", b"hello")
    assert first == second
    assert list_files(blobs.folder.root) == [first]


def test_a_stream_beyond_the_limit_leaves_nothing(blobs: BlobStore) -> None:
    with pytest.raises(TooLarge, match="1 MiB"):
        store(blobs, "a.txt", b"x" * (1 << 21))
    assert list_files(blobs.folder.root) == []


def test_an_empty_stream_leaves_nothing(blobs: BlobStore) -> None:
    with pytest.raises(EmptyDocument):
        store(blobs, "a.txt", b"")
    assert list_files(blobs.folder.root) == []


def test_a_published_file_has_its_name_and_bytes(blobs: BlobStore) -> None:
    blob = store(blobs, "sub/a.txt", b"hello")
    blobs.publish("kb", "sub/a.txt", blob)
    assert (blobs.folder.root / "kb/content/sub/a.txt").read_bytes() == b"hello"


def test_unpublishing_removes_folders_that_it_leaves_empty(blobs: BlobStore) -> None:
    blob = store(blobs, "sub/a.txt", b"hello")
    blobs.publish("kb", "sub/a.txt", blob)
    blobs.unpublish("kb", "sub/a.txt")
    assert not (blobs.folder.root / "kb/content/sub").exists()


def test_collecting_keeps_used_and_young_blobs(blobs: BlobStore) -> None:
    used = store(blobs, "a.txt", b"used")
    young = store(blobs, "b.txt", b"young")
    old = store(blobs, "c.txt", b"old")
    for sha256 in (used, old):
        long_ago = time.time() - 7200
        os.utime(blobs.folder.blob("kb", sha256), (long_ago, long_ago))
    assert blobs.collect("kb", {used}) == 1
    assert list_files(blobs.folder.root) == sorted([used, young])


def test_a_link_in_content_that_leads_out_is_refused(blobs: BlobStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "kb" / "content").mkdir()
    (tmp_path / "kb" / "content" / "link").symlink_to(outside)
    with pytest.raises(UnsafeName, match="leads out"):
        blobs.folder.content("kb", "link/a.txt")

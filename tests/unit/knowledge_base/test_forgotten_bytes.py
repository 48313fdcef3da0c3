"""Bytes that no file, version or job needs any more go at once, not only with the next upkeep."""

import asyncio
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from server.container import Container
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import Upload
from tests.conftest import make_settings

OPTIONS = IngestOptions(override=True)
PATIENCE_S = 60


@pytest.fixture(params=[0, 1], ids=["no versions kept", "one version kept"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Container]:
    built = Container(make_settings(tmp_path, kb={"keep_versions": request.param}))
    built.prepare()
    built.knowledge_bases.create("kb")
    yield built
    asyncio.run(built.close())


def upload(name: str, text: str) -> Upload:
    return Upload(name, BytesIO(text.encode()))


def wait_for_blobs(service: Container, count: int) -> None:
    """Wait until so many are left: they go just after a job has ended."""
    deadline = time.monotonic() + PATIENCE_S
    folder = service.knowledge_bases.blobs.folder.blobs("kb")
    while len(found := list(folder.iterdir())) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_version_that_is_not_kept_leaves_no_bytes(service: Container) -> None:
    bases = service.knowledge_bases
    for text in ("First.", "Second.", "Third."):
        bases.add_file("kb", "a.txt", BytesIO(text.encode()), options=OPTIONS)
    wait_for_blobs(service, 1 + bases.settings.keep_versions)


def test_bytes_that_another_file_has_stay(service: Container) -> None:
    bases = service.knowledge_bases
    bases.add_file("kb", "b.txt", BytesIO(b"First."), options=OPTIONS)
    for text in ("First.", "Second.", "Third."):
        bases.add_file("kb", "a.txt", BytesIO(text.encode()), options=OPTIONS)
    wait_for_blobs(service, 2 + bases.settings.keep_versions)
    _, path = bases.find_blob("kb", "b.txt")
    assert path.read_bytes() == b"First."


def test_an_upload_that_a_later_one_overtook_leaves_no_bytes(service: Container) -> None:
    bases = service.knowledge_bases
    lines = "".join(f"Line {number} of a long file.\n\n" for number in range(2000))
    first = bases.submissions.submit("kb", [upload("a.txt", lines)], options=OPTIONS)
    second = bases.submissions.submit("kb", [upload("a.txt", "Short.")], options=OPTIONS)
    first.ended.result(PATIENCE_S)
    second.ended.result(PATIENCE_S)
    (file,), _ = bases.outcomes("kb", first.job.id)
    was_overtaken = (file.note or {})["outcome"] == "superseded"
    wait_for_blobs(service, 1 if was_overtaken else 1 + bases.settings.keep_versions)

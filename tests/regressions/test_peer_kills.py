"""What a kill or a signal does to Langchain-Chatchat 0.2.10, and does not do here."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.api import DEAD_WITHIN_S, Api, Folder, running
from tests.crash.documents import marker, markers_in, write_document
from tests.e2e.processes import wait_until
from tests.regressions.service import Service, empty, index_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NAMES = [f"{number:02}.md" for number in range(20)]
FILES = {name: write_document(name, 1) for name in NAMES}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@contextmanager
def served(folder: Folder) -> Iterator[tuple[Service, Api]]:
    """Run a process on a data folder until it is killed or the test is done with it."""
    with running(folder) as api:
        yield Service(api.http), api


def assert_whole(service: Service, kb: str) -> None:
    assert service.files(kb) == NAMES
    for name in NAMES:
        assert service.find(kb, marker(name, 1))[0] == name


def test_chatchat_empty_index_after_a_kill(folder: Folder) -> None:
    """A kill while the index was saved left 0 bytes; then a 500, then every one of them hung."""
    with served(folder) as (service, api):
        for kb in ("kb", "other"):
            service.create(kb)
            service.add(kb, FILES)
        changes = {name: write_document(name, 2) for name in NAMES}
        service.upload("kb", changes, override="true", background="true")
        api.kill()
    empty(index_files(folder.data))
    with served(folder) as (service, api):
        assert_whole(service, "other")
        api.wait_all_jobs()
        assert service.files("kb") == NAMES
        for name in NAMES:
            assert markers_in(service.content("kb", name).decode()) == {marker(name, 2)}
            assert service.find("kb", marker(name, 2))[0] == name
        assert_whole(service, "other")


@pytest.mark.parametrize("listed", [0, 1, 7])
def test_chatchat_a_kill_during_an_upload_of_20_files_loses_some(
    folder: Folder, listed: int
) -> None:
    """After a kill some files were on disk only, others listed but not found; nothing said so."""
    with served(folder) as (service, api):
        service.create("kb")
        accepted = service.upload("kb", FILES, background="true")
        assert accepted.status_code == 202
        wait_until(
            lambda: service.get("/knowledge_bases/kb")["files"] >= listed,
            DEAD_WITHIN_S,
            "so many files",
        )
        api.kill()
    with served(folder) as (service, api):
        job = service.wait_for(accepted.json()["id"])
        assert (job["status"], job["total"], job["failed"]) == ("done", 20, 0)
        assert_whole(service, "kb")
        (again,) = {file["outcome"] for file in service.add("kb", FILES)}
        assert again == "unchanged"


def test_chatchat_a_kill_during_an_update_loses_the_old_version(folder: Folder) -> None:
    """An update committed its deletion before the new version was there."""
    with served(folder) as (service, api):
        service.create("kb")
        service.add("kb", FILES)
        changes = {name: write_document(name, 2, sentences=200) for name in NAMES}
        before = service.get("/knowledge_bases/kb")["revision"]
        accepted = service.upload("kb", changes, override="true", background="true")
        assert accepted.status_code == 202
        wait_until(
            lambda: service.get("/knowledge_bases/kb")["revision"] > before,
            DEAD_WITHIN_S,
            "first change",
        )
        api.kill()
    with served(folder) as (service, api):
        assert service.files("kb") == NAMES
        for name in NAMES:
            assert service.content("kb", name) in (FILES[name], changes[name])
        api.wait_all_jobs()
        for name in NAMES:
            mark = marker(name, 2)
            assert service.content("kb", name) == changes[name]
            chunks = service.get(f"/knowledge_bases/kb/files/{name}/chunks")
            assert {found for chunk in chunks for found in markers_in(chunk["text"])} == {mark}
            assert service.find("kb", mark)[0] == name


def test_chatchat_a_signal_ends_it_late_and_with_a_traceback(folder: Folder) -> None:
    """SIGTERM was followed by seconds of nothing and the traceback of a KeyboardInterrupt."""
    with served(folder) as (service, api):
        service.create("kb")
        service.upload("kb", FILES, background="true")
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(DEAD_WITHIN_S) in (0, -signal.SIGTERM)
        assert "Traceback" not in api.output()
    with served(folder) as (service, api):
        api.wait_all_jobs()
        assert_whole(service, "kb")

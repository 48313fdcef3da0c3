"""The folder content/ while files are deleted and uploaded: nothing comes back, no edit is lost."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from server import faults
from server.container import Container
from server.db.files import look_up_file
from server.db.jobs import NewJobFile, add_job, queued_files
from server.db.knowledge_bases import find_kb
from server.db.models import FileRow, JobFileRow, JobRow, now
from server.errors import UnknownFile
from server.knowledge_base.content_folder import Intake
from server.knowledge_base.ingest import IngestOptions
from tests.conftest import make_settings

At = Callable[[str, Callable[[], None]], None]
OPTIONS = IngestOptions(override=True)
HEAD_START_S = 0.5  # for what must not get ahead; too little would only let a fault pass unseen


@pytest.fixture(params=[0, 3], ids=["no versions kept", "versions kept"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Container]:
    built = Container(make_settings(tmp_path, kb={"keep_versions": request.param}))
    built.prepare()
    built.knowledge_bases.create("kb")
    upload(built, "other.txt", "Another file, so that the folder is never empty.")
    upload(built, "a.txt", "First.")
    yield built
    asyncio.run(built.close())


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Return what has something done when a fault point is reached for the first time."""

    def hook(point: str, action: Callable[[], None]) -> None:
        waiting = [action]

        def strike(name: str, _wanted: str) -> None:
            if name == point and waiting:
                waiting.pop()()

        monkeypatch.setattr(faults, "strike", strike)
        monkeypatch.setenv(faults.VARIABLE, "hook")

    return hook


class Killed(BaseException):
    """Stands for the end of the process at a fault point."""


def kill() -> None:
    raise Killed


def upload(service: Container, name: str, text: str) -> None:
    service.knowledge_bases.add_file("kb", name, BytesIO(text.encode()), options=OPTIONS)


def content(service: Container, name: str = "a.txt") -> Path:
    return service.folder.content("kb", name)


def scan(service: Container) -> Intake:
    """Take in the folder and wait for the jobs that this process owns."""
    bases = service.knowledge_bases
    intake = bases.content.take_in("kb")
    for job_id in intake.jobs:
        with service.database.read() as session:
            job, files = session.get(JobRow, job_id), queued_files(session, job_id)
        if job is not None and job.owner == bases.jobs.owner:
            bases.jobs.start(job, files).result(60)
    return intake


def scan_beside(service: Container, threads: list[threading.Thread]) -> Callable[[], None]:
    """Return what begins a scan in a thread, and gives it a head start."""

    def begin() -> None:
        thread = threading.Thread(target=scan, args=(service,))
        threads.append(thread)
        thread.start()
        thread.join(HEAD_START_S)

    return begin


def names(service: Container) -> set[str]:
    return {row.name for row in service.knowledge_bases.list_files("kb")}


def text_of(service: Container, name: str = "a.txt") -> str:
    return service.knowledge_bases.read_text("kb", name)[1]


def look(service: Container, times: int = 2) -> None:
    """Have the watch look, and wait for the jobs of each look."""
    for _ in range(times):
        service.knowledge_bases.watch.look()
        scan(service)


def queue_elsewhere(service: Container, name: str, text: str) -> None:
    """Queue an upload that stays queued: another process owns its job."""
    blob = service.knowledge_bases.blobs.store("kb", name, BytesIO(text.encode()))
    with service.database.write("test") as session:
        add_job(
            session,
            find_kb(session, "kb"),
            "add",
            OPTIONS.as_values(),
            [NewJobFile(name, blob.sha256, blob.size)],
            owner="another process",
            until=now() + timedelta(hours=1),
        )


def forget_jobs(service: Container) -> None:
    """Forget the jobs, as the upkeep does after some days."""
    with service.database.write("test") as session:
        session.execute(delete(JobRow))


def test_a_scan_beside_a_deletion_brings_nothing_back(service: Container, at: At) -> None:
    threads: list[threading.Thread] = []
    at("delete_file.after_commit", scan_beside(service, threads))
    service.knowledge_bases.delete_file("kb", "a.txt")
    threads[0].join()
    scan(service)
    assert names(service) == {"other.txt"}
    assert not content(service).exists()


def test_a_scan_that_met_a_file_before_its_deletion_brings_nothing_back(
    service: Container, at: At
) -> None:
    """The scan knows the file as new, of which the deletion has removed rows and bytes since."""
    take_in, started = service.knowledge_bases.content.take_in, threading.Event()
    finished: list[Intake] = []

    def scan_now() -> None:
        started.set()
        finished.append(take_in("kb", ["a.txt"]))

    thread = threading.Thread(target=scan_now)

    def begin() -> None:
        thread.start()
        started.wait()
        thread.join(HEAD_START_S)

    at("content.before_unlink", begin)
    service.knowledge_bases.delete_file("kb", "a.txt")
    thread.join()
    assert finished[0].files == 0
    assert names(service) == {"other.txt"}


def test_a_deletion_that_a_crash_interrupted_is_not_undone_by_the_next_scan(
    service: Container, at: At, tmp_path: Path
) -> None:
    forget_jobs(service)
    at("content.before_unlink", kill)
    with pytest.raises(Killed):
        service.knowledge_bases.delete_file("kb", "a.txt")
    assert content(service).exists()
    started = Container(service.settings)  # whose upkeep has not come to it yet
    try:
        assert started.knowledge_bases.content.take_in("kb").files == 0
        assert names(started) == {"other.txt"}
        assert not content(started).exists()
    finally:
        asyncio.run(started.close())


def test_what_is_dropped_after_a_deletion_outlives_a_start(service: Container) -> None:
    service.knowledge_bases.delete_file("kb", "a.txt")
    content(service).write_text("Dropped while no service ran.")
    service.knowledge_bases.view.repair()
    scan(service)
    assert text_of(service) == "Dropped while no service ran."


def test_a_file_may_be_dropped_again_after_its_deletion(service: Container) -> None:
    service.knowledge_bases.delete_file("kb", "a.txt")
    content(service).write_text("First.")
    scan(service)
    assert text_of(service) == "First."


def test_a_scan_before_the_view_follows_takes_an_old_view_for_no_edit(
    service: Container, at: At
) -> None:
    forget_jobs(service)
    threads: list[threading.Thread] = []
    at("file.after_commit", scan_beside(service, threads))
    upload(service, "a.txt", "Second.")
    threads[0].join()
    scan(service)
    assert text_of(service) == "Second."
    assert content(service).read_text() == "Second."


def test_a_view_that_is_behind_by_two_versions_is_no_edit(service: Container) -> None:
    upload(service, "a.txt", "Second.")
    upload(service, "a.txt", "Third.")
    content(service).write_text("First.")  # as if both had been stored before the view followed
    assert scan(service).files == 0
    service.knowledge_bases.view.repair()
    assert content(service).read_text() == "Third."


def test_an_edit_with_an_old_time_outlives_an_upload(service: Container) -> None:
    content(service).write_text("Edited.")
    os.utime(content(service), (1, 1))  # as cp -p and archives leave it
    upload(service, "a.txt", "Second.")
    assert content(service).read_text() == "Edited."
    scan(service)
    assert text_of(service) == "Edited."


def test_a_copy_of_another_file_is_an_edit(service: Container) -> None:
    content(service).write_bytes(content(service, "other.txt").read_bytes())
    upload(service, "a.txt", "Second.")
    scan(service)
    assert text_of(service).startswith("Another file")


def test_an_edit_that_waits_in_a_job_is_not_shown_over(service: Container) -> None:
    content(service).write_text("Edited.")
    queue_elsewhere(service, "a.txt", "Edited.")
    service.knowledge_bases.submissions.read_again("kb").ended.result(60)
    assert content(service).read_text() == "Edited."


def test_an_edit_that_a_later_upload_superseded_is_shown_over(service: Container) -> None:
    content(service).write_text("Edited.")
    queue_elsewhere(service, "a.txt", "Edited.")
    upload(service, "a.txt", "Later.")
    assert content(service).read_text() == "Later."
    with service.database.read() as session:
        waiting = session.scalars(select(JobRow).where(JobRow.status == "running")).one()
        files = queued_files(session, waiting.id)
    service.knowledge_bases.jobs.start(waiting, files).result(60)
    assert scan(service).files == 0
    assert text_of(service) == "Later."


def test_the_watch_leaves_a_file_to_the_upload_that_waits(service: Container) -> None:
    look(service)
    queue_elsewhere(service, "a.txt", "Uploaded again.")
    content(service).unlink()
    look(service)
    assert "a.txt" in names(service)
    with service.database.read() as session:
        statuses = session.scalars(select(JobFileRow.status).order_by(JobFileRow.id)).all()
    assert statuses[-1] == "queued"


def test_the_watch_deletes_no_version_that_it_never_saw(service: Container) -> None:
    look(service)
    upload(service, "a.txt", "Second.")
    content(service).unlink()  # or the upload could not be shown
    look(service)
    assert text_of(service) == "Second."


def test_the_watch_deletes_a_file_whose_last_edit_was_refused(service: Container) -> None:
    look(service)
    content(service).write_text("")  # cannot be taken in
    look(service)
    content(service).unlink()
    look(service)
    assert names(service) == {"other.txt"}


def test_the_watch_deletes_a_file_that_was_edited_and_taken_away(service: Container) -> None:
    look(service)
    content(service).write_text("Edited.")
    look(service)
    assert text_of(service) == "Edited."
    content(service).unlink()
    look(service)
    with service.database.read() as session:
        assert look_up_file(session, find_kb(session, "kb"), "a.txt") is None


def test_a_deletion_of_what_lies_there_again_deletes_nothing(service: Container) -> None:
    """Between the look of the watch and its deletion the file was shown again."""
    with service.database.read() as session:
        blob = session.scalar(select(FileRow.blob).where(FileRow.name == "a.txt"))
    with pytest.raises(UnknownFile):
        service.knowledge_bases.delete_file("kb", "a.txt", (blob,))
    assert "a.txt" in names(service)


def test_the_watch_goes_on_where_a_folder_became_a_link(service: Container, tmp_path: Path) -> None:
    upload(service, "sub/b.txt", "In a folder.")
    look(service)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    content(service, "sub/b.txt").unlink()
    folder = content(service, "sub")
    folder.rmdir()
    folder.symlink_to(elsewhere)
    content(service).unlink()
    look(service)
    assert names(service) == {"other.txt"}


def test_the_watch_deletes_what_was_taken_away_one_look_after_another_file(
    service: Container,
) -> None:
    upload(service, "b.txt", "A third file.")
    look(service)
    content(service).unlink()
    look(service, times=1)
    content(service, "b.txt").unlink()
    look(service)
    assert names(service) == {"other.txt"}

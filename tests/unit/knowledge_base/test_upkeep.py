"""Upkeep: what was deleted is removed, and the room is given back."""

import os
import time
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server.container import Container
from server.db.knowledge_bases import find_kb
from server.db.models import ChangeRow, ChunkRow, FileRow, JobRow, KnowledgeBaseRow, VectorRow, now
from server.knowledge_base import upkeep as module
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import Upload
from server.knowledge_base.upkeep import Upkeep


@pytest.fixture
def service(container: Container) -> Container:
    container.knowledge_bases.upkeep.close()  # the rounds are those of the test
    container.knowledge_bases.create("kb")
    return container


def round_of(service: Container) -> None:
    bases = service.knowledge_bases
    parts = service.embedders, service.indexes, bases.view, bases.pages
    Upkeep(service.database, bases.blobs, *parts).clean()


def add(service: Container, name: str, text: str) -> None:
    options = IngestOptions(override=True)
    service.knowledge_bases.add_file("kb", name, BytesIO(text.encode()), options=options)


def count(service: Container, table: type) -> int:
    with service.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def blobs(service: Container) -> list[Path]:
    return [path for path in service.folder.blobs("kb").iterdir() if path.is_file()]


def find(service: Container, question: str) -> list[str]:
    found = service.retriever.retrieve("kb", question)
    return [hit.passage.file_name for hit in found.hits]


def test_a_deleted_knowledge_base_leaves_nothing(service: Container) -> None:
    for number in range(30):
        add(service, f"{number}.txt", f"Text number {number}.")
    kb, _ = service.knowledge_bases.get("kb")
    service.knowledge_bases.delete("kb")
    assert count(service, FileRow) == 30  # hidden at once, removed afterwards
    round_of(service)
    for table in (KnowledgeBaseRow, FileRow, ChunkRow, VectorRow, ChangeRow):
        assert count(service, table) == 0
    assert not service.folder.trash(kb.id).exists()


def test_a_deleted_file_leaves_no_bytes(service: Container) -> None:
    add(service, "a.txt", "First version.")
    add(service, "a.txt", "Second version.")
    add(service, "b.txt", "Second version.")
    service.knowledge_bases.delete_file("kb", "a.txt")
    assert len(blobs(service)) == 1  # that of b.txt
    service.knowledge_bases.delete_file("kb", "b.txt")
    assert blobs(service) == []


def test_only_old_bytes_that_nothing_needs_are_collected(service: Container) -> None:
    add(service, "a.txt", "First version.")
    add(service, "a.txt", "Second version.")
    stray = service.knowledge_bases.blobs.store("kb", "x", BytesIO(b"stray"))
    round_of(service)
    assert len(blobs(service)) == 3  # the stray one is young
    for path in blobs(service):
        os.utime(path, (time.time() - 7200,) * 2)
    round_of(service)
    assert len(blobs(service)) == 2
    assert not service.knowledge_bases.blobs.has("kb", stray.sha256)


def test_old_jobs_are_forgotten(service: Container) -> None:
    add(service, "a.txt", "First version.")
    round_of(service)
    assert count(service, JobRow) == 1
    with service.database.write("test") as session:
        for job in session.scalars(select(JobRow)):
            job.finished_at = now() - timedelta(days=8)
    round_of(service)
    assert count(service, JobRow) == 0


def test_the_far_end_of_the_change_log_is_cut(
    service: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_CHANGES", 3)
    for number in range(6):
        add(service, f"{number}.txt", f"The whale number {number}.")
    round_of(service)
    assert count(service, ChangeRow) == 3
    service.indexes.close()
    assert len(find(service, "whale number")) == 3  # all are found again, top_k of them returned


def test_vectors_of_a_former_model_are_removed(service: Container) -> None:
    add(service, "a.txt", "The whale swims.")
    service.knowledge_bases.submissions.change_model("kb", "all-MiniLM-L6-v2").ended.result(120)
    assert count(service, VectorRow) == 2
    round_of(service)
    assert count(service, VectorRow) == 1
    assert find(service, "Which animal swims?") == ["a.txt"]


def test_an_index_of_which_much_went_is_built_anew(service: Container) -> None:
    texts = [f"The whale number {number}. " * 400 for number in range(8)]
    uploads = [Upload(f"{n}.txt", BytesIO(text.encode())) for n, text in enumerate(texts)]
    submissions = service.knowledge_bases.submissions
    submissions.submit("kb", uploads, options=IngestOptions()).ended.result(60)
    service.indexes.close()  # filled again at once, so that all lie in one segment
    assert find(service, "whale")
    for number in range(6):
        service.knowledge_bases.delete_file("kb", f"{number}.txt")
    assert find(service, "whale")  # the index is up to date
    kb, _ = service.knowledge_bases.get("kb")
    lexical = service.indexes._keeper(kb.id).lexical
    assert lexical.waste() > 0.25
    round_of(service)
    assert lexical.waste() == 0
    assert set(find(service, "whale")) == {"6.txt", "7.txt"}
    add(service, "new.txt", "The elephant eats.")
    assert find(service, "Which elephant eats?")[0] == "new.txt"


def test_room_is_given_back(service: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGES", 5)
    add(service, "large.txt", "The whale swims. " * 100_000)
    with service.database.engine.connect() as connection:
        before = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    service.knowledge_bases.delete_file("kb", "large.txt")
    round_of(service)
    with service.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA page_count").scalar_one() < before / 2


def test_a_database_that_gives_no_room_back_ends_the_round(
    service: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGES", 5)
    with service.database.engine.connect() as connection:
        raw = connection.connection.cursor()
        raw.execute("PRAGMA auto_vacuum=NONE")  # as those that were made before 0.3.0
        raw.execute("VACUUM")
    add(service, "large.txt", "The whale swims. " * 100_000)
    service.knowledge_bases.delete_file("kb", "large.txt")
    round_of(service)
    assert service.database.shrink(5) is False


def test_a_knowledge_base_that_cannot_be_cleaned_stops_no_other(service: Container) -> None:
    service.knowledge_bases.create("aaa")
    with service.database.write("test") as session:
        find_kb(session, "aaa").embedding_model = "gone"
    add(service, "a.txt", "The whale swims.")
    service.knowledge_bases.submissions.change_model("kb", "none").ended.result(60)
    round_of(service)
    assert count(service, VectorRow) == 0


def test_a_folder_that_is_no_knowledge_base_is_left_alone(service: Container) -> None:
    copy = service.folder.root / "kb-backup" / "blobs"
    copy.mkdir(parents=True)
    (copy / "file").write_bytes(b"x")
    service.knowledge_bases.blobs.recover({1: "kb"})
    assert (copy / "file").exists()

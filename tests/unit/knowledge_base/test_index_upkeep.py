"""Lexical indexes under trouble: damaged caches, interrupted builds, gaps in the log.

The peer's fault that a test keeps out carries its name: "empty index after a kill".
"""

import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from embeddings import Embedder, Vectors
from server.container import Container
from server.db.files import log_change
from server.db.knowledge_bases import find_kb, next_revision
from server.errors import EmbeddingFailed, IndexFailed, UnknownKnowledgeBase, ZhiwenError
from server.knowledge_base.derived import IndexKeeper
from server.knowledge_base.paths import DataFolder
from tests.unit.knowledge_base.machine import ALL, SUBJECTS, add, build_machine, count, find


@pytest.fixture
def service(container: Container) -> Container:
    return build_machine(container)


def lexical_folder(service: Container) -> Path:
    with service.database.read() as session:
        return service.folder.index(find_kb(session, "kb").id, "lexical")


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[1] ^= 1  # not in the footer, part of which says nothing about the content
    file.write_bytes(content)


def replace_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


KINDS = ["idx", "pos", "term", "store", "fast", "fieldnorm", "del", "meta.json", "revision.json"]


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, Path.unlink, replace_by_a_folder])
def test_a_damaged_cache_is_rebuilt_and_loses_nothing(
    service: Container, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    for number, kind in enumerate(KINDS):
        add(service, "whale.txt", f"The whale swims {number} times.")
        service.knowledge_bases.delete_file("kb", SUBJECTS[number % ALL] + ".txt")
        subject = SUBJECTS[number % ALL]
        add(service, f"{subject}.txt", f"The {subject} is part of the machine too.")
        # There must be a list of the dead too.
        service.knowledge_bases.delete_file("kb", "whale.txt")
        assert count(service) == (ALL, ALL)
        service.indexes.close()
        damage(max(lexical_folder(service).glob(f"*{kind}"), key=lambda file: file.stat().st_size))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert len(find(service, "part of the machine")) == ALL, kind
        assert count(service) == (ALL, ALL), kind
        assert "rebuilding" in caplog.text, kind


@pytest.mark.parametrize("kind", ["meta.json", "revision.json"])
def test_a_file_of_another_index_loses_nothing(service: Container, kind: str) -> None:
    service.knowledge_bases.create("other")
    add(service, "foreign.txt", "The whale swims.", kb="other")
    find(service, "whale", "other")
    service.indexes.close()
    with service.database.read() as session:
        other = service.folder.index(find_kb(session, "other").id, "lexical")
    shutil.copy(other / kind, lexical_folder(service) / kind)
    assert count(service) == (ALL, ALL)
    assert find(service, "pump")[0] == "pump.txt"


def test_the_whole_cache_of_another_knowledge_base_is_noticed(
    service: Container, caplog: pytest.LogCaptureFixture
) -> None:
    service.knowledge_bases.create("other")
    for number in range(12):
        add(service, f"{number}.txt", f"The whale {number} swims.", kb="other")
    find(service, "whale", "other")
    service.indexes.close()
    with service.database.read() as session:
        other = service.folder.index(find_kb(session, "other").id, "lexical")
    shutil.rmtree(lexical_folder(service))
    shutil.copytree(other, lexical_folder(service))
    with caplog.at_level(logging.WARNING):
        assert count(service) == (ALL, ALL)
    assert "rebuilding" in caplog.text


def test_a_deleted_cache_is_built_again(service: Container) -> None:
    service.indexes.close()
    shutil.rmtree(service.folder.indexes)
    assert count(service) == (ALL, ALL)


def test_a_cache_that_cannot_be_written_is_an_error_until_it_can(service: Container) -> None:
    service.indexes.close()
    shutil.rmtree(service.folder.indexes)
    service.folder.indexes.write_text("a file where the folder should be")
    for _ in range(2):
        with pytest.raises(IndexFailed):
            find(service, "pump")
    service.folder.indexes.unlink()
    assert find(service, "pump")[0] == "pump.txt"


def test_an_index_that_another_process_writes_is_not_thrown_away(service: Container) -> None:
    from server.knowledge_base.indexes.tantivy_store import TantivyIndex

    find(service, "pump")
    service.indexes.close()
    other = TantivyIndex(lexical_folder(service))
    other.apply(other.revision(), add=[], remove=[])  # takes the lock of the folder
    with service.database.write("test") as session:
        kb = next_revision(session, find_kb(session, "kb"))
        log_change(session, kb, "put")
    with pytest.raises(IndexFailed):
        find(service, "pump")
    assert other.count() == ALL
    other.close()
    assert count(service) == (ALL, ALL)


def test_empty_index_after_a_kill(service: Container) -> None:
    """A build that was ended half-way starts over, and what was deleted meanwhile stays away."""
    service.indexes.close()
    shutil.rmtree(service.folder.indexes)
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        with service.indexes.use(session, kb, None) as indexes:
            chunks = indexes.lexical.count()
    service.indexes.close()
    assert chunks == ALL
    from server.knowledge_base.indexes.tantivy_store import write_revision

    write_revision(lexical_folder(service), 0, 0)  # as before the last portion was applied
    service.knowledge_bases.delete_file("kb", "pump.txt")
    assert count(service) == (ALL - 1, ALL - 1)
    assert "pump.txt" not in find(service, "pump")


def test_a_pruned_change_log_means_building_anew(
    service: Container, caplog: pytest.LogCaptureFixture
) -> None:
    find(service, "pump")  # both indexes know all so far
    service.knowledge_bases.delete_file("kb", "pump.txt")
    with service.database.write("test") as session:
        kb = next_revision(session, find_kb(session, "kb"))
        log_change(session, kb, "put")
        session.execute(text("DELETE FROM change WHERE revision < :r"), {"r": kb.revision})
    with caplog.at_level(logging.WARNING):
        assert "pump.txt" not in find(service, "pump")
    assert count(service) == (ALL - 1, ALL - 1)
    assert "change log has 1 of 2" in caplog.text


def test_a_log_that_was_pruned_up_to_what_the_index_knows_is_enough(
    service: Container, caplog: pytest.LogCaptureFixture
) -> None:
    find(service, "pump")
    with service.database.write("test") as session:
        session.execute(text("DELETE FROM change"))
    add(service, "new.txt", "The whale swims.")
    with caplog.at_level(logging.WARNING):
        assert find(service, "whale")[0] == "new.txt"
    assert "rebuilding" not in caplog.text


def test_compaction_leaves_what_is_deleted_alone(service: Container) -> None:
    find(service, "pump")
    folder = lexical_folder(service)
    service.knowledge_bases.delete("kb")
    threads = psutil.Process().num_threads()
    service.indexes.compact()
    assert not folder.exists()
    assert psutil.Process().num_threads() <= threads  # an open index has one


def test_compaction_ends_with_the_service(service: Container) -> None:
    find(service, "pump")
    for subject in SUBJECTS[1:]:
        service.knowledge_bases.delete_file("kb", f"{subject}.txt")
    find(service, "pump")
    service.indexes.compact(is_cancelled=lambda: True)
    assert not service.folder.index(1, "lexical-new").exists()
    assert find(service, "pump") == ["pump.txt"]


def test_a_change_over_that_fails_costs_a_build_and_no_chunk(
    service: Container, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    find(service, "pump")
    for subject in SUBJECTS[1:]:
        service.knowledge_bases.delete_file("kb", f"{subject}.txt")
    find(service, "pump")
    monkeypatch.setenv("ZHIWEN_FAULT", "full=lexical.before_change_over")
    service.indexes.compact()
    assert "not compacted" in caplog.text
    monkeypatch.delenv("ZHIWEN_FAULT")
    assert find(service, "pump") == ["pump.txt"]
    assert count(service) == (1, 1)


def test_vectors_of_an_interrupted_first_build_do_not_outlive_their_file(
    service: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.knowledge_base.portions.CHUNKS_AT_ONCE", 1)
    service.knowledge_bases.create("new")

    def embed(embedder: Embedder, texts: list[str]) -> Vectors:
        if is_broken:
            raise EmbeddingFailed(model="hashing", reason="a test")
        return embedder.embed_documents(texts)

    with service.database.read() as session:
        kb_id = find_kb(session, "new").id
    keeper = IndexKeeper(DataFolder(tmp_path / "other"), kb_id, embed)

    def held() -> int:
        with service.database.read() as session:
            kb = find_kb(session, "new")
            embedder = service.embedders.get(kb.embedding_model)
            with keeper.use(session, kb, embedder) as indexes:
                assert indexes.dense is not None
                return indexes.dense.count()

    assert held() == 0
    add(service, "a.txt", "The pump moves water.", kb="new")
    add(service, "b.txt", "The lamp gives light.", kb="new")
    with service.database.engine.begin() as connection:  # so that b has to be embedded again
        last = connection.execute(text("SELECT max(file_id) FROM vector")).scalar_one()
        connection.execute(text("UPDATE vector SET crc32 = 0 WHERE file_id = :id"), {"id": last})
    is_broken = True
    with pytest.raises(EmbeddingFailed):
        held()
    is_broken = False
    service.knowledge_bases.delete_file("new", "a.txt")
    assert held() == 1
    keeper.close()


def test_many_searches_while_one_index_is_damaged_and_the_other_dropped(
    service: Container,
) -> None:
    service.knowledge_bases.create("other")
    add(service, "whale.txt", "The whale swims.", kb="other")
    service.indexes.close()
    for file in lexical_folder(service).glob("*.term"):
        flip_a_bit(file)

    def search(kb: str) -> list[str]:
        try:
            return find(service, "pump whale", kb)[:1]
        except UnknownKnowledgeBase:
            return ["gone"]
        except ZhiwenError as error:
            return [type(error).__name__]

    with ThreadPoolExecutor(20) as pool:
        searches = {kb: [pool.submit(search, kb) for _ in range(30)] for kb in ("kb", "other")}
        deletion = pool.submit(service.knowledge_bases.delete, "other")
        more = [pool.submit(search, "other") for _ in range(10)]
        assert {item.result(120)[0] for item in searches["kb"]} == {"pump.txt"}
        seen = {item.result(120)[0] for item in [*searches["other"], *more]}
        deletion.result(120)
    assert seen <= {"whale.txt", "gone"}
    assert search("other") == ["gone"]

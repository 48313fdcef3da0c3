"""Derived indexes: in step with SQL, rebuilt when damaged, gone with their knowledge base."""

import logging
import threading
from io import BytesIO

import pytest
from sqlalchemy import text

from server.container import Container
from server.db.knowledge_bases import find_kb
from server.errors import UnknownKnowledgeBase
from server.knowledge_base.ingest import IngestOptions

OPTIONS = IngestOptions(override=True)


@pytest.fixture
def service(container: Container) -> Container:
    """Return a service with a knowledge base, whose background work is left out."""
    container.knowledge_bases.on_change = lambda _: None
    container.knowledge_bases.create("kb")
    return container


def add(service: Container, name: str, content: str) -> None:
    service.knowledge_bases.add_file("kb", name, BytesIO(content.encode()), options=OPTIONS)


def find(service: Container, question: str) -> list[str]:
    hits = service.retriever.retrieve("kb", question, top_k=10).hits
    return [hit.passage.file_name for hit in hits]


def count(service: Container) -> tuple[int, int]:
    """Return how many chunks both indexes hold."""
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        embedder = service.embedders.get(kb.embedding_model)
        with service.indexes.use(session, kb, embedder) as indexes:
            assert indexes.dense is not None
            return indexes.lexical.count(), indexes.dense.count()


def test_every_change_reaches_both_indexes(service: Container) -> None:
    add(service, "a.txt", "The pump moves water.")
    add(service, "b.txt", "The lamp gives light.")
    assert count(service) == (2, 2)
    add(service, "a.txt", "The pump moves oil.")
    assert count(service) == (2, 2)
    service.knowledge_bases.delete_file("kb", "b.txt")
    assert count(service) == (1, 1)


def test_chunks_in_a_language_the_model_does_not_know_have_no_vector(service: Container) -> None:
    add(service, "a.txt", "The pump moves water.")
    add(service, "中文.txt", "水泵用来输送营养液。")
    assert count(service) == (2, 1)


def test_indexes_that_missed_changes_catch_up_in_one_step(service: Container) -> None:
    add(service, "a.txt", "The pump moves water.")
    service.indexes.close()
    for content in ("The pump moves oil.", "The pump moves acid."):
        add(service, "a.txt", content)
    add(service, "b.txt", "The lamp gives light.")
    service.knowledge_bases.delete_file("kb", "b.txt")
    assert count(service) == (1, 1)
    assert find(service, "acid") == ["a.txt"]


def test_an_index_is_searchable_after_a_restart(service: Container) -> None:
    add(service, "a.txt", "The pump moves water.")
    service.indexes.close()
    assert find(service, "pump") == ["a.txt"]
    assert count(service) == (1, 1)


def test_a_damaged_index_is_rebuilt(service: Container, caplog: pytest.LogCaptureFixture) -> None:
    add(service, "a.txt", "The pump moves water.")
    service.indexes.close()
    for path in service.folder.indexes.rglob("*.idx"):
        path.write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        assert find(service, "pump") == ["a.txt"]
    assert "rebuilding" in caplog.text


def test_an_index_that_is_ahead_of_the_database_is_rebuilt(service: Container) -> None:
    add(service, "a.txt", "The pump moves water.")
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        embedder = service.embedders.get(kb.embedding_model)
        with service.indexes.use(session, kb, embedder) as indexes:
            indexes.lexical.apply(99, add=[], remove=[])
    assert find(service, "pump") == ["a.txt"]


def test_a_search_that_began_before_a_deletion_does_not_bring_the_index_back(
    service: Container,
) -> None:
    add(service, "a.txt", "The pump moves water.")
    with service.database.read() as session:
        kb = find_kb(session, "kb")  # the session goes on seeing what is deleted meanwhile
        deletion = threading.Thread(target=service.knowledge_bases.delete, args=("kb",))
        deletion.start()
        deletion.join()
        with pytest.raises(UnknownKnowledgeBase), service.indexes.use(session, kb, None):
            pass
    assert list(service.folder.indexes.rglob("*")) == [service.folder.indexes / str(kb.id)]


def test_a_deletion_waits_for_searches_that_are_under_way(service: Container) -> None:
    add(service, "a.txt", "The pump moves water.")
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        embedder = service.embedders.get(kb.embedding_model)
        deletion = threading.Thread(target=service.knowledge_bases.delete, args=("kb",))
        with service.indexes.use(session, kb, embedder) as indexes:
            deletion.start()
            deletion.join(0.2)
            assert deletion.is_alive()
            assert indexes.lexical.count() == 1
        deletion.join()


def test_damaged_vectors_are_made_again(
    service: Container, caplog: pytest.LogCaptureFixture
) -> None:
    add(service, "a.txt", "The pump moves water.")
    service.indexes.close()
    with service.database.engine.begin() as connection:
        connection.execute(text("UPDATE vector SET crc32 = crc32 + 1"))
    with caplog.at_level(logging.WARNING):
        assert find(service, "pump") == ["a.txt"]
    assert "embedding it again" in caplog.text
    assert count(service) == (1, 1)

"""Vectors under trouble: damaged ones, a new embedding model, a model that cannot be loaded.

The peer's fault that a test keeps out carries its name: "deadlock after a failed load".
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text

from embeddings import Embedder, Vectors
from embeddings.hashing import HashingEmbedder
from server.container import Container
from server.db.files import log_change
from server.db.knowledge_bases import find_kb, next_revision
from server.db.models import VectorRow
from server.db.vectors import DamagedVectors, StoredVectors, pack_vectors, repair_vectors
from server.errors import EmbeddingFailed
from server.knowledge_base.analysis import index_text
from tests.unit.knowledge_base.machine import ALL, add, build_machine, count


@pytest.fixture
def service(container: Container) -> Container:
    return build_machine(container)


class SmallHashing(HashingEmbedder):
    """A second real embedder: fewer buckets, another generation."""

    dimension = 64
    generation = "hashing-64"


@pytest.fixture
def small(tmp_path: Path) -> Embedder:
    return SmallHashing(cache=tmp_path, batch_size=8, threads=1)


def embed_all(service: Container, embedder: Embedder) -> None:
    """Store vectors of all files for another embedder, as a change of the model does."""
    made = {}
    for row in service.knowledge_bases.list_files("kb"):
        passages = service.knowledge_bases.list_chunks("kb", row.name)
        values = embedder.embed_documents(list(map(index_text, passages)))
        orders = np.arange(len(passages), dtype=np.int32)
        made[row.id] = StoredVectors(embedder.generation, orders, values)
    with service.database.write("test") as session:
        kb = next_revision(session, find_kb(session, "kb"))
        session.add_all([pack_vectors(file_id, stored) for file_id, stored in made.items()])
        log_change(session, kb, "model")


def find_dense(service: Container, embedder: Embedder, question: str) -> list[int]:
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        with service.indexes.use(session, kb, embedder) as indexes:
            assert indexes.dense is not None
            ids, scores = indexes.dense.search(embedder.embed_query(question)[None, :], 3)
    assert scores[0, 0] > 0.2
    return [int(chunk_id) for chunk_id in ids[0]]


def test_a_new_model_takes_the_place_of_the_old_one(service: Container, small: Embedder) -> None:
    old = service.embedders.get("hashing")
    assert old is not None
    before = find_dense(service, old, "the pump")[0]
    embed_all(service, small)
    assert find_dense(service, small, "the pump")[0] == before
    add(service, "whale.txt", "The whale swims.")
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        with service.indexes.use(session, kb, small) as indexes:
            assert indexes.dense is not None
            assert indexes.dense.count() == ALL  # the new file has vectors of the old model only


def test_searches_during_a_change_of_model_never_mix_generations(
    service: Container, small: Embedder
) -> None:
    old = service.embedders.get("hashing")
    assert old is not None
    expected = find_dense(service, old, "the pump")[0]
    embed_all(service, small)
    with ThreadPoolExecutor(12) as pool:
        searches = [
            pool.submit(find_dense, service, embedder, "the pump") for embedder in [old, small] * 30
        ]
        assert {search.result(120)[0] for search in searches} == {expected}


def test_a_session_from_before_the_change_of_model_still_finds_with_the_old_one(
    service: Container, small: Embedder
) -> None:
    old = service.embedders.get("hashing")
    assert old is not None
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        embed_all(service, small)
        find_dense(service, small, "the pump")
        with service.indexes.use(session, kb, old) as indexes:
            assert indexes.dense is not None
            assert indexes.dense.search(old.embed_query("the pump")[None, :], 1)[1][0, 0] > 0.2
    with service.database.read() as session:
        kb = find_kb(session, "kb")
        with service.indexes.use(session, kb, small) as indexes:
            assert indexes.dense is not None
            assert indexes.dense.count() == ALL


def damage_vectors(service: Container) -> None:
    """Flip a bit in the stored vectors of every file."""
    with service.database.write("test") as session:
        for row in session.scalars(select(VectorRow)):
            values = bytearray(row.values)
            values[5] ^= 4
            row.values = bytes(values)
    service.indexes.close()


@pytest.mark.parametrize(
    "change",
    ["crc32 = crc32 + 1", "dimension = dimension / 2", "orders = x'07000000'", "data = x'00'"],
)
def test_damaged_vectors_are_made_again_and_stored(
    service: Container, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    service.indexes.close()
    with service.database.write("test") as session:
        session.execute(text(f"UPDATE vector SET {change}"))
    with caplog.at_level(logging.WARNING):
        assert count(service) == (ALL, ALL)
    assert caplog.text.count("embedding it again") == ALL
    caplog.clear()
    service.indexes.close()
    with caplog.at_level(logging.WARNING):
        assert count(service) == (ALL, ALL)
    assert caplog.text == ""


def test_a_flipped_bit_in_vectors_is_never_searched(service: Container) -> None:
    embedder = service.embedders.get("hashing")
    assert embedder is not None
    expected = find_dense(service, embedder, "the pump is part of the machine")
    damage_vectors(service)
    assert find_dense(service, embedder, "the pump is part of the machine") == expected


def test_a_repair_does_not_touch_vectors_that_were_written_since(service: Container) -> None:
    with service.database.write("test") as session:
        row = session.scalars(select(VectorRow)).first()
        assert row is not None
        damaged = DamagedVectors(row.file_id, row.generation, row.crc32 + 1)
        values = np.zeros((1, 256), np.float32)
        orders = np.zeros(1, np.int32)
        assert not repair_vectors(session, damaged, StoredVectors("hashing-256", orders, values))
        assert not session.dirty


class Stubborn(HashingEmbedder):
    """Fails until it is told otherwise, as a model whose files are missing."""

    is_broken = True

    def embed_documents(self, texts: list[str]) -> Vectors:
        if self.is_broken:
            raise EmbeddingFailed(model="hashing", reason="its files are missing.")
        return super().embed_documents(texts)


def test_deadlock_after_a_failed_load(service: Container, tmp_path: Path) -> None:
    """One knowledge base cannot be loaded: others answer, and it does too once it can."""
    service.knowledge_bases.create("other")
    add(service, "whale.txt", "The whale swims.", kb="other")
    damage_vectors(service)
    with service.database.write("test") as session:
        other = find_kb(session, "other").id
        session.execute(
            text("DELETE FROM vector WHERE file_id IN (SELECT id FROM file WHERE kb_id = :kb)"),
            {"kb": other},
        )
    stubborn = Stubborn(cache=tmp_path, batch_size=8, threads=1)

    def search(kb_name: str) -> str:
        try:
            with service.database.read() as session:
                kb = find_kb(session, kb_name)
                with service.indexes.use(session, kb, stubborn) as indexes:
                    return f"found {indexes.lexical.count()}"
        except EmbeddingFailed:
            return "failed"

    with ThreadPoolExecutor(20) as pool:
        bad = [pool.submit(search, "kb") for _ in range(30)]
        good = [pool.submit(search, "other") for _ in range(30)]
        assert {item.result(120) for item in bad} == {"failed"}
        assert {item.result(120) for item in good} == {"found 1"}
    stubborn.is_broken = False
    assert search("kb") == f"found {ALL}"

"""What is particular to the dense index in memory: slabs of rows, filled without gaps."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from server.knowledge_base.indexes.faiss_store import FaissIndex

DIMENSION = 4
SLAB = 8


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaissIndex:
    monkeypatch.setattr("server.knowledge_base.indexes.faiss_store.ROWS", SLAB)
    return FaissIndex(tmp_path, DIMENSION)


def unit_rows(count: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_every_row_is_found_whatever_slab_it_is_in(index: FaissIndex) -> None:
    vectors = unit_rows(5 * SLAB + 3)
    index.apply(1, add_ids=range(len(vectors)), vectors=vectors, remove=[])
    found, _ = index.search(vectors, 1)
    assert found[:, 0].tolist() == list(range(len(vectors)))


def test_memory_follows_what_is_there(index: FaissIndex) -> None:
    vectors = unit_rows(4 * SLAB)
    index.apply(1, add_ids=range(4 * SLAB), vectors=vectors, remove=[])
    assert len(index._slabs) == 4
    index.apply(2, add_ids=[], vectors=vectors[:0], remove=list(range(0, 4 * SLAB, 2)))
    assert len(index._slabs) == 2
    index.apply(3, add_ids=[], vectors=vectors[:0], remove=list(range(4 * SLAB)))
    assert (len(index._slabs), index.count()) == (0, 0)


def test_random_changes_over_many_slabs_match_a_plain_table(index: FaissIndex) -> None:
    random = np.random.default_rng(3)
    held: dict[int, NDArray[np.float32]] = {}
    for revision in range(1, 200):
        removed = random.integers(0, 90, 15).tolist()
        ids = list(dict.fromkeys(random.integers(0, 90, 12).tolist()))
        vectors = unit_rows(len(ids), seed=revision)
        index.apply(revision, add_ids=ids, vectors=vectors, remove=removed)
        for chunk_id in removed:
            held.pop(chunk_id, None)
        held.update(zip(ids, vectors, strict=True))
        query = unit_rows(1, seed=500 + revision)
        order = sorted(held, key=lambda chunk_id: -float(held[chunk_id] @ query[0]))
        assert index.search(query, 9)[0][0].tolist()[: len(order)] == order[:9]
        some = np.array(list(held)[::3], np.int64)
        chosen = [chunk_id for chunk_id in order if chunk_id in set(some.tolist())]
        assert index.search(query, 4, allowed=some)[0][0].tolist() == chosen[:4]


def test_equal_cosines_over_many_slabs_come_in_the_order_of_their_ids(index: FaissIndex) -> None:
    vectors = np.repeat(unit_rows(1), 6 * SLAB, axis=0)
    ids = np.random.default_rng(1).permutation(6 * SLAB)
    index.apply(1, add_ids=ids.tolist(), vectors=vectors, remove=[])
    assert index.search(vectors[:1], 5)[0].tolist() == [list(range(5))]


def test_a_batch_is_answered_as_its_questions_are_one_by_one(index: FaissIndex) -> None:
    vectors = unit_rows(10 * SLAB)
    index.apply(1, add_ids=range(10 * SLAB), vectors=vectors, remove=[])
    queries = unit_rows(50, seed=9)
    together = index.search(queries, 6)[0].tolist()
    assert together == [index.search(query[None, :], 6)[0][0].tolist() for query in queries]

"""Every dense index keeps the contract of ``DenseIndex``."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from server.knowledge_base.indexes import DENSE_INDEXES, DenseIndex

DIMENSION = 8


def unit_rows(count: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


NONE = np.empty((0, DIMENSION), np.float32)


@pytest.fixture(params=list(DENSE_INDEXES))
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DenseIndex]:
    made = DENSE_INDEXES.get(request.param)(tmp_path / "dense", DIMENSION)
    yield made
    made.close()


def test_a_new_index_is_empty_at_revision_0(index: DenseIndex) -> None:
    assert (index.revision(), index.count()) == (0, 0)
    ids, scores = index.search(unit_rows(1), 3)
    assert ids.tolist() == [[-1, -1, -1]]
    assert scores.tolist() == [[-1, -1, -1]]


def test_a_vector_finds_itself_with_cosine_1(index: DenseIndex) -> None:
    vectors = unit_rows(20)
    index.apply(1, add_ids=range(100, 120), vectors=vectors, remove=[])
    ids, scores = index.search(vectors[[3]], 1)
    assert ids.tolist() == [[103]]
    assert scores[0, 0] == pytest.approx(1, abs=1e-5)


def test_scores_fall_from_the_first_to_the_last(index: DenseIndex) -> None:
    vectors = unit_rows(20)
    index.apply(1, add_ids=range(20), vectors=vectors, remove=[])
    _, scores = index.search(unit_rows(3, seed=1), 20)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_short_answers_are_padded(index: DenseIndex) -> None:
    index.apply(1, add_ids=[7], vectors=unit_rows(1), remove=[])
    ids, scores = index.search(unit_rows(1), 3)
    assert ids.tolist() == [[7, -1, -1]]
    assert scores[0, 1:].tolist() == [-1, -1]


def test_a_removed_id_is_not_found(index: DenseIndex) -> None:
    vectors = unit_rows(3)
    index.apply(1, add_ids=[1, 2, 3], vectors=vectors, remove=[])
    index.apply(2, add_ids=[], vectors=NONE, remove=[2])
    assert set(index.search(vectors[[1]], 3)[0][0].tolist()) == {1, 3, -1}
    assert (index.revision(), index.count()) == (2, 2)


def test_an_unknown_id_is_removed_in_silence(index: DenseIndex) -> None:
    index.apply(1, add_ids=[1], vectors=unit_rows(1), remove=[99])
    index.apply(2, add_ids=[], vectors=NONE, remove=[98])
    assert index.count() == 1


def test_applying_twice_is_applying_once(index: DenseIndex) -> None:
    vectors = unit_rows(2)
    for _ in range(2):
        index.apply(1, add_ids=[1, 2], vectors=vectors, remove=[])
    assert index.count() == 2


def test_an_id_that_is_added_again_is_replaced(index: DenseIndex) -> None:
    vectors = unit_rows(2)
    index.apply(1, add_ids=[1], vectors=vectors[[0]], remove=[])
    index.apply(2, add_ids=[1], vectors=vectors[[1]], remove=[])
    ids, scores = index.search(vectors[[1]], 2)
    assert ids.tolist() == [[1, -1]]
    assert scores[0, 0] == pytest.approx(1, abs=1e-5)


def test_only_allowed_ids_are_found(index: DenseIndex) -> None:
    vectors = unit_rows(10)
    index.apply(1, add_ids=range(10), vectors=vectors, remove=[])
    ids, _ = index.search(vectors[[0]], 5, allowed=np.array([4, 5], np.int64))
    assert set(ids[0].tolist()) == {4, 5, -1}


def test_a_batch_of_queries_is_answered_row_by_row(index: DenseIndex) -> None:
    vectors = unit_rows(50)
    index.apply(1, add_ids=range(50), vectors=vectors, remove=[])
    ids, _ = index.search(vectors, 1)
    assert ids[:, 0].tolist() == list(range(50))


def test_a_dropped_index_is_new(index: DenseIndex) -> None:
    index.apply(5, add_ids=[1], vectors=unit_rows(1), remove=[])
    index.drop()
    assert (index.revision(), index.count()) == (0, 0)

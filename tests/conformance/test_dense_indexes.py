"""Every dense index keeps the contract of ``DenseIndex``."""

import threading
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


def brute_force(
    held: dict[int, NDArray[np.float32]], query: NDArray[np.float32], k: int
) -> list[int]:
    """Return the best ids by inner product, equal ones in the order of their ids."""
    ids = sorted(held)
    scores = [float(held[chunk_id] @ query) for chunk_id in ids]
    order = sorted(range(len(ids)), key=lambda place: (-round(scores[place], 5), ids[place]))
    return [ids[place] for place in order[:k]]


def test_many_changes_leave_what_a_plain_table_would_hold(index: DenseIndex) -> None:
    random = np.random.default_rng(5)
    held: dict[int, NDArray[np.float32]] = {}
    for revision in range(1, 60):
        removed = random.integers(0, 300, 20).tolist()
        ids = list(dict.fromkeys(random.integers(0, 300, 30).tolist()))
        vectors = unit_rows(len(ids), seed=revision)
        index.apply(revision, add_ids=ids, vectors=vectors, remove=removed)
        for chunk_id in removed:
            held.pop(chunk_id, None)
        held.update(zip(ids, vectors, strict=True))
        assert index.count() == len(held)
        query = unit_rows(1, seed=1000 + revision)
        assert index.search(query, 10)[0][0].tolist() == brute_force(held, query[0], 10)
        allowed = random.integers(0, 300, 40)
        chosen = {chunk_id: held[chunk_id] for chunk_id in allowed.tolist() if chunk_id in held}
        found, _ = index.search(query, 5, allowed=allowed)
        assert found[0][found[0] >= 0].tolist() == brute_force(chosen, query[0], 5)


def test_equal_cosines_come_in_the_order_of_their_ids(index: DenseIndex) -> None:
    vectors = np.repeat(unit_rows(1), 100, axis=0)
    ids = np.random.default_rng(2).permutation(100)
    index.apply(1, add_ids=ids.tolist(), vectors=vectors, remove=[])
    assert index.search(vectors[:1], 7)[0].tolist() == [list(range(7))]


def test_chunks_that_point_the_other_way_are_found_before_padding(index: DenseIndex) -> None:
    vectors = unit_rows(1)
    index.apply(1, add_ids=[4], vectors=-vectors, remove=[])
    ids, scores = index.search(vectors, 2)
    assert ids.tolist() == [[4, -1]]
    assert scores[0, 0] == pytest.approx(-1, abs=1e-5)


def test_an_id_twice_in_one_change_is_there_once(index: DenseIndex) -> None:
    vectors = unit_rows(2)
    index.apply(1, add_ids=[3, 3], vectors=vectors, remove=[])
    ids, scores = index.search(vectors[[1]], 2)
    assert ids.tolist() == [[3, -1]]
    assert scores[0, 0] == pytest.approx(1, abs=1e-5)


def test_what_is_removed_and_added_at_once_stays(index: DenseIndex) -> None:
    vectors = unit_rows(2)
    index.apply(1, add_ids=[1, 2], vectors=vectors, remove=[])
    index.apply(2, add_ids=[2], vectors=vectors[[0]], remove=[1, 2])
    assert index.search(vectors[[0]], 2)[0].tolist() == [[2, -1]]


def test_no_question_has_no_answer(index: DenseIndex) -> None:
    index.apply(1, add_ids=[1], vectors=unit_rows(1), remove=[])
    assert index.search(NONE, 3)[0].shape == (0, 3)


def test_readers_see_whole_changes_while_one_writes(index: DenseIndex) -> None:
    vectors = unit_rows(40)
    index.apply(1, add_ids=range(40), vectors=vectors, remove=[])
    seen: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = index.search(vectors[:1], 40)[0][0]
            seen.add(len(set(found.tolist()) - {-1}))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for revision in range(2, 200):
        base = 1000 * revision
        gone = range(base - 1000, base - 960) if revision > 2 else range(40)
        index.apply(revision, add_ids=range(base, base + 40), vectors=vectors, remove=list(gone))
    done.set()
    for reader in readers:
        reader.join()
    assert seen == {40}

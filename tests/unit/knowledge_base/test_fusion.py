"""One ranking of two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.knowledge_base.fusion import fuse
from server.knowledge_base.indexes import Matches


def matches(**scores: float) -> Matches:
    ids = [int(name.removeprefix("c")) for name in scores]
    return Matches(np.array(ids, np.int64), np.array(list(scores.values()), np.float32))


def as_dict(fused: Matches) -> dict[int, float]:
    return dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))


def test_bm25_is_divided_by_the_best_and_cosines_are_spread() -> None:
    fused = fuse(matches(c1=8, c2=4), matches(c1=0.5, c2=0.6, c3=0.7), lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({1: 0.5, 2: 0.5, 3: 0.5})


def test_a_chunk_that_one_leg_missed_keeps_the_score_of_the_other() -> None:
    fused = fuse(matches(c1=8), matches(c2=0.9, c3=0.1), lexical_weight=0.25)
    assert as_dict(fused) == pytest.approx({2: 0.75, 1: 0.25, 3: 0.0})


def test_without_a_dense_leg_bm25_alone_decides() -> None:
    fused = fuse(matches(c7=6, c5=3), None, lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({7: 1, 5: 0.5})


def test_an_empty_lexical_leg_leaves_the_dense_one() -> None:
    fused = fuse(matches(), matches(c1=0.4, c2=0.2), lexical_weight=0.5)
    assert fused.ids.tolist() == [1, 2]


def test_equal_scores_come_in_the_order_of_their_ids() -> None:
    fused = fuse(matches(c9=2, c3=2), matches(c9=0.5, c3=0.5), lexical_weight=0.5)
    assert fused.ids.tolist() == [3, 9]


SCORES = st.dictionaries(st.integers(0, 50), st.floats(1 / 64, 1, width=32), min_size=1)


@given(SCORES, SCORES, st.floats(0, 1))
def test_every_match_is_there_once_with_a_score_of_0_to_1(
    lexical: dict[int, float], dense: dict[int, float], weight: float
) -> None:
    def ranked(scores: dict[int, float]) -> Matches:
        best = sorted(scores.items(), key=lambda item: -item[1])
        return Matches(
            np.array([key for key, _ in best], np.int64),
            np.array([score for _, score in best], np.float32),
        )

    fused = fuse(ranked(lexical), ranked(dense), lexical_weight=weight)
    assert sorted(fused.ids.tolist()) == sorted({*lexical, *dense})
    assert np.all((fused.scores >= 0) & (fused.scores <= 1 + 1e-6))
    assert np.all(np.diff(fused.scores) <= 0)

"""One ranking of two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.knowledge_base.fusion import fuse
from server.knowledge_base.indexes import BM25_CEILING, Matches

IDF = 10.0  # of all terms of a question
MOST = BM25_CEILING * IDF  # that BM25 can give then


def matches(**scores: float) -> Matches:
    ids = [int(name.removeprefix("c")) for name in scores]
    return Matches(np.array(ids, np.int64), np.array(list(scores.values()), np.float32))


def as_dict(fused: Matches) -> dict[int, float]:
    return dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))


def test_bm25_is_divided_by_the_most_that_the_question_can_score() -> None:
    fused = fuse(matches(c1=MOST, c2=MOST / 4), None, idf=IDF, lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({1: 1.0, 2: 0.25})


def test_cosines_count_from_the_background_on() -> None:
    fused = fuse(
        matches(), matches(c1=1.0, c2=0.8, c3=0.5), idf=IDF, lexical_weight=0.5, background=0.6
    )
    assert as_dict(fused) == pytest.approx({1: 0.5, 2: 0.25, 3: 0.0})


def test_both_strengths_are_added_by_weight() -> None:
    fused = fuse(matches(c1=MOST / 2), matches(c1=0.8), idf=IDF, lexical_weight=0.25)
    assert as_dict(fused) == pytest.approx({1: 0.25 * 0.5 + 0.75 * 0.8})


def test_a_chunk_that_the_dense_leg_missed_is_as_close_as_the_last_that_it_found() -> None:
    fused = fuse(matches(c1=MOST), matches(c2=0.9, c3=0.3), idf=IDF, lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({1: 0.65, 2: 0.45, 3: 0.15})


def test_a_chunk_that_bm25_missed_has_the_strength_of_its_cosine_alone() -> None:
    fused = fuse(matches(c1=MOST), matches(c1=0.4, c2=0.4), idf=IDF, lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({1: 0.7, 2: 0.2})


def test_a_dense_leg_without_matches_adds_nothing() -> None:
    fused = fuse(matches(c1=MOST), matches(), idf=IDF, lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({1: 0.5})


def test_without_a_dense_leg_bm25_alone_decides() -> None:
    fused = fuse(matches(c7=MOST, c5=MOST / 2), None, idf=IDF, lexical_weight=0.1)
    assert as_dict(fused) == pytest.approx({7: 1, 5: 0.5})


def test_a_question_without_terms_is_left_to_the_dense_leg() -> None:
    fused = fuse(matches(), matches(c1=0.4, c2=0.2), idf=0.0, lexical_weight=0.5)
    assert as_dict(fused) == pytest.approx({1: 0.2, 2: 0.1})


def test_a_weak_match_stays_weak_where_it_is_the_best() -> None:
    weak = fuse(matches(c1=MOST / 20), matches(c1=0.05), idf=IDF, lexical_weight=0.5)
    assert as_dict(weak) == pytest.approx({1: 0.05})


def test_equal_scores_come_in_the_order_of_their_ids() -> None:
    fused = fuse(matches(c9=2, c3=2), matches(c9=0.5, c3=0.5), idf=IDF, lexical_weight=0.5)
    assert fused.ids.tolist() == [3, 9]


LEXICAL = st.dictionaries(st.integers(0, 50), st.floats(0, MOST, width=16))
DENSE = st.dictionaries(st.integers(0, 50), st.floats(-1, 1, width=32))
SHARE = st.floats(0, 1)


@given(LEXICAL, DENSE, SHARE, st.floats(0, 0.9))
def test_every_match_is_there_once_with_a_score_of_0_to_1(
    lexical: dict[int, float], dense: dict[int, float], weight: float, background: float
) -> None:
    def ranked(scores: dict[int, float]) -> Matches:
        best = sorted(scores.items(), key=lambda item: -item[1])
        return Matches(
            np.array([key for key, _ in best], np.int64),
            np.array([score for _, score in best], np.float32),
        )

    fused = fuse(
        ranked(lexical), ranked(dense), idf=IDF, lexical_weight=weight, background=background
    )
    assert sorted(fused.ids.tolist()) == sorted({*lexical, *dense})
    assert np.all((fused.scores >= 0) & (fused.scores <= 1 + 1e-6))
    assert np.all(np.diff(fused.scores) <= 0)

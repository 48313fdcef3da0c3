"""The formulas, on examples that were computed by hand."""

import math

import numpy as np
import pytest

from server.evaluation.metrics import Judged, average, bootstrap_gain, judge, measure, ndcg


def test_a_ranking_is_judged_by_the_ranks_of_what_is_right() -> None:
    assert judge(["a", "b", "c", "d"], frozenset("bdx")) == Judged((2, 4), 3)


def test_one_question_found_at_rank_three() -> None:
    figures = measure([Judged((3,), 1)])
    assert [figures[f"hit@{cut}"] for cut in (1, 3, 5, 10)] == [0, 100, 100, 100]
    assert figures["mrr@10"] == pytest.approx(100 / 3)
    assert figures["ndcg@10"] == pytest.approx(100 * 1 / math.log2(4))  # ideal: 1 at rank 1
    assert figures["recall@50"] == 100


def test_what_is_found_after_rank_ten_counts_only_for_recall() -> None:
    figures = measure([Judged((11,), 2)])
    assert figures == dict.fromkeys(figures, 0) | {"recall@50": 50}


def test_ndcg_of_two_right_ones_at_ranks_one_and_four() -> None:
    gain = 1 / math.log2(2) + 1 / math.log2(5)
    best = 1 / math.log2(2) + 1 / math.log2(3)
    assert ndcg(Judged((1, 4), 2)) == pytest.approx(gain / best)


def test_what_cannot_be_found_is_missed() -> None:
    figures = measure([Judged((), 0)])
    assert figures == dict.fromkeys(figures, 0)


def test_means_are_over_the_questions_that_have_the_metric() -> None:
    means, counts = average([{"a": 100, "b": 0}, {"a": 0}])
    assert (means, counts) == ({"a": 50, "b": 0}, {"a": 2, "b": 1})


def test_a_gain_on_every_question_is_sure() -> None:
    low, high = bootstrap_gain({"x": (np.ones(20), [f"d{n}" for n in range(20)])})
    assert (low, high) == (100, 100)


def test_a_gain_on_half_of_the_documents_and_a_loss_on_the_others_is_not_sure() -> None:
    gains = np.array([1.0, -1.0] * 10)
    low, high = bootstrap_gain({"x": (gains, [f"d{n}" for n in range(20)])})
    assert low < 0 < high


def test_questions_on_one_document_are_drawn_together() -> None:
    gains = np.array([1.0] * 50 + [-1.0] * 50)
    apart = [f"d{n}" for n in range(100)]
    together = [f"d{n // 10}" for n in range(100)]  # ten documents with ten questions each
    narrow, wide = (np.ptp(bootstrap_gain({"x": (gains, d)})) for d in (apart, together))
    assert wide > 2 * narrow

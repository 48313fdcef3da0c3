"""How good rankings and answers are, and how sure a difference is. Knows no texts.

``docs/evaluation.md`` has the formulas with their sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CUTS = (1, 3, 5, 10)
DEPTH = 50
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Judged:
    """The ranks, from 1, at which a question's gold was found within ``DEPTH``."""

    ranks: tuple[int, ...]
    gold: int  # how many there are to find


def judge(ranking: Sequence[str], gold: frozenset[str]) -> Judged:
    """Compare a ranking with what should be in it."""
    ranks = tuple(rank for rank, found in enumerate(ranking[:DEPTH], 1) if found in gold)
    return Judged(ranks, len(gold))


def measure(judged: Sequence[Judged]) -> dict[str, float]:
    """Return hit@k, mrr@10, ndcg@10 and recall@50 in percent."""
    firsts = [item.ranks[0] if item.ranks else DEPTH + 1 for item in judged]
    figures = {f"hit@{cut}": mean([first <= cut for first in firsts]) for cut in CUTS}
    figures["mrr@10"] = mean([1 / first if first <= 10 else 0 for first in firsts])
    figures["ndcg@10"] = mean([ndcg(item) for item in judged])
    figures[f"recall@{DEPTH}"] = mean([len(item.ranks) / max(item.gold, 1) for item in judged])
    return figures


def mean(values: Sequence[float]) -> float:
    """Return the mean in percent."""
    return 100 * float(np.mean(values))


def ndcg(item: Judged) -> float:
    """Return nDCG@10 with binary gains (Jarvelin and Kekalainen 2002)."""
    gain = sum(1 / np.log2(rank + 1) for rank in item.ranks if rank <= 10)
    best = sum(1 / np.log2(rank + 1) for rank in range(1, min(item.gold, 10) + 1))
    return float(gain / best) if best else 0.0


def bootstrap_gain(
    runs: Mapping[str, tuple[NDArray[np.float64], Sequence[str]]],
) -> NDArray[np.float64]:
    """Return the 2.5 and 97.5 percentiles of the mean gain over runs, in points.

    A run is the difference of hit@1 for each question, and the question's document: whole
    documents are drawn, because questions on one document are not independent.
    """
    random = np.random.default_rng(0)
    means = np.zeros(RESAMPLES)
    for gains, documents in runs.values():
        names, place = np.unique(np.asarray(documents), return_inverse=True)
        totals = np.bincount(place, weights=gains)
        counts = np.bincount(place)
        drawn = random.integers(0, len(names), (RESAMPLES, len(names)))
        means += 100 * totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    percentiles: NDArray[np.float64] = np.percentile(means / len(runs), [2.5, 97.5])
    return percentiles


def average(values: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, int]]:
    """Return the mean of each metric over the questions that have it, and how many they are."""
    listed: dict[str, list[float]] = {}
    for each in values:
        for name, value in each.items():
            listed.setdefault(name, []).append(value)
    means = {name: round(float(np.mean(some)), 4) for name, some in listed.items()}
    return means, {name: len(some) for name, some in listed.items()}

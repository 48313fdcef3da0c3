"""One ranking from the lexical and the dense one.

Knows matches and what their scores can be; does not know where they are from.
"""

import numpy as np
from numpy.typing import NDArray

from server.knowledge_base.indexes import BM25_CEILING, Matches


def fuse(
    lexical: Matches,
    dense: Matches | None,
    *,
    idf: float,
    lexical_weight: float,
    background: float = 0.0,
) -> Matches:
    """Return every match of both with a score of 0 to 1, by the weighted sum of their strengths.

    The strengths are absolute, so that weak evidence stays weak: a word that one chunk alone has
    outweighs cosines that say little, and scores of different questions and knowledge bases can be
    compared. BM25 is divided by the most that the question's terms, whose ``idf`` is summed, can
    score. A cosine counts from ``background`` on, what unrelated texts have with that model. A
    chunk that the dense leg did not find is no closer than the last that it found.
    ``dense`` is None when no model knows the language of the question; then BM25 alone decides.
    """
    words = limit(lexical.scores / (BM25_CEILING * idf)) if idf > 0 else lexical.scores * 0
    if dense is None:
        return Matches(lexical.ids, words)
    closeness = closeness_of(dense.scores, background)
    ids = np.union1d(lexical.ids, dense.ids)
    scores = np.full(len(ids), closeness.min(initial=1.0) if len(closeness) else 0.0, np.float32)
    scores[np.searchsorted(ids, dense.ids)] = closeness
    scores *= 1 - lexical_weight
    scores[np.searchsorted(ids, lexical.ids)] += lexical_weight * words
    order = np.lexsort((ids, -scores))
    return Matches(ids[order], scores[order])


def closeness_of(cosines: NDArray[np.float32], background: float) -> NDArray[np.float32]:
    """Return how far cosines are above those of unrelated texts, 0 to 1."""
    return limit((cosines - background) / (1 - background))


def limit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values cut to 0 to 1."""
    return np.clip(values, 0.0, 1.0).astype(np.float32)

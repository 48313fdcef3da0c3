"""One ranking from the lexical and the dense one.

Knows matches; does not know where they are from or what their scores mean.
"""

import numpy as np
from numpy.typing import NDArray

from server.knowledge_base.indexes import Matches


def fuse(lexical: Matches, dense: Matches | None, *, lexical_weight: float) -> Matches:
    """Return every match of both, by the weighted sum of their scores, each scaled to 0..1.

    BM25 is divided by its best score, cosines are spread from the worst to the best candidate:
    BM25 has a true zero, a cosine has none. A chunk that a leg did not find gets that leg's 0.
    ``dense`` is None when no model knows the language of the question; then BM25 alone decides.
    """
    if dense is None or not len(dense.ids):
        return Matches(lexical.ids, scale(lexical.scores, low=0.0))
    ids = np.union1d(lexical.ids, dense.ids)
    scores = np.zeros(len(ids), np.float32)
    scores[np.searchsorted(ids, lexical.ids)] += lexical_weight * scale(lexical.scores, low=0.0)
    low = float(dense.scores.min())
    scores[np.searchsorted(ids, dense.ids)] += (1 - lexical_weight) * scale(dense.scores, low=low)
    order = np.lexsort((ids, -scores))
    return Matches(ids[order], scores[order])


def scale(scores: NDArray[np.float32], *, low: float) -> NDArray[np.float32]:
    """Return the scores with ``low`` at 0 and the best at 1; where all are equal, all are 1."""
    if not len(scores):
        return scores
    spread = float(scores.max()) - low
    return ((scores - low) / spread).astype(np.float32) if spread > 0 else np.ones_like(scores)

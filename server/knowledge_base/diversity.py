"""Fewer hits that say the same. Knows hits and their terms; does not search."""

import re
from collections.abc import Sequence

from server.datatypes import Hit
from server.knowledge_base.analysis import normalize
from server.knowledge_base.best_sentence import Terms, terms_of

SAME = 0.9  # of the terms of two passages, if what decides is the same in both
# Figures and negations: of hundreds of characters one of these may be all that differs.
DECISIVE = re.compile(
    r"\d+|[〇零一二两三四五六七八九十百千万亿不没未无非]|\b(?:no|not|never|cannot|without)\b|n['’]t\b"
)


def collapse(hits: Sequence[Hit]) -> tuple[list[Hit], dict[int, int]]:
    """Return the hits without near-duplicates of better ones, and what each of those repeats.

    The second value maps the chunk id of a hit that was left out to that of the one that stays.
    """
    kept: list[Hit] = []
    left_out: dict[int, int] = {}
    for hit in hits:
        text = hit.passage.chunk.text
        same = next((other for other in kept if repeats(text, other.passage.chunk.text)), None)
        if same is None:
            kept.append(hit)
        else:
            left_out[hit.passage.chunk_id] = same.passage.chunk_id
    return kept, left_out


def repeats(one: str, other: str) -> bool:
    """Return whether two texts say the same.

    Nearly all terms are the same then, and all codes, figures and negations, these in their order.
    """
    if one == other:
        return True
    terms, others = terms_of(one), terms_of(other)
    smaller, larger = sorted((len(terms), len(others)))
    if smaller < SAME * larger or similarity(terms, others) < SAME:
        return False
    has_other_code = any(any(map(str.isdigit, term)) for term in terms ^ others)
    return not has_other_code and find_decisive(one) == find_decisive(other)


def find_decisive(text: str) -> list[str]:
    """Return the figures and negations of a text, in order."""
    return DECISIVE.findall(normalize(text))


def diversify(hits: Sequence[Hit], *, count: int, trade: float) -> list[Hit]:
    """Return the hits with the ``count`` first chosen by maximal marginal relevance.

    The next hit is the one with the largest ``trade`` * score - (1 - ``trade``) * similarity to
    those chosen (Carbonell and Goldstein 1998); 1 keeps the order. Similarity is the share of
    common terms.
    """
    if trade >= 1:
        return list(hits)
    left = [(hit, terms_of(hit.passage.chunk.text)) for hit in hits]
    nearest = [0.0] * len(left)
    chosen: list[Hit] = []
    while left and len(chosen) < count:
        gains = [
            trade * hit.score - (1 - trade) * near
            for (hit, _), near in zip(left, nearest, strict=True)
        ]
        best = max(range(len(left)), key=gains.__getitem__)
        hit, terms = left.pop(best)
        nearest.pop(best)
        chosen.append(hit)
        nearest = [
            max(near, similarity(terms, other))
            for near, (_, other) in zip(nearest, left, strict=True)
        ]
    return chosen + [hit for hit, _ in left]


def similarity(one: Terms, other: Terms) -> float:
    """Return the share of terms that two texts have in common, 0 to 1 (Jaccard)."""
    smaller, larger = sorted((len(one), len(other)))
    if not larger or smaller < 0.1 * larger:  # next to nothing, without looking
        return 0.0
    return len(one & other) / len(one | other)

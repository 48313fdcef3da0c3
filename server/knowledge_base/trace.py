"""How the hits of a question came about, as JSON values. Knows no routes and no storage."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.datatypes import Hit
from server.knowledge_base.ranking import Ranking

TRACED = 20  # candidates that a trace shows


def describe(
    rankings: Mapping[str, Ranking], hits: Sequence[Hit], repeated: Mapping[int, int], *, count: int
) -> dict[str, Any]:
    """Return what was searched and what became of each candidate.

    ``hits`` are in their final order, the first ``count`` were returned; ``repeated`` maps the
    chunks that were left out to those that say the same.
    """
    first = next(iter(rankings.values()))
    needed = {name: ranking.measures.needed for name, ranking in rankings.items()}
    return {
        "query": first.asked.text,
        "language": first.asked.language,
        "terms": list(first.weights.words),
        "knowledge_bases": [
            {
                "name": name,
                "dense": "used" if ranking.dense is not None else "no_model_for_language",
                "needed": ranking.measures.needed,
                "chunks_allowed": ranking.allowed,
                "lexical_candidates": len(ranking.lexical.ids),
                "dense_candidates": len(ranking.dense.ids) if ranking.dense is not None else 0,
            }
            for name, ranking in rankings.items()
        ],
        "dense": "used" if first.dense is not None else "no_model_for_language",
        "needed": max(needed.values()),
        "candidates": [
            describe_candidate(hit, "" if place < count else "beyond top_k")
            for place, hit in enumerate(hits[:TRACED])
        ],
        "left_out": [
            {"chunk_id": chunk_id, "repeats": other} for chunk_id, other in repeated.items()
        ],
    }


def describe_candidate(hit: Hit, cut: str) -> dict[str, Any]:
    """Return a candidate with its scores; ``cut`` says why it was not returned."""
    return {
        "chunk_id": hit.passage.chunk_id,
        "knowledge_base": hit.passage.knowledge_base,
        "file_name": hit.passage.file_name,
        "score": round(hit.score, 4),
        "relevance": round(hit.relevance, 4),
        **{name: round(score, 4) for name, score in hit.legs.items()},
        **({"cut": cut} if cut else {}),
    }

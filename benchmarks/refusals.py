"""How well a knowledge base tells its own questions from foreign ones. Knows no answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from server.evaluation.metrics import mean
from server.knowledge_base.analysis import analyze, index_text
from server.knowledge_base.best_sentence import ask_terms
from server.knowledge_base.retrieval import WEIGHED, Retrieval


@dataclass(frozen=True, slots=True)
class Decision:
    """What speaks for answering a question, and whether the product would."""

    is_covered: bool
    relevance: float  # of the most relevant hit: what the product decides by
    coverage: float  # share of the question's words in a hit, by idf: the baseline


def decide(found: Retrieval) -> Decision:
    """Return the product's decision on a question and the baseline's figure."""
    # The trace has the hits that were weighed; top_k may have cut them short in the answer.
    weighed = [float(each["relevance"]) for each in found.trace["candidates"][:WEIGHED]]
    shares = (
        ask_terms(found.weights.words).share(words_of(index_text(hit.passage)))
        for hit in found.hits
    )
    return Decision(found.is_covered, max(weighed, default=0.0), max(shares, default=0.0))


@lru_cache(maxsize=65536)
def words_of(text: str) -> frozenset[str]:
    """Return the words of a text without Chinese pairs."""
    return frozenset(analyze(text).words)


def measure_refusals(own: Sequence[Decision], foreign: Sequence[Decision]) -> dict[str, float]:
    """Return the figures of the product in percent; none where there is nothing to compare."""
    if not own or not foreign:
        return {}
    return {
        "auroc": auroc([each.relevance for each in own], [each.relevance for each in foreign]),
        "product_false_refusal": mean([not each.is_covered for each in own]),
        "product_refused": mean([not each.is_covered for each in foreign]),
    }


def measure_coverage(own: Sequence[Decision], foreign: Sequence[Decision]) -> dict[str, float]:
    """Return the figure of the baseline in percent; none where there is nothing to compare."""
    if not own or not foreign:
        return {}
    return {"auroc": auroc([each.coverage for each in own], [each.coverage for each in foreign])}


def auroc(own: Sequence[float], foreign: Sequence[float]) -> float:
    """Return how often an own question lies above a foreign one, in percent; a tie counts half."""
    ordered = np.sort(np.asarray(foreign))
    below = np.searchsorted(ordered, own, side="left")
    not_above = np.searchsorted(ordered, own, side="right")
    return 100 * float(np.mean((below + not_above) / (2 * len(ordered))))

"""Off-topic detection: does a knowledge base hold anything on a question?

Knows terms, their weights and cosines; does not search, and does not know what is answered.

The evidence that a passage gives for a question is measured on a scale of its kind. How much of it
is enough depends on the knowledge base: in a large one an unrelated question finds more words by
chance. So each knowledge base is asked a set of questions on everyday subjects, and what most of
these strangers do not reach is enough.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from server.datatypes import Language, Passage
from server.knowledge_base.analysis import Terms, language_of
from server.knowledge_base.indexes import BM25_K1, Weights
from server.knowledge_base.probes import FOREIGN_QUESTIONS

Kind = Literal["en", "zh", "en+dense", "zh+dense"]

VERSION = 2  # of the measure and of the probes; a calibration of another version is made anew
ENOUGH = 0.5  # the relevance of evidence that is just enough
MAX_PROBES = sum(map(len, FOREIGN_QUESTIONS.values()))

# The share of the probes to refuse. The better a kind tells strangers from questions at home, the
# higher it can be; docs/retrieval.md has what each value does (``benchmarks.answers``).
REFUSED: Mapping[Kind, float] = MappingProxyType(
    {"zh": 0.92, "en": 0.88, "zh+dense": 0.94, "en+dense": 0.92}
)
# In a handful of chunks strangers find nothing at all, and a knowledge base on the subjects of the
# probes is no stranger to them; questions at home reach between these limits everywhere. Where
# people ask in other words than their documents use, a higher limit would refuse many of them.
LOWEST, HIGHEST = 0.2, 0.52
# Small knowledge bases calibrate to 0.2 to 0.28, and a new one is small. For the half second until
# it is calibrated, a needless answer does less harm than refusing what the first upload just said.
UNCALIBRATED = 0.25


@dataclass(frozen=True, slots=True)
class Evidence:
    """How strongly a passage speaks to a question."""

    kind: Kind
    strength: float  # 0 to 1, comparable within its kind only


@dataclass(frozen=True, slots=True)
class Calibration:
    """How much evidence of each kind is enough in one knowledge base."""

    thresholds: Mapping[Kind, float] = field(
        default_factory=lambda: dict.fromkeys(REFUSED, UNCALIBRATED)
    )

    def relevance(self, evidence: Evidence) -> float:
        """Return 0 to 1, comparable between questions, kinds and knowledge bases; 0.5 is enough."""
        enough = self.thresholds[evidence.kind]
        if evidence.strength < enough:
            return ENOUGH * evidence.strength / enough
        return ENOUGH + (1 - ENOUGH) * (evidence.strength - enough) / (1 - enough)


def weigh_evidence(
    question: Terms,
    passage: Terms,
    weights: Weights,
    *,
    language: Language,
    cosine: float | None = None,
) -> Evidence:
    """Measure how much of a question a passage covers.

    ``passage`` holds the terms that are indexed, ``weights`` those of the question's terms,
    ``language`` is the language of the question. ``cosine`` is None unless the model of the
    vectors knows the language of the question and that of the passage.
    """
    asked = {term: weights.words[term] for term in question.words}
    words = Counter(passage.words)
    if language == "zh":
        pairs = {term: weights.grams[term] for term in question.grams}
        bm25 = share(pairs, Counter(passage.grams), k1=BM25_K1)
    else:
        bm25 = share(asked, words, k1=BM25_K1)
    lexical = min((share(asked, words, k1=0.0) + bm25) / 2, 1.0)
    if cosine is None:
        return Evidence(language, lexical)
    kind: Kind = "zh+dense" if language == "zh" else "en+dense"
    return Evidence(kind, (2 * max(cosine, 0.0) + lexical) / 3)


def share(weights: Mapping[str, float], found: Counter[str], *, k1: float) -> float:
    """Return the share of the weights that is found, more for terms that are repeated.

    Half a term is added to the whole: two words find one of them by chance far more often than
    ten words find five.
    """
    if not weights:
        return 0.0
    gains = (
        weight * found[term] * (1 + k1) / (found[term] + k1)
        for term, weight in weights.items()
        if term in found
    )
    return sum(gains) / (sum(weights.values()) + max(weights.values()) / 2)


def calibrate(
    passages: Sequence[Passage], ask: Callable[[str], Sequence[tuple[Passage, Evidence]]]
) -> Calibration:
    """Find how much evidence is enough in a knowledge base, without labels. Deterministic.

    ``passages``, all or an even sample, show which languages to probe. ``ask`` retrieves the best
    passages for a question with their evidence; it is called ``MAX_PROBES`` times at most.
    """
    best: dict[Kind, list[float]] = {kind: [0.0] for kind in REFUSED}
    for language in sorted({language_of(passage.chunk.text) for passage in passages}):
        for question in FOREIGN_QUESTIONS[language]:
            answers = [evidence for _, evidence in ask(question)]
            for kind in best:
                if kind.startswith(language):
                    strengths = (answer.strength for answer in answers if answer.kind == kind)
                    best[kind].append(max(strengths, default=0.0))
    limits = {kind: float(np.quantile(best[kind], REFUSED[kind])) for kind in REFUSED}
    return Calibration({kind: min(max(at, LOWEST), HIGHEST) for kind, at in limits.items()})

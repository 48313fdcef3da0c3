"""The candidates of one question in one knowledge base: both legs, fused, and what they are worth.

Knows indexes, scores and passages; does not know prompts, answers or the database.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings import Embedder
from server.datatypes import Language, Passage
from server.knowledge_base.analysis import Terms, analyze, index_text, language_of
from server.knowledge_base.best_sentence import AskedTerms, cover, keep, terms_asked
from server.knowledge_base.derived import KbIndexes
from server.knowledge_base.fusion import fuse
from server.knowledge_base.indexes import Matches, Weights
from server.knowledge_base.relevance import Calibration, Evidence, weigh_evidence


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is searched."""

    text: str
    language: Language
    terms: Terms
    depth: int  # candidates that each leg gives
    threshold: float  # distance 2 - 2 * cosine up to which the dense leg counts


@dataclass(frozen=True, slots=True)
class Probe:
    """A question as a model sees it that knows its language."""

    embedder: Embedder
    vector: NDArray[np.float32]  # (dimension,), unit


@dataclass(frozen=True, slots=True)
class Measures:
    """What the hits of a knowledge base are measured by."""

    lexical_weight: float  # of BM25, and of words in a sentence; vectors have the rest
    background: float  # cosine of unrelated texts
    calibration: Calibration
    needed: float  # relevance that covers a question


class Clock:
    """Notes how long each of several steps took, in milliseconds."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def note(self, step: str) -> None:
        """Note that a step has ended that began with the end of the one before."""
        moment = time.perf_counter()
        spent = 1000 * (moment - self._last)
        self.timings_ms[step] = self.timings_ms.get(step, 0.0) + spent
        self._last = moment


@dataclass(frozen=True, slots=True)
class Ranking:
    """The candidates of a question in a knowledge base, leg by leg and fused."""

    asked: Asked
    measures: Measures
    weights: Weights
    lexical: Matches
    dense: Matches | None  # None: no model knows the language of the question
    fused: Matches
    probe: Probe | None  # None if ``dense`` is
    allowed: int | None  # chunks that a filter lets pass; None: there is none

    @property
    def asked_terms(self) -> AskedTerms:
        """The terms by which sentences are compared with the question."""
        return terms_asked(self.asked.language, self.weights)

    def legs(self, chunk_id: int) -> dict[str, float]:
        """Return the scores of a candidate by leg."""
        legs = {"lexical": self.lexical, "dense": self.dense, "fused": self.fused}
        return {
            name: float(score)
            for name, matches in legs.items()
            if matches is not None
            for score in matches.scores[matches.ids == chunk_id]
        }

    def evidence(self, passage: Passage) -> Evidence:
        """Return how strongly a candidate speaks to the question."""
        return weigh_evidence(
            self.asked.terms,
            terms_indexed(index_text(passage)),
            self.weights,
            language=self.asked.language,
            cosine=self._cosine(passage),
        )

    def relevance(self, passage: Passage) -> float:
        """Return the evidence of a candidate, calibrated, 0 to 1."""
        return self.measures.calibration.relevance(self.evidence(passage))

    def cover(self, passage: Passage) -> float:
        """Return the largest share of the question in one sentence of a candidate, 0 to 1."""
        return cover(passage, self.asked_terms)

    def best_sentence(self, passage: Passage, words: float, cosine: float | None) -> float:
        """Return how well the best sentence of a candidate fits, 0 to 1.

        It is measured as the passage is: by words, of which it covers that share, and by vectors.
        ``cosine`` is that of the closest sentence, None if it is not known.
        """
        whole = self._cosine(passage)
        if whole is None:
            return words
        closeness = self._closeness(whole if cosine is None else max(whole, cosine))
        share = self.measures.lexical_weight
        return share * words + (1 - share) * closeness

    def _cosine(self, passage: Passage) -> float | None:
        """Return the cosine of a passage, at most; None where vectors carry no meaning.

        What the dense leg did not find is no closer than the last that it found.
        """
        if self.dense is None or self.probe is None or not len(self.dense.ids):
            return None
        if language_of(passage.chunk.text) not in self.probe.embedder.languages:
            return None
        place = np.flatnonzero(self.dense.ids == passage.chunk_id)
        return float(self.dense.scores[place[0] if len(place) else -1])

    def _closeness(self, cosine: float) -> float:
        background = self.measures.background
        return min(max((cosine - background) / (1 - background), 0.0), 1.0)


def rank(
    asked: Asked,
    indexes: KbIndexes,
    probe: Probe | None,
    measures: Measures,
    *,
    clock: Clock,
    allowed: NDArray[np.int64] | None = None,
) -> Ranking:
    """Return the candidates of a question; ``allowed`` limits them to these chunks.

    ``probe`` is of the model of the indexes; None if that does not know the question's language.

    Raises:
        DamagedIndex: nothing was found.
    """
    lexical = indexes.lexical.search(
        asked.terms, asked.depth, language=asked.language, allowed=allowed
    )
    weights = indexes.lexical.weights(asked.terms)
    clock.note("lexical")
    dense = None
    if probe and indexes.dense is not None:
        ids, scores = indexes.dense.search(probe.vector[None, :], asked.depth, allowed=allowed)
        dense = Matches(ids[0][ids[0] >= 0], scores[0][ids[0] >= 0])
        clock.note("dense")
    fused = fuse(
        lexical,
        dense,
        idf=total_idf(weights, asked.language),
        lexical_weight=measures.lexical_weight,
        background=measures.background,
    )
    if dense is not None:
        fused = leave_out_far(fused, lexical, dense, threshold=asked.threshold)
    clock.note("fusion")
    known = None if dense is None else probe
    passed = None if allowed is None else len(allowed)
    return Ranking(asked, measures, weights, lexical, dense, fused, known, passed)


def leave_out_far(fused: Matches, lexical: Matches, dense: Matches, *, threshold: float) -> Matches:
    """Return the candidates without those that vectors alone found, and too far away."""
    is_close = 2 - 2 * dense.scores <= threshold
    kept = np.isin(fused.ids, lexical.ids) | np.isin(fused.ids, dense.ids[is_close])
    return Matches(fused.ids[kept], fused.scores[kept])


@keep
def terms_indexed(text: str) -> Terms:
    """Return the terms of what is indexed of a passage."""
    return analyze(text)


def total_idf(weights: Weights, language: Language) -> float:
    """Return the sum of the idf of all that a question in a language is searched by."""
    grams = sum(weights.grams.values()) if language == "zh" else 0.0
    return sum(weights.words.values()) + grams


def join_weights(found: Sequence[Weights]) -> Weights:
    """Return the mean idf of each term over knowledge bases; all have the same terms."""
    if len(found) == 1:
        return found[0]
    first = found[0]
    return Weights(
        {term: float(np.mean([each.words[term] for each in found])) for term in first.words},
        {term: float(np.mean([each.grams[term] for each in found])) for term in first.grams},
    )

"""From a question to hits: both legs, fusion, and whether the knowledge base covers it at all.

Knows no prompts, no answers and no routes.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from configs.settings import RetrievalSettings
from embeddings import Embedder
from server.datatypes import Hit, Language, Passage
from server.db.database import Database
from server.db.files import passages_by_id
from server.db.knowledge_bases import find_kb
from server.db.models import KnowledgeBaseRow
from server.knowledge_base.analysis import Terms, analyze, index_text, language_of
from server.knowledge_base.calibration import read_calibration
from server.knowledge_base.derived import IndexPool, KbIndexes
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.fusion import fuse
from server.knowledge_base.indexes import Matches, Weights
from server.knowledge_base.relevance import ENOUGH, Evidence, weigh_evidence

WEIGHED = 10  # best hits whose evidence decides whether a question is covered
TRACED = 20  # candidates that a trace shows


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found for a question, and how."""

    language: Language
    hits: tuple[Hit, ...]  # best first
    is_covered: bool  # False: the knowledge base is not about the question
    weights: Weights  # how rare the question's terms are in the knowledge base
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The candidates of one question, leg by leg and fused."""

    language: Language
    terms: Terms
    weights: Weights
    lexical: Matches
    dense: Matches | None  # None: no model knows the language of the question
    fused: Matches
    timings_ms: dict[str, float] = field(default_factory=dict)

    def cosine(self, passage: Passage, embedder: Embedder | None) -> float | None:
        """Return the cosine of a passage, at most; None where vectors carry no meaning.

        What the dense leg did not find is no closer than the last that it found.
        """
        if self.dense is None or embedder is None or not len(self.dense.ids):
            return None
        if language_of(passage.chunk.text) not in embedder.languages:
            return None
        place = np.flatnonzero(self.dense.ids == passage.chunk_id)
        return float(self.dense.scores[place[0] if len(place) else -1])


class Retriever:
    """Searches knowledge bases; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        indexes: IndexPool,
        embedders: EmbedderPool,
        *,
        settings: RetrievalSettings,
    ) -> None:
        self.database = database
        self.indexes = indexes
        self.embedders = embedders
        self.settings = settings

    def retrieve(
        self,
        kb_name: str,
        question: str,
        *,
        top_k: int | None = None,
        score_threshold: float | None = None,
    ) -> Retrieval:
        """Return the hits for a question, best first, and whether they cover it.

        ``score_threshold`` is the distance of 0.2.x, 2 - 2 * cosine, and limits the dense leg.

        Raises:
            UnknownKnowledgeBase, EmbeddingFailed, DatabaseBusy: nothing was found.
        """
        count = top_k or self.settings.top_k
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            embedder = self.embedders.get(kb.embedding_model)
            ranking = self._rank(
                session, kb, question, embedder, depth=count, threshold=score_threshold
            )
            best = ranking.fused.ids[: max(count, WEIGHED)].tolist()
            passages = passages_by_id(session, best)
        calibration = read_calibration(kb)
        legs = legs_of(ranking)
        hits = [
            Hit(
                passage=passages[chunk_id],
                score=float(score),
                relevance=calibration.relevance(weigh(ranking, passages[chunk_id], embedder)),
                legs=legs.get(chunk_id, {}),
            )
            for chunk_id, score in zip(best, ranking.fused.scores, strict=False)
            if chunk_id in passages  # deleted in the meantime
        ]
        needed = ENOUGH if self.settings.min_relevance == "auto" else self.settings.min_relevance
        is_covered = max((hit.relevance for hit in hits[:WEIGHED]), default=0.0) >= needed
        trace = describe(question, ranking, hits, {"needed": needed, "covered": is_covered})
        return Retrieval(ranking.language, tuple(hits[:count]), is_covered, ranking.weights, trace)

    def weigh_question(self, kb_name: str, question: str) -> list[tuple[Passage, Evidence]]:
        """Return the best hits of a question with their evidence, before any calibration.

        Raises:
            UnknownKnowledgeBase, EmbeddingFailed, DatabaseBusy: nothing was found.
        """
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            embedder = self.embedders.get(kb.embedding_model)
            ranking = self._rank(session, kb, question, embedder, depth=WEIGHED, threshold=None)
            passages = passages_by_id(session, ranking.fused.ids[:WEIGHED].tolist())
        return [(passage, weigh(ranking, passage, embedder)) for passage in passages.values()]

    def _rank(
        self,
        session: Session,
        kb: KnowledgeBaseRow,
        question: str,
        embedder: Embedder | None,
        *,
        depth: int,
        threshold: float | None,
    ) -> Ranking:
        started = time.perf_counter()
        language, terms = language_of(question), analyze(question)
        depth = max(depth, self.settings.candidates)
        with self.indexes.use(session, kb, embedder) as indexes:
            ready = time.perf_counter()
            lexical = indexes.lexical.search(terms, depth, language=language)
            weights = indexes.lexical.weights(terms)
            lexical_done = time.perf_counter()
            dense = None
            if embedder and language in embedder.languages:
                limit = self.settings.score_threshold if threshold is None else threshold
                dense = search_dense(indexes, embedder, question, depth, limit)
        dense_done = time.perf_counter()
        fused = fuse(lexical, dense, lexical_weight=self.settings.lexical_weight)
        moments = (started, ready, lexical_done, dense_done, time.perf_counter())
        timings = {
            name: round(1000 * (end - start), 2)
            for name, start, end in zip(
                ("prepare", "lexical", "dense", "fusion"), moments, moments[1:], strict=False
            )
        }
        return Ranking(language, terms, weights, lexical, dense, fused, timings)


def search_dense(
    indexes: KbIndexes, embedder: Embedder, question: str, depth: int, threshold: float
) -> Matches | None:
    """Return the closest chunks whose distance 2 - 2 * cosine is within the threshold."""
    if indexes.dense is None:
        return None
    ids, scores = indexes.dense.search(embedder.embed_query(question)[None, :], depth)
    is_close = (ids[0] >= 0) & (2 - 2 * scores[0] <= threshold)
    return Matches(ids[0][is_close], scores[0][is_close])


def weigh(ranking: Ranking, passage: Passage, embedder: Embedder | None) -> Evidence:
    """Return how strongly a passage speaks to the question of a ranking."""
    return weigh_evidence(
        ranking.terms,
        analyze(index_text(passage)),
        ranking.weights,
        language=ranking.language,
        cosine=ranking.cosine(passage, embedder),
    )


def legs_of(ranking: Ranking) -> dict[int, dict[str, float]]:
    """Return the raw scores of every candidate by chunk id."""
    legs: dict[int, dict[str, float]] = {}
    for name, matches in (("lexical", ranking.lexical), ("dense", ranking.dense)):
        if matches is not None:
            for chunk_id, score in zip(matches.ids.tolist(), matches.scores, strict=True):
                legs.setdefault(chunk_id, {})[name] = round(float(score), 4)
    return legs


def describe(
    question: str, ranking: Ranking, hits: Iterable[Hit], decision: dict[str, Any]
) -> dict[str, Any]:
    """Return how the hits came about, as JSON values."""
    return {
        "query": question,
        "language": ranking.language,
        "terms": list(ranking.weights.words),
        "dense": "used" if ranking.dense is not None else "no_model_for_language",
        **decision,
        "candidates": [
            {
                "chunk_id": hit.passage.chunk_id,
                "file_name": hit.passage.file_name,
                "score": round(hit.score, 4),
                "relevance": round(hit.relevance, 4),
                **hit.legs,
            }
            for hit, _ in zip(hits, range(TRACED), strict=False)
        ],
        "timings_ms": ranking.timings_ms,
    }

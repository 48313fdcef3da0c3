"""From a question to hits: both legs, fused, the best sentences, a reranker, near-duplicates.

Decides also whether the knowledge bases cover the question at all. Knows no prompts, no answers
and no routes.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from configs.settings import RetrievalSettings
from server.datatypes import FileFilter, Hit, Language, Passage
from server.db.database import Database
from server.db.files import passages_by_id
from server.db.filters import chunks_allowed
from server.db.knowledge_bases import find_kb
from server.errors import EmbeddingFailed, RerankingFailed
from server.knowledge_base.analysis import analyze, index_text, language_of
from server.knowledge_base.background import Backgrounds
from server.knowledge_base.best_sentence import SentenceVectors
from server.knowledge_base.calibration import read_calibration
from server.knowledge_base.derived import IndexPool
from server.knowledge_base.diversity import collapse, diversify
from server.knowledge_base.embedders import EmbedderPool
from server.knowledge_base.indexes import Weights
from server.knowledge_base.ranking import Asked, Clock, Measures, Probe, Ranking, join_weights, rank
from server.knowledge_base.relevance import ENOUGH, Evidence
from server.knowledge_base.rerankers.pool import RerankerPool
from server.knowledge_base.trace import describe

logger = logging.getLogger(__name__)

WEIGHED = 10  # best hits whose sentences are compared, and whose evidence decides on coverage

EVERYTHING = FileFilter()


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found for a question, and how."""

    language: Language
    hits: tuple[Hit, ...]  # best first
    is_covered: bool  # False: the knowledge bases are not about the question
    weights: Weights  # how rare the question's terms are in the knowledge bases
    trace: dict[str, Any]


class Retriever:
    """Searches knowledge bases; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        indexes: IndexPool,
        embedders: EmbedderPool,
        rerankers: RerankerPool,
        *,
        settings: RetrievalSettings,
    ) -> None:
        self.database = database
        self.indexes = indexes
        self.embedders = embedders
        self.rerankers = rerankers
        self.settings = settings
        self.backgrounds = Backgrounds()
        self.sentences = SentenceVectors()

    def retrieve(
        self,
        kb_names: str | Sequence[str],
        question: str,
        *,
        top_k: int | None = None,
        score_threshold: float | None = None,
        only: FileFilter = EVERYTHING,
    ) -> Retrieval:
        """Return the hits for a question, best first, and whether they cover it.

        Scores of several knowledge bases are comparable, so their hits are one ranking.
        ``score_threshold`` is the distance of 0.2.x, 2 - 2 * cosine, and limits the dense leg.

        Raises:
            UnknownKnowledgeBase, EmbeddingFailed, IndexFailed, DatabaseBusy: nothing was found.
        """
        names = [kb_names] if isinstance(kb_names, str) else list(dict.fromkeys(kb_names))
        count = top_k or self.settings.top_k
        asked, clock = self._read(question, count, score_threshold), Clock()
        with self.database.read() as session:
            rankings = self._rank_all(session, names, asked, only, clock)
            hits, repeated = find_distinct(session, rankings, self._reach(count))
        clock.note("passages")
        hits, doubt = self._compare_sentences(rankings, hits)
        clock.note("sentences")
        hits, reranking = self._rerank(asked, hits)
        clock.note("rerank")
        hits = diversify(hits, count=count, trade=self.settings.mmr_lambda)
        clock.note("selection")
        is_covered = any(
            hit.relevance >= rankings[hit.passage.knowledge_base].measures.needed
            for hit in hits[:WEIGHED]
        )
        trace = {
            **describe(rankings, hits, repeated, count=count),
            "covered": is_covered,
            "sentence_vectors": doubt,
            "reranker": reranking,
            "timings_ms": {step: round(spent, 2) for step, spent in clock.timings_ms.items()},
        }
        weights = join_weights([ranking.weights for ranking in rankings.values()])
        return Retrieval(asked.language, tuple(hits[:count]), is_covered, weights, trace)

    def weigh_question(self, kb_name: str, question: str) -> list[tuple[Passage, Evidence]]:
        """Return the best hits of a question with their evidence, before any calibration.

        Raises:
            UnknownKnowledgeBase, EmbeddingFailed, IndexFailed, DatabaseBusy: nothing was found.
        """
        asked = self._read(question, WEIGHED, None)
        with self.database.read() as session:
            rankings = self._rank_all(session, [kb_name], asked, EVERYTHING, Clock())
            hits = load(session, rankings, WEIGHED)
        (ranking,) = rankings.values()
        return [(hit.passage, ranking.evidence(hit.passage)) for hit in hits]

    def _read(self, question: str, count: int, threshold: float | None) -> Asked:
        return Asked(
            question,
            language_of(question),
            analyze(question),
            depth=max(self._reach(count), self.settings.candidates),
            threshold=self.settings.score_threshold if threshold is None else threshold,
        )

    def _reach(self, count: int) -> int:
        """Return how many candidates are looked at more closely to return some of them."""
        reranked = self.settings.rerank_candidates if self.settings.reranker else 0
        return max(count, WEIGHED, reranked)

    def _rank_all(
        self, session: Session, names: Sequence[str], asked: Asked, only: FileFilter, clock: Clock
    ) -> dict[str, Ranking]:
        """Return the candidates of each knowledge base by its stored name."""
        rankings = {}
        probes: dict[str, Probe] = {}
        for name in names:
            kb = find_kb(session, name)
            embedder = self.embedders.get(kb.embedding_model)
            probe = None
            if embedder and asked.language in embedder.languages:
                known = probes.get(embedder.generation)
                probe = known or Probe(embedder, embedder.embed_query(asked.text))
                probes[embedder.generation] = probe
                clock.note("embedding")
            by_hand = self.settings.min_relevance if kb.min_relevance is None else kb.min_relevance
            measures = Measures(
                self.settings.lexical_weight,
                background=self.backgrounds.get(probe.embedder) if probe else 0.0,
                calibration=read_calibration(kb),
                needed=ENOUGH if by_hand == "auto" else by_hand,
            )
            allowed = None if only == EVERYTHING else chunks_allowed(session, kb, only)
            with self.indexes.use(session, kb, embedder) as indexes:
                clock.note("prepare")
                rankings[kb.name] = rank(
                    asked, indexes, probe, measures, clock=clock, allowed=allowed
                )
        return rankings

    def _compare_sentences(
        self, rankings: Mapping[str, Ranking], hits: list[Hit]
    ) -> tuple[list[Hit], str]:
        """Return the hits with the best sentence in the score of the first ones, best first.

        Vectors of sentences take time to make, so only a question in doubt gets them; whether it
        did is the second value. If the model fails, words alone count.
        """
        weight, first = self.settings.sentence_weight, hits[:WEIGHED]
        if weight == 0:
            return hits, "off"
        asked = [rankings[hit.passage.knowledge_base] for hit in first]
        words = [ranking.cover(hit.passage) for ranking, hit in zip(asked, first, strict=True)]
        cosines: dict[int, float] = {}
        told = "not needed"
        if max(words, default=0.0) < self.settings.sentence_doubt:
            try:
                cosines = self._embed_sentences(rankings, first[: self.settings.sentence_vectors])
                told = "used" if cosines else "no_model_for_language"
            except EmbeddingFailed as error:
                logger.warning("Sentences were compared by words alone: %s", error)
                told = "failed"
        scored = []
        for ranking, hit, share in zip(asked, first, words, strict=True):
            cosine = cosines.get(hit.passage.chunk_id)
            best = ranking.best_sentence(hit.passage, share, cosine)
            score = (1 - weight) * hit.score + weight * best
            scored.append(replace(hit, score=score, legs={**hit.legs, "sentence": best}))
        rest = [replace(hit, score=(1 - weight) * hit.score) for hit in hits[WEIGHED:]]
        return sorted(scored, key=order_of) + rest, told

    def _embed_sentences(
        self, rankings: Mapping[str, Ranking], hits: Sequence[Hit]
    ) -> dict[int, float]:
        """Return the cosine of the closest sentence by chunk, where vectors carry a meaning."""
        cosines: dict[int, float] = {}
        for name, ranking in rankings.items():
            probe = ranking.probe
            if probe is None:
                continue
            passages = [
                hit.passage
                for hit in hits
                if hit.passage.knowledge_base == name
                and language_of(hit.passage.chunk.text) in probe.embedder.languages
            ]
            texts = [passage.chunk.text for passage in passages]
            closest = self.sentences.closest(texts, probe.vector, probe.embedder)
            cosines |= {
                passage.chunk_id: cosine for passage, cosine in zip(passages, closest, strict=True)
            }
        return cosines

    def _rerank(self, asked: Asked, hits: list[Hit]) -> tuple[list[Hit], dict[str, str] | None]:
        """Return the hits as the reranker orders them, and what the trace says of it.

        If it fails, they stay as they are: a weaker order is better than no answer.
        """
        if not self.settings.reranker:
            return hits, None
        told = {"model": self.settings.reranker}
        try:
            reranker = self.rerankers.get(self.settings.reranker)
            if reranker is None or asked.language not in reranker.languages:
                return hits, {**told, "skipped": "no_model_for_language"}
            first = hits[: self.settings.rerank_candidates]
            scores = reranker.score(asked.text, [index_text(hit.passage) for hit in first])
        except RerankingFailed as error:
            logger.warning("%s", error)
            return hits, {**told, "error": error.message(asked.language)}
        ordered = [
            replace(hit, score=float(score), legs={**hit.legs, "rerank": float(score)})
            for hit, score in zip(first, scores, strict=True)
        ]
        least = min((hit.score for hit in ordered), default=1.0)
        rest = [replace(hit, score=hit.score * least) for hit in hits[len(first) :]]
        return sorted(ordered, key=order_of) + rest, told


def find_distinct(
    session: Session, rankings: Mapping[str, Ranking], count: int
) -> tuple[list[Hit], dict[int, int]]:
    """Return so many hits that say different things, or all there are, and what others repeat."""
    reach = count
    while True:
        found = load(session, rankings, reach)
        hits, repeated = collapse(found)
        if len(hits) >= count or len(found) < reach:
            return hits[:count], repeated
        reach *= 2


def load(session: Session, rankings: Mapping[str, Ranking], count: int) -> list[Hit]:
    """Return the best candidates of all knowledge bases with their passages, best first."""
    best = sorted(
        (-float(score), chunk_id, name)
        for name, ranking in rankings.items()
        for chunk_id, score in zip(
            ranking.fused.ids[:count].tolist(), ranking.fused.scores, strict=False
        )
    )[:count]
    passages = passages_by_id(session, [chunk_id for _, chunk_id, _ in best])
    return [
        Hit(
            passage=passages[chunk_id],
            score=-below,
            relevance=rankings[name].relevance(passages[chunk_id]),
            legs=rankings[name].legs(chunk_id),
        )
        for below, chunk_id, name in best
        if chunk_id in passages  # deleted in the meantime
    ]


def order_of(hit: Hit) -> tuple[float, int]:
    """Return what hits are sorted by: the score, equal ones by their id."""
    return -hit.score, hit.passage.chunk_id

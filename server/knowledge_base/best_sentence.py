"""How well the best sentence of a passage fits a question: finer than the passage as a whole.

Knows sentences, terms and vectors; does not search.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embeddings import Embedder
from server.datatypes import Language, Passage
from server.knowledge_base.analysis import analyze
from server.knowledge_base.indexes import Weights
from server.knowledge_base.sentences import split_sentences

KEPT = 4096  # passages whose sentences stay at hand: about 8 KB each, with vectors 20 KB
LEAST_CHARS = 15  # of a sentence with a vector of its own

Vectors = NDArray[np.float32]
Terms = frozenset[str]


def terms_asked(language: Language, weights: Weights) -> Mapping[str, float]:
    """Return the terms, with idf, by which texts are compared with a question in a language."""
    return weights.grams if language == "zh" and weights.grams else weights.words


def share(weights: Mapping[str, float], found: Terms) -> float:
    """Return the share of the weights whose terms are found, 0 to 1."""
    total = sum(weights.values())
    return sum(idf for term, idf in weights.items() if term in found) / total if total else 0.0


def cover(passage: Passage, asked: Mapping[str, float]) -> float:
    """Return the largest share of a question in one sentence with the headings above it, 0 to 1."""
    frame = frame_of(passage)
    sentences = terms_of_sentences(passage.chunk.text)
    return max((share(asked, terms | frame) for terms in sentences), default=0.0)


def frame_of(passage: Passage) -> Terms:
    """Return the terms of the title and the headings above a passage."""
    return terms_of("\n".join((passage.title, *passage.chunk.headings)))


@lru_cache(maxsize=KEPT)
def terms_of_sentences(text: str) -> tuple[Terms, ...]:
    """Return the terms of each sentence of a passage, in order."""
    return tuple(terms_of(sentence.text) for sentence in split_sentences(text))


@lru_cache(maxsize=KEPT)
def terms_of(text: str) -> Terms:
    """Return the words and grams of a text."""
    terms = analyze(text)
    return frozenset(terms.words).union(terms.grams)


class SentenceVectors:
    """Vectors of sentences, made when a question first meets their passage, and kept for others."""

    def __init__(self) -> None:
        self._embed: dict[str, Callable[[str], Vectors]] = {}

    def closest(self, text: str, question: Vectors, embedder: Embedder) -> float:
        """Return the cosine of the closest sentence of a passage; -1 without any.

        ``question`` is its vector, float32 (dimension,).

        Raises:
            EmbeddingFailed: the model fails.
        """
        return float((self._vectors_of(embedder)(text) @ question).max(initial=-1.0))

    def _vectors_of(self, embedder: Embedder) -> Callable[[str], Vectors]:
        """Return the function from a text to its sentences' vectors, float32 (n, dimension)."""
        name = embedder.generation
        if name not in self._embed:

            @lru_cache(maxsize=KEPT)
            def embed(text: str) -> Vectors:
                texts = [
                    each.text for each in split_sentences(text) if len(each.text) >= LEAST_CHARS
                ]
                return (
                    embedder.embed_documents(texts)
                    if texts
                    else np.zeros((0, embedder.dimension), np.float32)
                )

            self._embed.setdefault(name, embed)
        return self._embed[name]

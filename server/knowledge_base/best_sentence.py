"""How well the best sentence of a passage fits a question: finer than the passage as a whole.

Knows sentences, terms and vectors; does not search.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from itertools import islice
from math import fsum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from embeddings import Embedder
from server.datatypes import Language, Passage
from server.knowledge_base.analysis import analyze
from server.knowledge_base.indexes import Weights
from server.knowledge_base.sentences import split_sentences

KEPT = 512  # passages whose terms stay at hand: of 500 characters they take up to 150 KB
LONGEST_KEPT = 2000  # characters; what is longer is analysed each time
KEPT_VECTORS = 1024  # passages whose sentences' vectors stay: of 384 dimensions about 10 KB
LEAST_CHARS = 15  # of a sentence with a vector of its own
MOST_SENTENCES = 50  # of a passage with vectors: more only have lists and tables

Vectors = NDArray[np.float32]
Terms = frozenset[str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AskedTerms:
    """The terms of a question with their idf, by which texts are compared with it."""

    weights: Mapping[str, float]
    total: float

    def share(self, found: Terms) -> float:
        """Return the share of the weights whose terms are found, 0 to 1."""
        if not self.total:
            return 0.0
        return fsum(self.weights[term] for term in self.weights.keys() & found) / self.total


def ask_terms(weights: Mapping[str, float]) -> AskedTerms:
    """Return the terms of a question."""
    return AskedTerms(weights, fsum(weights.values()))


def terms_asked(language: Language, weights: Weights) -> AskedTerms:
    """Return what counts in a question: characters and pairs in Chinese, words in English."""
    return ask_terms(weights.grams if language == "zh" and weights.grams else weights.words)


def cover(passage: Passage, asked: AskedTerms) -> float:
    """Return the largest share of a question in one sentence with the headings above it, 0 to 1."""
    frame = frame_of(passage)
    sentences = terms_of_sentences(passage.chunk.text)
    return max((asked.share(terms | frame) for terms in sentences), default=0.0)


def frame_of(passage: Passage) -> Terms:
    """Return the terms of the title and the headings above a passage."""
    return terms_of("\n".join((passage.title, *passage.chunk.headings)))


def keep(function: Callable[[str], T]) -> Callable[[str], T]:
    """Return a function that keeps what it found for the texts met last, unless they are long."""
    kept = lru_cache(maxsize=KEPT)(function)

    @wraps(function)
    def call(text: str) -> T:
        return kept(text) if len(text) <= LONGEST_KEPT else function(text)

    return call


def find_terms(text: str) -> Terms:
    """Return the words and grams of a text."""
    terms = analyze(text)
    return frozenset(terms.words).union(terms.grams)


terms_of = keep(find_terms)


@keep
def terms_of_sentences(text: str) -> tuple[Terms, ...]:
    """Return the terms of each sentence of a passage, in order."""
    return tuple(find_terms(sentence.text) for sentence in split_sentences(text))


class SentenceVectors:
    """Vectors of sentences, made when a question first meets their passage, and kept for others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Vectors] = OrderedDict()

    def closest(self, texts: Sequence[str], question: Vectors, embedder: Embedder) -> list[float]:
        """Return the cosine of the closest sentence of each passage; -1 without any.

        ``question`` is its vector, float32 (dimension,). What is missing is embedded in one call.

        Raises:
            EmbeddingFailed: the model fails.
        """
        name = embedder.generation
        with self._lock:
            found = {text: self._kept[name, text] for text in texts if (name, text) in self._kept}
        missing = {text: sentences_of(text) for text in texts if text not in found}
        wanted = [sentence for sentences in missing.values() for sentence in sentences]
        rows = embedder.embed_documents(wanted) if wanted else np.zeros((0, len(question)))
        start = 0
        for text, sentences in missing.items():
            found[text] = rows[start : start + len(sentences)].astype(np.float32)
            start += len(sentences)
        with self._lock:
            for text in found:
                self._kept[name, text] = found[text]
                self._kept.move_to_end((name, text))
            while len(self._kept) > KEPT_VECTORS:
                self._kept.popitem(last=False)
        return [float((found[text] @ question).max(initial=-1.0)) for text in texts]


def sentences_of(text: str) -> list[str]:
    """Return the first sentences of a passage that say enough for a vector."""
    sentences = (each.text for each in split_sentences(text))
    return list(islice((text for text in sentences if len(text) >= LEAST_CHARS), MOST_SENTENCES))

"""The methods that ours is compared with, on the same texts in the same run.

Whitespace BM25 is what several peers use for Chinese too; word BM25 splits Chinese into words.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import rjieba
from numpy.typing import NDArray

from embeddings import Embedder

K1, B = 1.5, 0.75  # as Lucene's users mostly have it
RRF_K = 60  # Cormack, Clarke and Buettcher 2009

Scores = NDArray[np.float32]


def split_whitespace(text: str) -> list[str]:
    """Return what stands between spaces, in lower case."""
    return text.lower().split()


def split_words(text: str) -> list[str]:
    """Return words in lower case; Chinese is segmented, nothing is stemmed or left out."""
    return [word for word in rjieba.cut(text.lower()) if re.search(r"\w", word)]


class Bm25:
    """BM25 with Lucene's idf over texts in memory."""

    def __init__(self, texts: Sequence[str], split: Callable[[str], list[str]]) -> None:
        self.split = split
        counts = [Counter(split(text)) for text in texts]
        lengths = np.array([sum(count.values()) for count in counts], np.float32)
        self.norms = K1 * (1 - B + B * lengths / lengths.mean())
        self.size = len(texts)
        self.postings: dict[str, tuple[list[int], list[int]]] = {}
        for place, count in enumerate(counts):
            for term, frequency in count.items():
                places, frequencies = self.postings.setdefault(term, ([], []))
                places.append(place)
                frequencies.append(frequency)

    def score(self, query: str) -> Scores:
        """Return a score for every text, float32 (n,)."""
        scores = np.zeros(self.size, np.float32)
        for term in set(self.split(query)):
            if term in self.postings:
                places, frequencies = self.postings[term]
                tf = np.array(frequencies, np.float32)
                idf = np.log(1 + (self.size - len(places) + 0.5) / (len(places) + 0.5))
                scores[places] += idf * tf * (K1 + 1) / (tf + self.norms[places])
        return scores


class Dense:
    """Cosines of an embedding model over texts in memory."""

    def __init__(self, texts: Sequence[str], embedder: Embedder) -> None:
        self.embedder = embedder
        self.vectors = embedder.embed_documents(list(texts))

    def score(self, query: str) -> Scores:
        """Return a cosine for every text, float32 (n,)."""
        scores: Scores = self.vectors @ self.embedder.embed_query(query)
        return scores


def rank(scores: Scores, depth: int) -> list[int]:
    """Return the places of the best texts, best first; equal ones in their order."""
    return [int(place) for place in np.argsort(-scores, kind="stable")[:depth]]


def fuse_ranks(rankings: Sequence[Sequence[int]], depth: int) -> list[int]:
    """Return the reciprocal rank fusion of rankings."""
    scores: Counter[int] = Counter()
    for ranking in rankings:
        for place, item in enumerate(ranking, 1):
            scores[item] += 1 / (RRF_K + place)  # type: ignore[assignment]  # a Counter of floats
    return sorted(scores, key=lambda item: (-scores[item], item))[:depth]

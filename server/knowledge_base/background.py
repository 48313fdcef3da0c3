"""What unrelated texts have in common for an embedding model. Knows no knowledge base.

Cosines of unrelated texts lie near 0 with some models and at 0.7 with others. Only what is above
that says that a passage is about a question.
"""

import threading
from collections import defaultdict
from statistics import fmean

from embeddings import Embedder
from server.knowledge_base.probes import FOREIGN_QUESTIONS

TEXTS = 6  # of a language: enough for a mean over 30 pairs to within 0.02
HIGHEST = 0.9


class Backgrounds:
    """The backgrounds of the models in use, each measured with the first question."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()  # guards the turns; nobody waits for a model with it

    def get(self, embedder: Embedder) -> float:
        """Return the mean cosine of questions with texts on other subjects, 0 to 0.9.

        Raises:
            EmbeddingFailed: the model fails.
        """
        name = embedder.generation
        if name not in self._known:
            with self._lock:
                turn = self._turns[name]
            with turn:
                if name not in self._known:
                    self._known[name] = measure(embedder)
        return self._known[name]


def measure(embedder: Embedder) -> float:
    """Return the mean over the languages of a model that we have probes in."""
    means = []
    for language in sorted(embedder.languages):
        probes = FOREIGN_QUESTIONS[language]
        texts = [probes[place * len(probes) // TEXTS] for place in range(TEXTS)]
        documents = embedder.embed_documents(texts)
        for place, text in enumerate(texts):
            cosines = documents @ embedder.embed_query(text)
            means += [float(value) for other, value in enumerate(cosines) if other != place]
    return min(max(fmean(means), 0.0), HIGHEST) if means else 0.0

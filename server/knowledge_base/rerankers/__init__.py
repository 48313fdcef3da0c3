"""The contract of the rerankers, and the table of those that exist.

A reranker reads a question and a text together, which is slower and finer than comparing vectors.
It knows texts; it does not know chunks, files or knowledge bases.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from configs.model_settings import RerankerSettings
from server.datatypes import Language
from server.errors import RerankingFailed
from server.plugins import Registry

SHOWN = 100  # characters of a folder

Scores = NDArray[np.float32]

# Scores pairs in a process of its own: the folder of a checkpoint, a question and texts to float32
# (n,), each 0..1. It raises EmbeddingFailed.
PairScorer = Callable[[Path, str, list[str]], Scores]


class Reranker(Protocol):
    """Says how well texts answer a question; safe to call from several threads at once.

    ``languages`` are those that the model was trained for: what it says of questions in others has
    no meaning.
    """

    @property
    def languages(self) -> frozenset[Language]: ...

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return float32 (n,), each 0..1, in the order of the texts: higher is closer.

        Scores of one model can be compared between questions. No texts give no scores, unasked.
        What is too long for the model is cut.

        Raises:
            RerankingFailed: the model cannot be loaded or reached, or fails; the next call tries
                again.
        """
        ...

    def close(self) -> None:
        """Give back connections; nothing is scored afterwards."""


class RerankerFactory(Protocol):
    """Builds a reranker without loading or asking it; the first texts do."""

    def __call__(
        self, name: str, settings: RerankerSettings, *, score_pairs: PairScorer
    ) -> Reranker: ...


RERANKERS: Registry[RerankerFactory] = Registry(
    "reranker",
    {
        "cross_encoder": "server.knowledge_base.rerankers.cross_encoder:CrossEncoderReranker",
        "http": "server.knowledge_base.rerankers.http:HttpReranker",
    },
)


def unfindable(name: str, place: str, error: Exception) -> RerankingFailed:
    """Return the error of a folder that the system refuses to look for."""
    reason = str(error.args[-1]).rstrip(".")
    return RerankingFailed(
        model=name,
        reason_en=f"the folder {place[:SHOWN]} cannot be looked for: {reason}.",
        reason_zh=f"无法查找目录 {place[:SHOWN]}：{reason}。",
    )

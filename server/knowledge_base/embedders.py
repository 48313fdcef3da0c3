"""The embedding models in use, each built once. Knows no knowledge base and no vectors."""

import threading
from collections.abc import Sequence
from pathlib import Path

from configs.settings import EmbeddingSettings
from embeddings import EMBEDDERS, Embedder
from embeddings.words import find_words
from server.errors import EmbeddingFailed, InvalidRequest
from server.plugins import MissingPackage

NONE = "none"  # a knowledge base without vectors: lexical search only


class EmbedderPool:
    """Embedding models by name; a model is loaded when the first text comes."""

    def __init__(self, settings: EmbeddingSettings, cache: Path) -> None:
        self.settings = settings
        self.cache = cache
        self._lock = threading.Lock()
        self._built: dict[str, Embedder] = {}

    def check_name(self, name: str | None) -> str:
        """Return the name of a known model; None means the default one.

        Raises:
            InvalidRequest: no model has that name.
        """
        chosen = name or self.settings.model
        if chosen != NONE and chosen not in EMBEDDERS:
            known = ", ".join([*EMBEDDERS, NONE])
            raise InvalidRequest(
                param="embedding_model",
                problem_en=f"there is no embedding model {chosen!r}. Known: {known}.",
                problem_zh=f"没有名为 {chosen!r} 的向量模型。可用的有：{known}。",
            )
        return chosen

    def get(self, name: str) -> Embedder | None:
        """Return a model, or None for "none".

        Raises:
            EmbeddingFailed: the model is not known any more, or its package is missing.
        """
        if name == NONE:
            return None
        with self._lock:
            if name not in self._built:
                try:
                    make = EMBEDDERS.get(name)
                except (LookupError, MissingPackage) as error:
                    raise EmbeddingFailed(model=name, reason=str(error)) from error
                self._built[name] = make(
                    cache=self.cache,
                    batch_size=self.settings.batch_size,
                    threads=self.settings.threads,
                )
            return self._built[name]

    def languages(self, name: str) -> list[str]:
        """Return the languages that a model knows; none for "none" or a model that is gone."""
        if name not in EMBEDDERS:
            return []
        embedder = self.get(name)
        return sorted(embedder.languages) if embedder else []

    def find_tokens(self, name: str, text: str) -> Sequence[int]:
        """Return where the tokens of a text begin; without a model, its words and signs.

        Raises:
            EmbeddingFailed: the model cannot be loaded.
        """
        embedder = self.get(name)
        return embedder.find_tokens(text) if embedder else find_words(text)

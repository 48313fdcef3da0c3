"""The embedding models in use, each built once. Knows no knowledge base and no vectors."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.settings import EmbeddingSettings
from embeddings import EMBEDDERS, Embedder, Vectors
from embeddings.checkpoint_embedder import CheckpointEmbedder
from embeddings.interactive import InteractiveProcess
from embeddings.places import PLAIN, find_place
from embeddings.process import EmbeddingProcess
from embeddings.remote import RemoteEmbedder
from embeddings.words import find_words
from server.errors import EmbeddingFailed, InvalidRequest
from server.plugins import MissingPackage

NONE = "none"  # a knowledge base without vectors: lexical search only


class EmbedderPool:
    """Embedding models by name; a model is loaded when the first text comes.

    Questions for a checkpoint go to a process of their own, which starts with the first of them
    and stays.
    """

    def __init__(self, settings: EmbeddingSettings, cache: Path) -> None:
        self.settings = settings
        self.cache = cache
        self.interactive = InteractiveProcess(
            cache=cache,
            batch_size=settings.batch_size,
            threads=settings.threads,
            runtime=settings.runtime,
        )
        self._lock = threading.Lock()
        self._built: dict[str, Embedder] = {}

    def check_name(self, name: str | None) -> str:
        """Return the name of a model that can be used; None means the default one.

        Raises:
            InvalidRequest: no model has that name, or its files are missing.
            EmbeddingFailed: its files are no embedding model.
        """
        chosen = name or self.settings.model
        if chosen != NONE:
            find_place(chosen, self.settings)
            embedder = self.get(chosen)
            if isinstance(embedder, CheckpointEmbedder):
                _ = embedder.checkpoint  # reads the files
        return chosen

    def get(self, name: str) -> Embedder | None:
        """Return a model, or None for "none".

        Raises:
            EmbeddingFailed: the model is not known any more, or its package or files are missing.
        """
        if name == NONE:
            return None
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(name)
            return self._built[name]

    def languages(self, name: str) -> list[str]:
        """Return the languages that a model knows; none for "none" or a model that is gone."""
        try:
            embedder = self.get(name)
            return sorted(embedder.languages) if embedder else []
        except EmbeddingFailed:
            return []

    def find_tokens(self, name: str, text: str) -> Sequence[int]:
        """Return where the tokens of a text begin; without a model, its words and signs.

        Raises:
            EmbeddingFailed: the model cannot be loaded.
        """
        embedder = self.get(name)
        return embedder.find_tokens(text) if embedder else find_words(text)

    def embed_documents(self, name: str, texts: list[str], process: EmbeddingProcess) -> Vectors:
        """Return float32 (n, dimension), unit rows; what needs computing here goes to ``process``.

        Raises:
            EmbeddingFailed: the model or its process failed.
        """
        embedder = self.get(name)
        if embedder is None:
            raise EmbeddingFailed(model=name, reason="it makes no vectors")
        if isinstance(embedder, RemoteEmbedder):
            return embedder.embed_files(texts)
        if isinstance(embedder, CheckpointEmbedder):
            return embedder.embed_in(process, texts)
        return process.embed(name, texts, embedder.dimension)

    def score_pairs(self, folder: Path, question: str, texts: list[str]) -> NDArray[np.float32]:
        """Return float32 (n,), how well each text answers the question, 0..1, higher is better.

        ``folder`` holds a cross-encoder, which the process for questions runs.

        Raises:
            EmbeddingFailed: the model or its process failed.
        """
        return self.interactive.rerank(folder, question, texts)

    def close(self) -> None:
        """End the process for questions, and the connections to services."""
        self.interactive.close()
        self.hang_up()

    def hang_up(self) -> None:
        """End the connections to services; who waits for one gets an error, as do later callers."""
        with self._lock:
            for embedder in self._built.values():
                if isinstance(embedder, RemoteEmbedder):
                    embedder.close()

    def _build(self, name: str) -> Embedder:
        try:
            place = find_place(name, self.settings)
            if place is None:
                return EMBEDDERS.get(name)(
                    cache=self.cache,
                    batch_size=self.settings.batch_size,
                    threads=self.settings.threads,
                )
        except InvalidRequest as error:
            raise EmbeddingFailed(model=name, reason=error.values["problem_en"]) from error
        except (LookupError, MissingPackage) as error:
            raise EmbeddingFailed(model=name, reason=str(error)) from error
        wishes = self.settings.models.get(name, PLAIN)
        if isinstance(place, str):
            return RemoteEmbedder(name, wishes, place)
        return CheckpointEmbedder(name, place, wishes, self.interactive)

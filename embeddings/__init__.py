"""Embedding models by name. Knows no storage and no retrieval."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from server.datatypes import Language
from server.plugins import Registry

Vectors = NDArray[np.float32]
Runtime = Literal["auto", "onnxruntime", "openvino"]


class Embedder(Protocol):
    """Turns texts into unit vectors; safe to call from several threads at once.

    ``languages`` are those the model was trained for: other texts get vectors without meaning, so
    callers leave them out. ``generation`` names everything that the vectors depend on (model bytes
    and pooling); vectors of different generations are never compared.
    """

    @property
    def languages(self) -> frozenset[Language]: ...

    @property
    def dimension(self) -> int: ...

    @property
    def generation(self) -> str: ...

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Return float32 (n, dimension), unit rows in the order of the texts.

        Raises:
            EmbeddingFailed: the model cannot be loaded or fails.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return float32 (dimension,), a unit vector; with the model's query instruction."""
        ...

    def find_tokens(self, text: str) -> Sequence[int]:
        """Return the offset of the first character of each token, in order, without special ones.

        The text is not cut to what the model takes. The weights are not loaded.

        Raises:
            EmbeddingFailed: the tokenizer cannot be loaded.
        """
        ...


class EmbedderFactory(Protocol):
    """Builds an embedder without loading its model; the first text loads it.

    ``cache`` is a folder for what can be made again; ``threads`` 0 means one per core. ``runtime``
    is for models that more than one can run; their vectors are of the same generation, so they
    must agree to a cosine of 0.999.
    """

    def __call__(
        self, *, cache: Path, batch_size: int, threads: int, runtime: Runtime = "onnxruntime"
    ) -> Embedder: ...


EMBEDDERS: Registry[EmbedderFactory] = Registry(
    "embedding model",
    {
        "all-MiniLM-L6-v2": "embeddings.minilm:MiniLmEmbedder",
        "hashing": "embeddings.hashing:HashingEmbedder",
    },
)

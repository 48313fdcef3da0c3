"""Hashed character n-grams as vectors: deterministic and instant, for tests and offline trials.

It takes the place of the default model in tests, so it claims the same language; its vectors are
far weaker than those of a trained model.
"""

import zlib
from pathlib import Path

import numpy as np

from embeddings import Runtime, Vectors
from embeddings.words import find_words
from server.datatypes import Language


class HashingEmbedder:
    """Counts of character bigrams and trigrams, signed, in 256 buckets (Weinberger et al. 2009)."""

    languages: frozenset[Language] = frozenset({"en"})
    dimension = 256
    generation = "hashing-256"

    def __init__(
        self, *, cache: Path, batch_size: int, threads: int, runtime: Runtime = "onnxruntime"
    ) -> None:
        """Take and ignore what other embedders need."""

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Return float32 (n, 256), unit rows; a text without letters is a fixed unit vector."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self.embed_query(text)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Return float32 (256,), a unit vector."""
        vector = np.zeros(self.dimension, np.float32)
        padded = f" {text.lower()} "
        for size in (2, 3):
            for start in range(len(padded) - size + 1):
                code = zlib.crc32(padded[start : start + size].encode())
                vector[code % self.dimension] += 1 if code & 0x10000 else -1
        norm = float(np.linalg.norm(vector))
        if norm == 0:
            vector[0] = norm = 1
        return vector / np.float32(norm)

    def find_tokens(self, text: str) -> list[int]:
        """Return where words, Chinese characters and signs begin: it has no tokens of its own."""
        return find_words(text)

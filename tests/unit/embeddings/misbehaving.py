"""The embedding process with models that fail in every way: run as the process in tests."""

import os
import signal
import time

import numpy as np

from embeddings import EMBEDDERS, Vectors
from embeddings.hashing import HashingEmbedder
from embeddings.serve import main

MODULE = "tests.unit.embeddings.misbehaving"
MODELS = {
    "nan": f"{MODULE}:NanEmbedder",
    "moody": f"{MODULE}:MoodyEmbedder",
    "slow": f"{MODULE}:SlowEmbedder",
    "stuck": f"{MODULE}:StuckEmbedder",
}


class NanEmbedder(HashingEmbedder):
    def embed_documents(self, texts: list[str]) -> Vectors:
        vectors = super().embed_documents(texts)
        vectors[-1, 3] = np.nan
        return vectors


class MoodyEmbedder(HashingEmbedder):
    """Fails at some texts, ends its process at others."""

    def embed_documents(self, texts: list[str]) -> Vectors:
        if "fail" in texts:
            raise ValueError("one text cannot be embedded")
        if "print" in texts:
            print("a library that prints")  # noqa: T201
        if "crash" in texts:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "exit" in texts:
            os._exit(3)
        return super().embed_documents(texts)


class SlowEmbedder(HashingEmbedder):
    def embed_documents(self, texts: list[str]) -> Vectors:
        time.sleep(0.1)
        return super().embed_documents(texts)


class StuckEmbedder(HashingEmbedder):
    def embed_documents(self, texts: list[str]) -> Vectors:
        time.sleep(3600)
        return super().embed_documents(texts)


if __name__ == "__main__":
    EMBEDDERS.places.update(MODELS)
    main()

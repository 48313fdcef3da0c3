"""The embedding process with models that fail in every way: run as the process in tests."""

import os
import signal
import socket
import time

import numpy as np

from embeddings import EMBEDDERS, Vectors
from embeddings.frames import LENGTHS, send_frame
from embeddings.hashing import HashingEmbedder
from embeddings.serve import EmbeddingServer, main

MODULE = "tests.unit.embeddings.misbehaving"
MODELS = {
    "nan": f"{MODULE}:NanEmbedder",
    "moody": f"{MODULE}:MoodyEmbedder",
    "slow": f"{MODULE}:SlowEmbedder",
    "stuck": f"{MODULE}:StuckEmbedder",
    "busy": f"{MODULE}:BusyEmbedder",
    "liar": f"{MODULE}:LiarEmbedder",
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


class BusyEmbedder(HashingEmbedder):
    """Computes for as many seconds as the first text says."""

    def embed_documents(self, texts: list[str]) -> Vectors:
        end = time.monotonic() + float(texts[0])
        while time.monotonic() < end:
            pass
        return super().embed_documents(texts)


class LiarEmbedder(HashingEmbedder):
    """Puts messages of its own before the answer."""

    def embed_documents(self, texts: list[str]) -> Vectors:
        connection = socket.socket(fileno=os.dup(0))
        if "nested" in texts:
            header = b"[" * 1_000_000
            connection.sendall(LENGTHS.pack(len(header), 0) + header)
        else:
            send_frame(connection, {"id": 1, "rows": 1, "dimension": self.dimension}, b"")
        return super().embed_documents(texts)


class WildCrossEncoder:
    """Gives scores that are none."""

    def score(self, question: str, texts: list[str]) -> Vectors:
        return np.full(len(texts), 7, np.float32)


if __name__ == "__main__":
    EMBEDDERS.places.update(MODELS)
    EmbeddingServer._load_cross_encoder = lambda self, folder: WildCrossEncoder()  # type: ignore[method-assign]
    main()

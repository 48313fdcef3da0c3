"""The embedding process: ``python -m embeddings.serve``, with a socket as its standard input.

It embeds what its parent sends, one request after the other, and ends when the parent does.
Knows no knowledge bases. ``embeddings/process.py`` is the other side.
"""

import argparse
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from embeddings import EMBEDDERS, Embedder, Vectors
from embeddings.frames import receive_frame, send_frame
from server.errors import EmbeddingFailed

logger = logging.getLogger(__name__)

NICENESS = 10  # questions come first
SLICE = 64  # texts between two signs of life


class EmbeddingServer:
    """Answers requests with models that are loaded when they are first asked for."""

    def __init__(self, connection: socket.socket, build: Callable[[str], Embedder]) -> None:
        self.connection = connection
        self.build = build
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._built: dict[str, Embedder] = {}
        self._answered: Any = None  # the id of the request in work, which its answers carry

    def run(self) -> None:
        """Answer until the parent is gone; does not return."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            self._answer(self._requests.get())

    def _read(self) -> None:
        """Take requests in; end the process with its parent, whatever it is doing."""
        try:
            while True:
                self._requests.put(receive_frame(self.connection)[0])
        except (EOFError, OSError, ValueError):
            os._exit(0)

    def _tell(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        try:
            send_frame(self.connection, {"id": self._answered, **header}, body)
        except OSError:
            os._exit(0)

    def _answer(self, request: Any) -> None:
        self._answered = request["id"]
        try:
            vectors = self._embed(request["model"], request["texts"])
        except EmbeddingFailed as error:
            self._tell({"error": error.values["reason"]})
        except Exception as error:  # the border: a failed request must not end us
            logger.exception("Embedding with %r failed.", request["model"])
            self._tell({"error": f"{type(error).__name__}: {error}"})
        else:
            rows, dimension = vectors.shape
            content = vectors.astype("<f4").tobytes()
            self._tell({"rows": rows, "dimension": dimension}, content)

    def _embed(self, model: str, texts: list[str]) -> Vectors:
        """Return the vectors of texts, and tell the parent now and then that there is progress."""
        if model not in self._built:
            self._built[model] = self.build(model)
        embedder = self._built[model]
        vectors = np.zeros((len(texts), embedder.dimension), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), SLICE):
            part = order[start : start + SLICE]
            vectors[part] = embedder.embed_documents([texts[i] for i in part])
            self._tell({"done": start + len(part)})
        return vectors


def main() -> None:
    """Serve the parent on the socket that is the standard input."""
    # Who stops the service may signal all of its processes; this one ends with its parent, which
    # lets the file in work finish first.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parser = argparse.ArgumentParser(description="Embed texts for the parent process.")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--runtime", required=True)
    flags = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s embedding process: %(message)s")
    os.nice(NICENESS)

    def build(model: str) -> Embedder:
        return EMBEDDERS.get(model)(
            cache=flags.cache,
            batch_size=flags.batch_size,
            threads=flags.threads,
            runtime=flags.runtime,
        )

    EmbeddingServer(socket.socket(fileno=os.dup(0)), build).run()


if __name__ == "__main__":
    main()

"""The embedding process: ``python -m embeddings.serve``, with a socket as its standard input.

It embeds or scores what its parent sends, one request after the other, and ends when the parent
does. A request names a model of the table, or carries a checkpoint; one with a question is for a
cross-encoder, which scores the texts.
Knows no knowledge bases. ``embeddings/process.py`` is the other side.
"""

import argparse
import json
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

from embeddings import EMBEDDERS, Embedder, Runtime, Vectors
from embeddings.checkpoint import Checkpoint
from embeddings.frames import receive_frame, send_frame
from server.errors import EmbeddingFailed

logger = logging.getLogger(__name__)

NICENESS = 10  # questions come first
SLICE = 64  # texts between two signs of life
HELD = 3  # models in memory: one to embed, one to score, one of the other language


class EmbeddingServer:
    """Answers requests with models that are loaded when they are first asked for."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        cache: Path,
        batch_size: int,
        threads: int,
        runtime: Runtime,
    ) -> None:
        self.connection = connection
        self.cache = cache
        self.batch_size = batch_size
        self.threads = threads
        self.runtime = runtime
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._held: dict[str, Any] = {}  # embedders and cross-encoders, the last used at the end
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
            rows = self._score(request) if "question" in request else self._embed(request)
        except EmbeddingFailed as error:
            self._tell({"error": error.values["reason"]})
        except Exception as error:  # the border: a failed request must not end us
            logger.exception("Embedding with %r failed.", request["model"])
            self._tell({"error": f"{type(error).__name__}: {error}"})
        else:
            count, dimension = rows.shape
            self._tell({"rows": count, "dimension": dimension}, rows.astype("<f4").tobytes())

    def _embed(self, request: Any) -> Vectors:
        """Return the vectors of texts."""
        model, checkpoint = request["model"], request.get("checkpoint")
        if checkpoint is None:
            embedder = self._hold(model, lambda: self._build(model))
            return self._in_slices(request["texts"], embedder.dimension, embedder.embed_documents)
        key = json.dumps(checkpoint)
        sentences = self._hold(key, lambda: self._load(model, checkpoint))
        prompt = request["prompt"]
        return self._in_slices(
            request["texts"], sentences.dimension, lambda texts: sentences.embed(texts, prompt)
        )

    def _score(self, request: Any) -> Vectors:
        """Return float32 (n, 1), how well each text answers the question."""
        folder, question = request["model"], request["question"]
        encoder = self._hold(f"score {folder}", lambda: self._load_cross_encoder(folder))
        return self._in_slices(
            request["texts"], 1, lambda texts: encoder.score(question, texts)[:, None]
        )

    def _in_slices(
        self, texts: list[str], dimension: int, compute: Callable[[list[str]], Vectors]
    ) -> Vectors:
        """Return a row for each text, and tell the parent now and then that there is progress."""
        rows = np.zeros((len(texts), dimension), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), SLICE):
            part = order[start : start + SLICE]
            rows[part] = compute([texts[i] for i in part])
            self._tell({"done": start + len(part)})
        return rows

    def _hold(self, key: str, load: Callable[[], Any]) -> Any:
        """Return a model that is in memory, or load it, giving up the one unused for longest."""
        model = self._held.pop(key, None)
        if model is None:
            while len(self._held) >= HELD:
                del self._held[next(iter(self._held))]
            model = load()
        self._held[key] = model
        return model

    def _build(self, model: str) -> Embedder:
        return EMBEDDERS.get(model)(
            cache=self.cache,
            batch_size=self.batch_size,
            threads=self.threads,
            runtime=self.runtime,
        )

    def _load(self, model: str, checkpoint: Any) -> Any:
        try:
            from embeddings.sentences import SentenceEncoder
        except ImportError as error:
            reason = f"it needs a package ({error}): pip install -r requirements.txt"
            raise EmbeddingFailed(model=model, reason=reason) from error
        chosen = Checkpoint.from_json(checkpoint)
        return SentenceEncoder(model, chosen, batch_size=self.batch_size, threads=self.threads)

    def _load_cross_encoder(self, folder: str) -> Any:
        from embeddings.cross_encoder import load_cross_encoder

        return load_cross_encoder(Path(folder), threads=self.threads)


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
    parser.add_argument("--gives-way", action="store_true")
    flags = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s embedding process: %(message)s")
    if flags.gives_way:
        os.nice(NICENESS)
    EmbeddingServer(
        socket.socket(fileno=os.dup(0)),
        cache=flags.cache,
        batch_size=flags.batch_size,
        threads=flags.threads,
        runtime=flags.runtime,
    ).run()


if __name__ == "__main__":
    main()

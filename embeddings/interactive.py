"""The embedding process that people wait for: questions, and the scores of what was found.

It is another one than that of the uploads, so that a question never waits behind a file. Knows no
knowledge base.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import Runtime, Vectors
from embeddings.process import TIMEOUT_S, EmbeddingProcess
from server.errors import EmbeddingFailed

STOPPING = "the service is stopping"


class InteractiveProcess:
    """One child for several threads, which take turns; started when the first one needs it."""

    def __init__(
        self,
        *,
        cache: Path,
        batch_size: int,
        threads: int,
        runtime: Runtime,
        timeout_s: float = TIMEOUT_S,
        module: str = "embeddings.serve",
    ) -> None:
        self.process = EmbeddingProcess(
            cache=cache,
            batch_size=batch_size,
            threads=threads,
            runtime=runtime,
            timeout_s=timeout_s,
            module=module,
            gives_way=False,
        )
        self._turn = threading.Lock()
        self._is_closed = False

    def embed(
        self,
        model: str,
        texts: list[str],
        dimension: int,
        *,
        checkpoint: Mapping[str, Any],
        prompt: str,
    ) -> Vectors:
        """Return float32 (n, dimension), unit rows.

        Raises:
            EmbeddingFailed: as ``EmbeddingProcess.embed``, or this is closed.
        """
        with self._turn:
            self._check_open(model)
            return self.process.embed(model, texts, dimension, checkpoint=checkpoint, prompt=prompt)

    def rerank(self, folder: Path, question: str, texts: list[str]) -> NDArray[np.float32]:
        """Return float32 (n,), how well each text answers the question, 0..1.

        Raises:
            EmbeddingFailed: as ``EmbeddingProcess.rerank``, or this is closed.
        """
        with self._turn:
            self._check_open(str(folder))
            return self.process.rerank(str(folder), question, texts)

    def close(self) -> None:
        """End the child; who waits for it gets an error, as do later callers."""
        self._is_closed = True
        while not self._turn.acquire(timeout=0.1):
            self.process.kill()  # again and again, since it may have been about to start
        try:
            self.process.stop()
        finally:
            self._turn.release()

    def _check_open(self, model: str) -> None:
        if self._is_closed:
            raise EmbeddingFailed(model=model, reason=STOPPING)

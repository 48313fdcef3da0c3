"""The parent's side of the embedding process: start it, ask it, end it.

Knows no queues and no knowledge bases. ``embeddings/serve.py`` is the other side.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from configs import ROOT
from embeddings import Runtime, Vectors
from embeddings.frames import receive_frame, send_frame
from server.errors import EmbeddingFailed

logger = logging.getLogger(__name__)

TIMEOUT_S = 180.0  # without a sign of life; the slowest slice on a busy machine takes far less
TURNS = 10  # of the timeout, for a child that computes on: a starved one, or one in a loop
STANDARD_ERROR = 2
# A checkpoint is a folder: whatever its libraries lack they must not fetch, nor report its use.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class EmbeddingStuck(EmbeddingFailed):
    """The embedding process gave no sign of life and was ended."""


class EmbeddingProcess:
    """One child process that embeds and scores texts, started when the first ones come.

    All but ``kill`` is for one thread at a time. The child ends with this process, however that
    dies: its socket closes then.
    """

    def __init__(
        self,
        *,
        cache: Path,
        batch_size: int,
        threads: int,
        runtime: Runtime,
        timeout_s: float = TIMEOUT_S,
        module: str = "embeddings.serve",
        gives_way: bool = True,
    ) -> None:
        """Start nothing yet; ``gives_way``: what this process computes can wait for questions."""
        self.timeout_s = timeout_s
        self._command = [
            *(sys.executable, "-m", module, "--cache", str(cache.resolve())),
            *("--batch-size", str(batch_size), "--threads", str(threads)),
            *("--runtime", runtime),
            *(["--gives-way"] if gives_way else []),
        ]
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The number of the child, or None without one."""
        child = self._child
        return child.pid if child else None

    def embed(
        self,
        model: str,
        texts: list[str],
        dimension: int,
        *,
        checkpoint: Mapping[str, Any] | None = None,
        prompt: str = "",
    ) -> Vectors:
        """Return float32 (n, dimension), unit rows in the order of the texts.

        ``checkpoint`` is what ``Checkpoint.to_json`` gives, for a model that is none of the table;
        ``prompt`` is put before each of its texts.

        Raises:
            EmbeddingFailed: the model cannot be loaded, fails or gives no unit vectors, or the
                child died; the next call tries again, with a new child if need be.
            EmbeddingStuck: the child gave no sign of life for ``timeout_s``, nor did it compute.
        """
        request: dict[str, Any] = {"texts": texts}
        if checkpoint is not None:
            request |= {"checkpoint": checkpoint, "prompt": prompt}
        content = self._ask(model, request, len(texts), dimension)
        return read_vectors(model, content, len(texts), dimension)

    def rerank(self, folder: str, question: str, texts: list[str]) -> NDArray[np.float32]:
        """Return float32 (n,), how well each text answers the question, 0..1, higher is better.

        Raises:
            EmbeddingFailed, EmbeddingStuck: as ``embed``, for the cross-encoder in the folder.
        """
        content = self._ask(folder, {"question": question, "texts": texts}, len(texts), 1)
        if len(content) != 4 * len(texts):
            reason = f"it gave {len(content)} bytes for {len(texts)} scores"
            raise EmbeddingFailed(model=folder, reason=reason)
        scores = np.frombuffer(content, "<f4").astype(np.float32)
        if not ((scores >= 0) & (scores <= 1)).all():  # false for NaN too
            raise EmbeddingFailed(model=folder, reason="it gave scores that are not from 0 to 1")
        return scores

    def _ask(self, model: str, request: Mapping[str, Any], rows: int, dimension: int) -> bytes:
        """Return the child's answer, which has the promised shape, as it says."""
        try:
            connection = self._connect()
            self._requests += 1
            send_frame(connection, {"id": self._requests, "model": model, **request})
            header, body = self._receive(connection)
            while "done" in header:
                header, body = self._receive(connection)
        except TimeoutError as error:
            self.stop()
            reason = (
                f"its process gave no sign of life for over {self.timeout_s:.0f} s and was ended"
            )
            raise EmbeddingStuck(model=model, reason=reason) from error
        except (EOFError, OSError, ValueError) as error:
            reason = f"its process ended ({self._end() or error})"
            raise EmbeddingFailed(model=model, reason=reason) from error
        except BaseException:  # what is left of this answer must not reach the next texts
            self.stop()
            raise
        if "error" in header:
            raise EmbeddingFailed(model=model, reason=str(header["error"]))
        shape = header.get("rows"), header.get("dimension")
        if shape != (rows, dimension):
            reason = f"it gave vectors of the shape {shape} for {(rows, dimension)}"
            raise EmbeddingFailed(model=model, reason=reason)
        return body

    def kill(self) -> None:
        """End the child at once; safe from any thread. A running ``embed`` fails."""
        child = self._child
        if child:
            child.kill()

    def stop(self) -> None:
        """End the child, if there is one, and take up what it leaves behind."""
        self.kill()
        self._end()

    def _connect(self) -> socket.socket:
        """Return the connection to a living child.

        Raises:
            OSError: it cannot be started.
        """
        if self._child and self._child.poll() is not None:
            logger.warning("The embedding process ended while idle (%s).", self._end())
        if self._connection is None:
            ours, theirs = socket.socketpair()
            with theirs:
                ours.settimeout(self.timeout_s)
                self._connection = ours
                clean = {name: value for name, value in os.environ.items() if name[:7] != "ZHIWEN_"}
                clean |= OFFLINE
                # A group of its own: what stops the API must not fail the texts of a last upload.
                # No session of its own, for Linux would weigh its niceness within that alone.
                # Its standard output is our standard error: nothing may spoil the frames.
                self._child = subprocess.Popen(  # noqa: S603  # no shell, and our own command
                    self._command,
                    cwd=ROOT,
                    env=clean,
                    stdin=theirs.fileno(),
                    stdout=STANDARD_ERROR,
                    process_group=0,
                )
        return self._connection

    def _receive(self, connection: socket.socket) -> tuple[Mapping[str, Any], bytes]:
        """Return the next message about the last request.

        Raises:
            OSError: as ``receive_frame``; ``TimeoutError`` if nothing comes and the child does
                nothing either.
            ValueError: as ``receive_frame``, or it is about another request.
        """
        poller = select.poll()
        poller.register(connection, select.POLLIN)
        for _ in range(TURNS):
            worked_s = self._worked_s()
            if poller.poll(1000 * self.timeout_s):
                break
            if self._worked_s() == worked_s:
                raise TimeoutError
        else:
            raise TimeoutError
        header, body = receive_frame(connection)
        if header.get("id") != self._requests:
            raise ValueError("an answer to another request")
        return header, body

    def _worked_s(self) -> float:
        """Return how long the child has computed so far; 0 when it is gone."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return 0
        return float(times.user + times.system)

    def _end(self) -> str:
        """End the child and return how it ended: in a few words, or "" without one."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
        child = self._child
        if child is None:
            return ""
        try:
            status = child.wait(5)  # it is gone, or goes because its connection closed
        except subprocess.TimeoutExpired:
            child.kill()
            status = child.wait()
        self._child = None
        return describe_end(status)


def describe_end(status: int) -> str:
    """Return how a process ended."""
    if status >= 0:
        return f"status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # most real-time signals have no name
        name = f"signal {-status}"
    hint = ", perhaps for lack of memory" if -status == signal.SIGKILL else ""
    return f"{name}{hint}"


def read_vectors(model: str, content: bytes, rows: int, dimension: int) -> Vectors:
    """Return little-endian float32 values as unit rows.

    Raises:
        EmbeddingFailed: they are too few or too many, or a row has not length 1 (or is not finite).
    """
    if len(content) != 4 * rows * dimension:
        reason = f"it gave {len(content)} bytes for {rows} texts of {dimension} dimensions"
        raise EmbeddingFailed(model=model, reason=reason)
    vectors: Vectors = np.frombuffer(content, "<f4").reshape(rows, dimension).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) < 0.01).all():  # false for NaN too
        raise EmbeddingFailed(model=model, reason="it gave vectors that are not of length 1")
    return vectors

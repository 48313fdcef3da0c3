"""Vectors for the texts of many files at once, by way of the embedding process.

Knows no files and no storage: callers bring texts and wait for their vectors.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from embeddings import Vectors
from embeddings.process import TIMEOUT_S, EmbeddingProcess, EmbeddingStuck
from embeddings.remote import RemoteEmbedder, ServiceUnavailable
from server.errors import Cancelled, EmbeddingFailed
from server.knowledge_base.embedders import EmbedderPool

logger = logging.getLogger(__name__)

PORTION = 256  # texts that go to the process at once: enough to sort by length
SHARERS = 16  # callers in one portion, so that each gets a fair part of it
LOOK_EVERY_S = 0.25  # how soon a caller notices that it is cancelled
STOPPING = "the service is stopping"


@dataclass(slots=True, eq=False)
class Waiting:
    """What one caller waits for; ``done`` of its texts have their vectors."""

    model: str
    texts: list[str]
    vectors: Vectors
    done: int = 0
    error: EmbeddingFailed | None = None

    @property
    def left(self) -> int:
        return len(self.texts) - self.done

    @property
    def is_over(self) -> bool:
        return self.left == 0 or self.error is not None


@dataclass(slots=True, eq=False)
class Lane:
    """Callers that one thread serves in turn; guarded by the condition of ``DocumentEmbedder``."""

    uses_process: bool  # else it asks the service of one model
    waiting: deque[Waiting] = field(default_factory=deque)
    thread: threading.Thread | None = None


Share = tuple[Waiting, list[str]]  # the next texts of one caller


class DocumentEmbedder:
    """Embeds for several threads at once, in portions that are shared fairly.

    One thread hands portions to one embedding process, and each model behind a service has a
    thread of its own: a service that does not answer holds up nobody else. A caller with few texts
    is not kept waiting by one with many: both are in every portion. The process ends after
    ``idle_s`` without texts.
    """

    def __init__(
        self,
        pool: EmbedderPool,
        *,
        timeout_s: float = TIMEOUT_S,
        module: str = "embeddings.serve",
    ) -> None:
        """Start nothing yet; ``module`` is the program of the process."""
        self.pool = pool
        self.process = EmbeddingProcess(
            cache=pool.cache,
            batch_size=pool.settings.batch_size,
            threads=pool.settings.threads,
            runtime=pool.settings.runtime,
            timeout_s=timeout_s,
            module=module,
        )
        self._changed = threading.Condition()
        self._local = Lane(uses_process=True)
        self._remote: dict[str, Lane] = {}  # by the name of the model
        self._is_closed = False

    def embed(
        self,
        model: str,
        texts: list[str],
        *,
        on_progress: Callable[[int], None] = lambda done: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Vectors:
        """Return float32 (n, dimension), unit rows in the order of the texts; blocks.

        ``on_progress`` is called in the thread of the caller, with the number of texts done so far;
        ``is_cancelled`` several times a second. ``model`` is not "none".

        Raises:
            Cancelled: ``is_cancelled`` became true.
            EmbeddingFailed: the model or its process failed; the next call tries again.
        """
        embedder = self.pool.get(model)
        if embedder is None:
            raise EmbeddingFailed(model=model, reason="it makes no vectors")
        waiting = Waiting(model, texts, np.empty((len(texts), embedder.dimension), np.float32))
        if not texts:
            return waiting.vectors
        lane = self._add(waiting, is_remote=isinstance(embedder, RemoteEmbedder))
        try:
            self._await(waiting, on_progress, is_cancelled)
        finally:
            with self._changed:
                if waiting in lane.waiting:
                    lane.waiting.remove(waiting)
        return waiting.vectors

    def close(self) -> None:
        """End the process and its thread; whoever waits gets an error, as do later callers.

        Threads that wait for a service end when it answers, or with this program.
        """
        with self._changed:
            self._is_closed = True
            for lane in self._remote.values():
                self._fail_all(lane, STOPPING)
            self._changed.notify_all()
        while self._local.thread and self._local.thread.is_alive():
            self.process.kill()  # again and again, since it may have been about to start
            self._local.thread.join(0.1)

    def _add(self, waiting: Waiting, *, is_remote: bool) -> Lane:
        with self._changed:
            if self._is_closed:
                raise EmbeddingFailed(model=waiting.model, reason=STOPPING)
            lane = self._local
            if is_remote:
                lane = self._remote.setdefault(waiting.model, Lane(uses_process=False))
            if lane.thread is None:
                thread = threading.Thread(
                    target=self._work, args=[lane], name="document-embedder", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:  # the system has no room for it
                    raise EmbeddingFailed(model=waiting.model, reason=str(error)) from error
                lane.thread = thread
            lane.waiting.append(waiting)
            self._changed.notify_all()
            return lane

    def _await(
        self,
        waiting: Waiting,
        on_progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Return when all vectors are there, telling of each portion."""
        told = 0
        while told < len(waiting.texts):
            with self._changed:
                if waiting.done == told and waiting.error is None:
                    self._changed.wait(LOOK_EVERY_S)
                done, error = waiting.done, waiting.error
            if error:
                raise EmbeddingFailed(model=waiting.model, reason=error.values["reason"]) from error
            if is_cancelled():
                raise Cancelled()
            if done > told:
                told = done
                on_progress(done)

    def _work(self, lane: Lane) -> None:
        """Embed portions until ``close``."""
        while not self._is_closed:
            try:
                self._work_once(lane)
            except Exception as error:  # the border: without this thread all would hang
                logger.exception("The thread that embeds failed.")
                self._fail_all(lane, str(error))
        self._fail_all(lane, STOPPING)
        if lane.uses_process:
            self.process.stop()

    def _work_once(self, lane: Lane) -> None:
        """Embed the next portion, or end the process if there is none for long."""
        with self._changed:
            is_idle = lane.uses_process and self.process.pid
            patience = self.pool.settings.idle_s if is_idle else None
            self._changed.wait_for(lambda: lane.waiting or self._is_closed, patience)
            if self._is_closed:
                return
            shares = self._take(lane)
        if shares:
            self._embed(lane, shares)
        elif lane.uses_process:
            self.process.stop()

    def _take(self, lane: Lane) -> list[Share]:
        """Return the next portion, and put its callers at the end of the queue."""
        if not lane.waiting:
            return []
        model = lane.waiting[0].model
        sharers = [waiting for waiting in lane.waiting if waiting.model == model][:SHARERS]
        shares: list[Share] = []
        room = PORTION
        # Whoever needs less than an equal part leaves the rest of it to the others.
        for place, waiting in enumerate(sorted(sharers, key=lambda waiting: waiting.left)):
            count = min(waiting.left, room // (len(sharers) - place))
            room -= count
            shares.append((waiting, waiting.texts[waiting.done : waiting.done + count]))
        for waiting in sharers:
            lane.waiting.remove(waiting)
            lane.waiting.append(waiting)
        return shares

    def _embed(self, lane: Lane, shares: list[Share]) -> None:
        """Embed a portion; if it fails, each caller's part alone, for one may be at fault."""
        waiting = shares[0][0]
        try:
            rows = self._embed_once(waiting.model, [text for _, texts in shares for text in texts])
        except EmbeddingFailed as error:
            is_nobodys_fault = isinstance(error, EmbeddingStuck | ServiceUnavailable)
            if len(shares) == 1 or is_nobodys_fault or self._is_closed:
                self._fail(lane, shares, error)
            else:
                for share in shares:
                    self._embed(lane, [share])
        except Exception as error:  # the border: without this thread all would hang
            logger.exception("The texts for the embedding process were lost.")
            self._fail(lane, shares, EmbeddingFailed(model=waiting.model, reason=str(error)))
        else:
            self._finish(lane, shares, rows)

    def _embed_once(self, model: str, texts: list[str]) -> Vectors:
        """Return the vectors of texts; equal texts are embedded once."""
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        vectors = self.pool.embed_documents(model, list(places), self.process)
        return vectors[[places[text] for text in texts]]

    def _finish(self, lane: Lane, shares: list[Share], rows: Vectors) -> None:
        with self._changed:
            start = 0
            for waiting, texts in shares:
                count = len(texts)
                waiting.vectors[waiting.done : waiting.done + count] = rows[start : start + count]
                waiting.done += count
                start += count
            self._settle(lane)

    def _fail(self, lane: Lane, shares: list[Share], error: EmbeddingFailed) -> None:
        with self._changed:
            for waiting, _ in shares:
                waiting.error = error
            self._settle(lane)

    def _fail_all(self, lane: Lane, reason: str) -> None:
        with self._changed:
            for waiting in lane.waiting:
                waiting.error = EmbeddingFailed(model=waiting.model, reason=reason)
            self._settle(lane)

    def _settle(self, lane: Lane) -> None:
        """Forget the callers that need nothing more, and wake all; holds the lock."""
        lane.waiting = deque(waiting for waiting in lane.waiting if not waiting.is_over)
        self._changed.notify_all()

"""A model worker: a generator that the controller knows and that serves requests in turn.

Knows no HTTP routes (``worker_app.py``) and no model library (the generators).
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from configs.model_settings import ModelSettings
from server.errors import ModelBusy, ModelFailed, ZhiwenError
from server.model_workers.fastchat_import import tamed_fastchat
from server.model_workers.generator import Generation, Generator, Piece
from server.model_workers.work_meter import WorkMeter
from server.readiness import Readiness, StillStarting

with tamed_fastchat():
    from fastchat.conversation import Conversation
    from fastchat.serve.base_model_worker import BaseModelWorker

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


class ModelWorker(BaseModelWorker):  # type: ignore[misc]  # untyped
    """FastChat's worker around a generator: loads, registers, reports, serves in turn."""

    def __init__(
        self, name: str, generator: Generator, settings: ModelSettings, *, address: str
    ) -> None:
        """Prepare; ``address``: URL under which controller and endpoint reach this worker."""
        with tamed_fastchat():
            super().__init__("", address, name, name, [name], generator.parallel)
        self.name = name
        self.generator = generator
        self.max_waiting = settings.max_waiting
        self.semaphore = asyncio.Semaphore(generator.parallel)  # FastChat counts the queue by it
        self.waiting = 0
        self.readiness = Readiness()
        self.is_loaded = False

    def make_conv_template(self, *_: object) -> Conversation:
        """Return an empty one: messages come as they are, and the generator knows its template."""
        return Conversation(name="messages")

    def load(self) -> bool:
        """Load the model and return whether it can be used; ``readiness`` follows. Blocks."""
        try:
            with self.watched():
                self.generator.load()
        except ZhiwenError as error:
            return self.fail(error)
        except Exception as error:  # a border: any library may run in there
            logger.exception("the model %s could not be loaded", self.name)
            reason = f"{type(error).__name__}: {error}"
            return self.fail(ModelFailed(model=self.name, reason_en=reason, reason_zh=reason))
        self.is_loaded = True
        return True

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count progress while the work inside gets on, or waits for what may come any time."""
        is_over = threading.Event()
        meter = WorkMeter()

        def watch() -> None:
            while not is_over.wait(LOOK_EVERY_S):
                if self.generator.trouble or meter.has_advanced():
                    self.tell_loading()

        thread = threading.Thread(target=watch, daemon=True)
        self.tell_loading()
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()  # it must not speak after the outcome is told

    def tell_loading(self) -> None:
        """Count a step of the load."""
        loading = f"loading the model {self.name}", f"正在加载模型 {self.name}"
        self.readiness.report(*(self.generator.trouble or loading))

    def fail(self, error: ZhiwenError) -> bool:
        """Note that the model cannot be served; return False."""
        logger.error("%s", error)
        self.readiness.fail(error)
        return False

    async def generate_stream_gate(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the pieces when it is this request's turn; closing the iterator cancels it.

        Raises:
            ModelBusy: too many wait already.
            ZhiwenError: what the generator raises.
        """
        async with self.turn(), aclosing(self.generator.stream(generation)) as pieces:
            self.call_ct += 1
            async for piece in pieces:
                yield piece

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot and give it back, whatever happens.

        Raises:
            StillStarting: the model is not loaded.
            ModelBusy: too many wait already.
        """
        if not self.is_loaded:
            self.readiness.check()
            raise StillStarting(doing_en="loading", doing_zh="加载中")
        if self.semaphore.locked() and self.waiting >= self.max_waiting:
            raise ModelBusy(waiting=self.waiting, model=self.name)
        self.waiting += 1
        try:
            await self.semaphore.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self.semaphore.release()

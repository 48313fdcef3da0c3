"""The parts of the serving chain as real HTTP servers in threads, and a generator with a script."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from starlette.applications import Starlette

from configs.model_settings import ModelSettings
from configs.settings import WorkerSettings
from server.model_workers.attendance import Attendance
from server.model_workers.generator import Generation, Generator, Piece, Trouble
from server.model_workers.http_server import HookedServer, make_server
from server.model_workers.worker import ModelWorker
from server.model_workers.worker_app import make_worker_app
from tests.e2e.processes import free_port, wait_until

SECRET = "the secret of the tests"
WITHIN_S = 30.0

Start = Callable[..., ModelWorker]


def set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Script(Generator):
    """A generator that says what a test tells it to."""

    words: list[str] = field(default_factory=lambda: ["你好", ", ", "world"])
    parallel_limit: int = 1
    load_error: Exception | None = None
    loading: threading.Event = field(default_factory=set_event)  # loaded when it is set
    trouble: Trouble | None = None
    error_after: dict[int, Exception] = field(default_factory=dict)  # words before the error
    pause: asyncio.Event | None = None  # awaited before the last word
    pause_s: float = 0.0  # before the last word
    generations: list[Generation] = field(default_factory=list)
    closed: int = 0  # generations that ended, however
    go_on: Callable[[], object] = print  # ends the pause of the last generation

    @property
    def parallel(self) -> int:
        return self.parallel_limit

    def load(self) -> None:
        if self.load_error:
            raise self.load_error
        self.loading.wait(WITHIN_S)

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece]:
        self.generations.append(generation)
        self.go_on = partial(asyncio.get_running_loop().call_soon_threadsafe, self.end_pause)
        try:
            for number, word in enumerate(self.words):
                if number == len(self.words) - 1:
                    await asyncio.sleep(self.pause_s)
                    if self.pause:
                        await self.pause.wait()
                if error := self.error_after.get(number):
                    raise error
                yield Piece(word, 7, number + 1)
            yield Piece("", 7, len(self.words), "stop")
        finally:
            self.closed += 1

    def end_pause(self) -> None:
        assert self.pause
        self.pause.set()

    async def close(self) -> None:
        """Hold nothing."""


@contextmanager
def silent_stranger() -> Iterator[socket.socket]:
    """Listen, and answer nothing; who accepts from it sees what was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WITHIN_S)
        yield listener


@contextmanager
def running(app: Starlette, port: int) -> Iterator[HookedServer]:
    """Serve an app in a thread; the hooks may be set before."""
    with running_server(make_server(app, "127.0.0.1", port, grace_s=0)) as server:
        yield server


@contextmanager
def running_server(server: HookedServer) -> Iterator[HookedServer]:
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, WITHIN_S, "listening")
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(WITHIN_S)
        assert not thread.is_alive()


@contextmanager
def running_worker(
    generator: Generator,
    settings: WorkerSettings,
    *,
    controller: str,
    name: str = "tiny",
    max_waiting: int = 32,
    secret: str = SECRET,
) -> Iterator[ModelWorker]:
    """Serve a worker that registers with a controller; returns before it has."""
    port = free_port()
    model = ModelSettings(path="-", max_waiting=max_waiting)
    worker = ModelWorker(name, generator, model, address=f"http://127.0.0.1:{port}")
    attendance = Attendance(worker, settings, controller=controller, secret=secret)
    server = make_server(make_worker_app(worker, SECRET), "127.0.0.1", port, grace_s=0)
    server.on_listen, server.on_stop = attendance.begin, attendance.end
    with running_server(server):
        yield worker


def wait_ready(worker: ModelWorker) -> None:
    """Wait until a worker is registered."""
    wait_until(lambda: worker.readiness.read().is_ready, WITHIN_S, "registered")

"""The routes of a model worker, in FastChat's protocol. Knows no models and no controller."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.disconnect import CancellingResponse, Stopping
from server.errors import InvalidRequest, ModelFailed, ZhiwenError
from server.model_workers.gate import SecretGate
from server.model_workers.generator import Generation, Piece
from server.model_workers.probes import probe_routes
from server.model_workers.refusals import answer_error, answer_nobody
from server.model_workers.wire import frame, read_generation, write_error, write_piece
from server.model_workers.worker import ModelWorker
from server.readiness import Progress

logger = logging.getLogger(__name__)


def make_worker_app(worker: ModelWorker, secret: str) -> Starlette:
    """Return the app of a worker behind the gate of the shared secret."""

    async def read_progress() -> Progress:
        return worker.readiness.read()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await worker.generator.close()

    return Starlette(
        routes=[*probe_routes(read_progress), *worker_routes(worker)],
        middleware=[Middleware(SecretGate, secret=secret)],
        exception_handlers={ZhiwenError: answer_error, ClientDisconnect: answer_nobody},
        lifespan=lifespan,
    )


def worker_routes(worker: ModelWorker) -> list[Route]:
    """Return those routes of FastChat's protocol that its controller and our endpoint ask for."""

    async def worker_generate_stream(request: Request) -> Response:
        """Stream the pieces; an error is the last of them."""
        generation = read_generation(await request.body())
        return CancellingResponse(frames(worker, generation))

    async def worker_get_status(_: Request) -> JSONResponse:
        """Tell models and queue; 503 while there is no model yet."""
        return JSONResponse(worker.get_status(), 200 if worker.is_loaded else 503)

    return [
        Route(f"/{route.__name__}", route, methods=["POST"])
        for route in (worker_generate_stream, worker_get_status)
    ]


async def frames(worker: ModelWorker, generation: Generation) -> AsyncGenerator[bytes]:
    """Yield the pieces as they go over the wire."""
    try:
        async with aclosing(pieces(worker, generation)) as stream:
            async for piece in stream:
                yield frame(write_piece(piece))
    except ZhiwenError as error:
        yield frame(write_error(error))
    except asyncio.CancelledError:  # if it was the client who left, nobody reads this
        yield frame(write_error(Stopping()))


async def pieces(worker: ModelWorker, generation: Generation) -> AsyncGenerator[Piece]:
    """Yield the pieces of a worker; what goes wrong is logged and told as an error of ours."""
    try:
        async with aclosing(worker.generate_stream_gate(generation)) as stream:
            async for piece in stream:
                yield piece
    except InvalidRequest:
        raise
    except ZhiwenError as error:
        logger.warning("%s", error)
        raise
    except Exception as error:
        logger.exception("a request to the model %s failed", worker.name)
        name = type(error).__name__
        raise ModelFailed(
            model=worker.name,
            reason_en=f"{name} while generating; the log of the worker has the details",
            reason_zh=f"生成时发生 {name}，详见工作进程日志",
        ) from error

"""The routes of a model worker, in FastChat's protocol. Knows no models and no controller."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.disconnect import (
    CancellingResponse,
    ClientLeft,
    Stopping,
    run_while_connected,
)
from server.errors import InvalidRequest, ModelFailed, ZhiwenError
from server.model_workers.gate import SecretGate, refuse
from server.model_workers.generator import Generation, Piece
from server.model_workers.probes import probe_routes
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
        await asyncio.to_thread(worker.generator.close)

    return Starlette(
        routes=[*probe_routes(read_progress), *worker_routes(worker)],
        middleware=[Middleware(SecretGate, secret=secret)],
        exception_handlers={ZhiwenError: answer_error},
        lifespan=lifespan,
    )


def worker_routes(worker: ModelWorker) -> list[Route]:
    """Return the routes of FastChat's protocol."""

    async def worker_generate_stream(request: Request) -> Response:
        """Stream the pieces; an error is the last of them."""
        generation = read_generation(await request.body())
        return CancellingResponse(frames(worker, generation))

    async def worker_generate(request: Request) -> Response:
        """Answer with the whole text in one piece."""
        generation = read_generation(await request.body())
        try:
            whole = await run_while_connected(request, generate(worker, generation))
        except ClientLeft:
            return Response(status_code=499)
        except ZhiwenError as error:
            return JSONResponse(write_error(error))
        return JSONResponse(write_piece(whole))

    async def worker_get_status(_: Request) -> JSONResponse:
        """Tell models and queue; 503 while there is no model yet."""
        return JSONResponse(worker.get_status(), 200 if worker.is_loaded else 503)

    async def count_token(request: Request) -> JSONResponse:
        """Count the tokens of a prompt, the chat template included."""
        generation = read_generation(await request.body())
        count = await asyncio.to_thread(worker.generator.count, generation)
        return JSONResponse({"count": count, "error_code": 0})

    async def model_details(_: Request) -> JSONResponse:
        """Tell the context window in tokens."""
        return JSONResponse({"context_length": worker.context_len})

    routes = worker_generate_stream, worker_generate, worker_get_status, count_token, model_details
    return [Route(f"/{route.__name__}", route, methods=["POST"]) for route in routes]


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


async def generate(worker: ModelWorker, generation: Generation) -> Piece:
    """Return the whole text as one piece."""
    texts: list[str] = []
    last: Piece | None = None
    async with aclosing(pieces(worker, generation)) as stream:
        async for last in stream:
            texts.append(last.text)
    if last is None:
        raise broken(worker, "it generated nothing", "未生成任何内容")
    return replace(last, text="".join(texts))


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
        raise broken(
            worker,
            f"{name} while generating; the log of the worker has the details",
            f"生成时发生 {name}，详见工作进程日志",
        ) from error


def broken(worker: ModelWorker, reason_en: str, reason_zh: str) -> ModelFailed:
    """Return the error for a generation that failed."""
    return ModelFailed(model=worker.name, reason_en=reason_en, reason_zh=reason_zh)


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error that came before any piece."""
    assert isinstance(error, ZhiwenError)  # noqa: S101  # what it is registered for
    return refuse(error, request.headers)

"""The OpenAI-style endpoint over all model workers. Knows no models and no templates."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from configs import Settings
from server.disconnect import (
    CancellingResponse,
    ClientLeft,
    Stopping,
    run_while_connected,
)
from server.errors import (
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    UnknownModel,
    UnknownRoute,
    ZhiwenError,
)
from server.language import accepted_language
from server.model_workers.dispatch import ControllerGone, Dispatcher
from server.model_workers.endpoint_gate import EndpointGate, answer
from server.model_workers.generator import Generation, Piece
from server.model_workers.keepalive import fill_pauses
from server.model_workers.openai_answers import (
    ALIVE,
    DONE,
    Answer,
    error_body,
    event,
    model_card,
)
from server.model_workers.probes import READY, probe_routes
from server.model_workers.refusals import answer_nobody
from server.model_workers.shared_secret import NONCE_HEADER, PROOF_HEADER, prove
from server.readiness import Progress
from server.schemas.openai import ChatRequest, CompletionRequest, GenerationRequest, drop_neutral
from server.schemas.problems import describe_problems

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=GenerationRequest)
MAX_BODY_BYTES = 4 << 20
PAUSE_S = 10.0  # clients and proxies take a longer silence for the end


class Endpoint:
    """The routes; one for the whole process."""

    def __init__(
        self, settings: Settings, dispatcher: Dispatcher, *, secret: str, pause_s: float
    ) -> None:
        self.language = settings.server.language
        self.dispatcher = dispatcher
        self.secret = secret
        self.pause_s = pause_s

    def routes(self) -> list[Route]:
        """Return the routes with their paths."""
        return [
            *probe_routes(self.read_progress),
            Route("/v1/models", self.list_models),
            Route("/v1/models/{name:path}", self.show_model),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/completions", self.complete, methods=["POST"]),
        ]

    async def read_progress(self) -> Progress:
        """Return that the endpoint can be used, or why not; there may be no workers."""
        try:
            await self.dispatcher.list_models()
        except ControllerGone as error:
            return Progress(False, 0, error.message("en"), error.message("zh"))
        return READY

    async def list_models(self, request: Request) -> JSONResponse:
        """List the models that workers serve now; prove who we are to those that ask."""
        names = await self.dispatcher.list_models()
        nonce = request.headers.get(NONCE_HEADER)
        proof = {PROOF_HEADER: prove(self.secret, nonce)} if nonce else None
        cards = [model_card(name) for name in names]
        return JSONResponse({"object": "list", "data": cards}, headers=proof)

    async def show_model(self, request: Request) -> JSONResponse:
        """Show one of them."""
        name, names = request.path_params["name"], await self.dispatcher.list_models()
        if name not in names:
            raise UnknownModel(param="model", model=name, known=", ".join(names) or "-")
        return JSONResponse(model_card(name))

    async def chat(self, request: Request) -> Response:
        """Answer a chat."""
        asked = await read_body(request, ChatRequest)
        generation = Generation(
            messages=[message.as_text() for message in asked.messages],
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_completion_tokens or asked.max_tokens,
            stop=asked.stops,
            seed=asked.seed,
            template_values=asked.chat_template_kwargs,
        )
        return await self.respond(request, asked, generation)

    async def complete(self, request: Request) -> Response:
        """Continue a text."""
        asked = await read_body(request, CompletionRequest)
        generation = Generation(
            prompt=asked.prompt,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_tokens,
            stop=asked.stops,
            seed=asked.seed,
        )
        return await self.respond(request, asked, generation)

    async def respond(
        self, request: Request, asked: GenerationRequest, generation: Generation
    ) -> Response:
        """Answer in one body or as a stream; an error before its first event has its status."""
        reply = Answer(asked.model, is_chat=isinstance(asked, ChatRequest))
        pieces = self.dispatcher.stream(asked.model, generation)
        if not asked.stream:
            return JSONResponse(await run_while_connected(request, gather(reply, pieces)))
        paced = fill_pauses(audible(pieces), self.pause_s)
        first = await run_while_connected(request, take_first(paced))
        language = accepted_language(request.headers.get("accept-language", ""), self.language)
        with_usage = asked.stream_options.include_usage

        async def events() -> AsyncGenerator[bytes]:
            stream = stream_events(reply, put_back(first, paced), with_usage=with_usage)
            try:
                async with aclosing(stream):
                    async for each in stream:
                        yield each
            except ZhiwenError as error:
                yield event(error_body(error, language))
            except asyncio.CancelledError:  # if it was the client who left, nobody reads this
                yield event(error_body(Stopping(), language))

        return CancellingResponse(events(), "text/event-stream")

    async def answer_error(self, request: Request, error: Exception) -> JSONResponse:
        """Answer an error in OpenAI's shape."""
        known = error if isinstance(error, ZhiwenError) else translate(request, error)
        return answer(known, request.headers, self.language)


def make_endpoint(
    settings: Settings, *, controller: str, secret: str, pause_s: float = PAUSE_S
) -> Starlette:
    """Return the endpoint as an app; ``pause_s``: how long a stream may be silent."""
    dispatcher = Dispatcher(controller, secret)
    endpoint = Endpoint(settings, dispatcher, secret=secret, pause_s=pause_s)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await dispatcher.close()

    return Starlette(
        routes=endpoint.routes(),
        middleware=[Middleware(EndpointGate, settings=settings, secret=secret)],
        exception_handlers={
            **dict.fromkeys((ZhiwenError, HTTPException, Exception), endpoint.answer_error),
            **dict.fromkeys((ClientLeft, ClientDisconnect), answer_nobody),
        },
        lifespan=lifespan,
    )


async def read_body(request: Request, kind: type[R]) -> R:
    """Return the body of a request.

    Raises:
        InvalidRequest: it is not of that kind, or asks for what cannot be honoured.
    """
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > MAX_BODY_BYTES:
            raise InvalidRequest(problem_en="it is larger than 4 MiB", problem_zh="超过 4 MiB")
    try:
        body = from_json(bytes(raw), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(problem_en=f"JSON: {error}", problem_zh=f"JSON：{error}") from error
    if not isinstance(body, dict):
        raise InvalidRequest(problem_en="it is no JSON object", problem_zh="不是 JSON 对象")
    try:
        return kind.model_validate(drop_neutral(body))
    except ValidationError as error:
        raise to_invalid_request(error) from error


def to_invalid_request(error: ValidationError) -> InvalidRequest:
    """Return the problems that pydantic found as one error of ours."""
    problems: list[dict[str, Any]] = [
        {
            **problem,
            "loc": ("body", *problem["loc"]),
            "type": "unsupported" if problem["type"] == "extra_forbidden" else problem["type"],
        }
        for problem in error.errors()
    ]
    return InvalidRequest(
        param=".".join(map(str, problems[0]["loc"][1:])) or None,
        problem_en=describe_problems(problems, "en"),
        problem_zh=describe_problems(problems, "zh"),
    )


def translate(request: Request, error: Exception) -> ZhiwenError:
    """Return what the framework refuses, or a fault of ours, as an error of ours."""
    if isinstance(error, HTTPException):
        path = request.url.path[:300]
        if error.status_code == 405:
            return MethodNotAllowed(method=request.method, path=path)
        return UnknownRoute(path=path)
    request_id = secrets.token_hex(4)
    logger.error("%s: %s failed", request_id, request.url.path)  # uvicorn logs the traceback
    return InternalError(request_id=request_id)


async def audible(pieces: AsyncGenerator[Piece]) -> AsyncGenerator[Piece]:
    """Yield the pieces that a client hears of."""
    async with aclosing(pieces):
        async for piece in pieces:
            if piece.text or piece.finish_reason:
                yield piece


async def take_first(pieces: AsyncGenerator[Piece | None]) -> Piece | None:
    """Return the first piece, None if it does not come soon."""
    return await anext(pieces)


async def put_back(
    first: Piece | None, others: AsyncGenerator[Piece | None]
) -> AsyncGenerator[Piece | None]:
    """Yield all pieces again after the first was taken."""
    async with aclosing(others):
        yield first
        async for piece in others:
            yield piece


async def gather(reply: Answer, pieces: AsyncGenerator[Piece]) -> dict[str, Any]:
    """Return the answer in one body."""
    texts: list[str] = []
    async with aclosing(pieces):
        async for last in pieces:
            texts.append(last.text)
    return reply.whole("".join(texts), last)


async def stream_events(
    reply: Answer, pieces: AsyncGenerator[Piece | None], *, with_usage: bool
) -> AsyncGenerator[bytes]:
    """Yield the answer as server-sent events, with a comment where a piece is None."""
    for chunk in reply.opening():
        yield event(chunk)
    async with aclosing(pieces):
        async for piece in pieces:
            if piece is None:
                yield ALIVE
                continue
            last = piece
            if last.text:
                yield event(reply.part(last.text))
    yield event(reply.closing(last))
    if with_usage:
        yield event(reply.counts(last))
    yield DONE

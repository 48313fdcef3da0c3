"""The chat routes of 0.2.x, as adapters without logic of their own."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from server.chat.events import Ask, Delta, Event, Final, SourceFound, Sources
from server.chat.sources import describe_sources
from server.datatypes import Language
from server.disconnect import CLIENT_LEFT, ClientLeft, run_while_connected
from server.errors import ZhiwenError
from server.llm.client import ChatTurn, Sampling
from server.routes.dependencies import Objects
from server.routes.errors import error_body
from server.routes.language import language_of_request
from server.routes.legacy.envelope import ERRORS
from server.routes.sse import event, stream
from server.schemas.fields import Turn
from server.schemas.legacy import Chat, Generation, KnowledgeBaseChat

router = APIRouter(prefix="/chat", tags=["0.2.x: chat"], responses=ERRORS)

SOURCE_WORD: dict[Language, str] = {"en": "Source", "zh": "出处"}
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.post("/knowledge_base_chat", summary="Ask a knowledge base", responses=EVENTS)
async def knowledge_base_chat(
    request: Request, objects: Objects, body: KnowledgeBaseChat
) -> Response:
    """Stream ``sources``, then ``answer`` pieces, last ``docs`` with ``message_id``."""
    ask = Ask(
        question=body.query,
        knowledge_base=body.knowledge_base_name,
        top_k=body.top_k,
        score_threshold=body.score_threshold,
        history=turns_of(body.history),
        sampling=sampling_of(body),
        prompt_name=body.prompt_name,
    )
    prepared = await objects.chat.prepare(ask)
    events = objects.chat.answer(prepared)
    if not body.stream:
        return await answer_at_once(request, collect(request, events))
    return stream(frame(request, events), lambda error: event(error_event(request, error)))


@router.post("/chat", summary="Ask the language model", responses=EVENTS)
async def chat(request: Request, objects: Objects, body: Chat) -> Response:
    """Stream ``text`` pieces with ``message_id``; needs a language model."""
    history = turns_of(body.history) if isinstance(body.history, list) else ()
    pieces = objects.chat.chat_freely(body.query, history, sampling_of(body), body.prompt_name)
    message_id = secrets.token_hex(16)
    first = await anext(pieces, "")  # what can be refused is refused before the stream begins
    if not body.stream:

        async def whole() -> dict[str, Any]:
            async with aclosing(pieces):
                text = first + "".join([piece async for piece in pieces])
            return {"text": text, "message_id": message_id}

        return await answer_at_once(request, whole())

    async def frames() -> AsyncGenerator[ServerSentEvent]:
        async with aclosing(pieces):
            yield event({"text": first, "message_id": message_id})
            async for piece in pieces:
                yield event({"text": piece, "message_id": message_id})

    return stream(frames(), lambda error: event(error_event(request, error)))


def turns_of(history: list[Turn]) -> tuple[ChatTurn, ...]:
    """Return the conversation so far as values of ours."""
    return tuple(ChatTurn(turn.role, turn.content) for turn in history)


def sampling_of(body: Generation) -> Sampling:
    """Return how the answer is generated."""
    return Sampling(body.model_name, body.temperature, body.max_tokens)


async def answer_at_once(request: Request, work: Coroutine[Any, Any, dict[str, Any]]) -> Response:
    """Return an answer that is not streamed: one event as in 0.2.x, or JSON if asked for."""
    try:
        body = await run_while_connected(request, work)
    except ClientLeft:
        return Response(status_code=CLIENT_LEFT)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(body)

    async def one() -> AsyncIterator[ServerSentEvent]:
        yield event(body)

    return EventSourceResponse(one())


def error_event(request: Request, error: ZhiwenError) -> dict[str, Any]:
    """Return the last event of an answer that broke off."""
    body = error_body(request, error)
    return {"code": body["code"], "msg": body["msg"]}


async def collect(request: Request, events: AsyncGenerator[Event]) -> dict[str, Any]:
    """Return the whole answer at once."""
    whole: dict[str, Any] = {}
    async with aclosing(events):
        async for item in events:
            if isinstance(item, Sources):
                whole = {"docs": describe_docs(request, item.sources)}
                whole["sources"] = describe_sources(item.sources)
            elif isinstance(item, Final):
                whole = {"answer": item.answer, **whole, "message_id": item.message_id}
    return whole


async def frame(request: Request, events: AsyncGenerator[Event]) -> AsyncGenerator[ServerSentEvent]:
    """Yield the events of an answer in the format of 0.2.x, with the sources first."""
    docs: list[str] = []
    async with aclosing(events):
        async for item in events:
            if isinstance(item, Sources):
                docs = describe_docs(request, item.sources)
                yield event({"sources": describe_sources(item.sources)})
            elif isinstance(item, Delta):
                yield event({"answer": item.text})
            else:
                yield event({"docs": docs, "message_id": item.message_id})


def describe_docs(request: Request, sources: tuple[SourceFound, ...]) -> list[str]:
    """Return the sources as the Markdown that clients of 0.2.x show."""
    word = SOURCE_WORD[language_of_request(request)]
    return [describe_doc(request, word, source) for source in sources]


def describe_doc(request: Request, word: str, source: SourceFound) -> str:
    """Return one source with a link to its file."""
    passage = source.hit.passage
    query = urlencode(
        {"knowledge_base_name": passage.knowledge_base, "file_name": passage.file_name}
    )
    url = f"{request.base_url}knowledge_base/download_doc?{query}"
    return f"{word} [{source.number}] [{passage.file_name}]({url}) \n\n{passage.chunk.text}\n\n"

"""``/api/v1/chat`` and the stored answers."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sse_starlette import ServerSentEvent

from server.chat.events import Ask, Delta, Event, Final, Sources
from server.chat.sources import describe_sources
from server.db.models import MessageRow
from server.disconnect import CLIENT_LEFT, ClientLeft, run_while_connected
from server.llm.client import ChatTurn, Sampling
from server.routes.dependencies import Objects
from server.routes.errors import ERRORS, error_body
from server.routes.sse import event, stream
from server.schemas.filters import to_file_filter
from server.schemas.native import ChatAnswer, ChatRequest, Message

router = APIRouter(prefix="/api/v1", tags=["chat"], responses=ERRORS)


@router.post(
    "/chat",
    summary="Ask a knowledge base",
    response_model=ChatAnswer,
    responses={
        200: {
            "description": "With stream: events sources, delta (many), final; or error.",
            "content": {"text/event-stream": {}},
        }
    },
)
async def chat(request: Request, objects: Objects, body: ChatRequest) -> Response | ChatAnswer:
    """Answer a question with numbered citations; sources come before the first word."""
    ask = Ask(
        question=body.question,
        knowledge_base=body.knowledge_base,
        top_k=body.top_k,
        score_threshold=body.score_threshold,
        history=tuple(ChatTurn(turn.role, turn.content) for turn in body.history),
        sampling=Sampling(body.model, body.temperature, body.max_tokens),
        prompt_name=body.prompt_name,
        conversation_id=body.conversation_id,
        only=to_file_filter(body.filter),
    )
    prepared = await objects.chat.prepare(ask)
    events = objects.chat.answer(prepared)
    if not body.stream:
        try:
            return await run_while_connected(
                request, collect(events, return_trace=body.return_trace)
            )
        except ClientLeft:
            return Response(status_code=CLIENT_LEFT)
    frames = frame(events, return_trace=body.return_trace)
    return stream(frames, lambda error: event(error_body(request, error), "error"))


async def collect(events: AsyncGenerator[Event], *, return_trace: bool) -> ChatAnswer:
    """Return the whole answer at once."""
    sources: list[dict[str, Any]] = []
    async with aclosing(events):
        async for item in events:
            if isinstance(item, Sources):
                sources = describe_sources(item.sources)
            elif isinstance(item, Final):
                final = item
    return ChatAnswer.model_validate({**describe_final(final, return_trace), "sources": sources})


async def frame(
    events: AsyncGenerator[Event], *, return_trace: bool
) -> AsyncGenerator[ServerSentEvent]:
    """Yield the events of an answer in the format of this interface."""
    async with aclosing(events):
        async for item in events:
            if isinstance(item, Sources):
                yield event({"sources": describe_sources(item.sources)}, "sources")
            elif isinstance(item, Delta):
                yield event({"text": item.text}, "delta")
            else:
                yield event(describe_final(item, return_trace), "final")


def describe_final(final: Final, return_trace: bool) -> dict[str, Any]:
    """Return the end of an answer as JSON values."""
    return {
        "message_id": final.message_id,
        "answer": final.answer,
        "mode": final.mode,
        "grounded": final.grounded,
        "notice": final.notice,
        "findings": [asdict(finding) for finding in final.findings],
        "cited_share": final.cited_share,
        "model": final.model,
        "trace": final.trace if return_trace else None,
    }


@router.get("/messages/{message_id}", summary="Show a stored answer with its trace")
def show_message(objects: Objects, message_id: str) -> Message:
    """Return a question with its answer, its sources and how they were found."""
    return describe_message(objects.messages.get(message_id))


def describe_message(row: MessageRow) -> Message:
    """Return a stored answer as it is shown."""
    return Message.model_validate(
        {
            "message_id": row.id,
            "question": row.question,
            "knowledge_base": row.knowledge_base,
            "answer": row.answer,
            "mode": row.mode,
            "grounded": row.trace["grounded"],
            "notice": row.trace.get("notice"),
            "findings": row.trace.get("findings", []),  # before 0.5 none were looked for
            "cited_share": row.trace.get("cited_share"),
            "model": row.model,
            "stopped": row.stopped,
            "sources": row.sources,
            "trace": row.trace,
            "created_at": row.created_at,
        }
    )

"""Server-sent events: framing, and errors after the first byte. Knows no event's meaning."""

import json
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent

from server.errors import InternalError, ZhiwenError

logger = logging.getLogger(__name__)


def event(data: Any, name: str | None = None) -> ServerSentEvent:  # any JSON value
    """Return an event with one line of JSON."""
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name)


def stream(
    events: AsyncGenerator[ServerSentEvent], on_error: Callable[[ZhiwenError], ServerSentEvent]
) -> EventSourceResponse:
    """Return a streamed answer; an error on the way becomes its last event."""
    return EventSourceResponse(guard(events, on_error), headers={"X-Accel-Buffering": "no"})


async def guard(
    events: AsyncGenerator[ServerSentEvent], on_error: Callable[[ZhiwenError], ServerSentEvent]
) -> AsyncIterator[ServerSentEvent]:
    """Yield the events; the status is sent already, so an error can only be told as an event."""
    try:
        async with aclosing(events):  # a client that leaves ends the work for it at once
            async for item in events:
                yield item
    except ZhiwenError as error:
        logger.error("An answer broke off: %s", error)
        yield on_error(error)
    except Exception:  # the border of the request, as in answer_fault
        request_id = secrets.token_hex(4)
        logger.exception("%s: an answer broke off", request_id)
        yield on_error(InternalError(request_id=request_id))

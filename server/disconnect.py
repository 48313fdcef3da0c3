"""Work that ends when the client leaves. Knows neither the work nor the client."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.errors import Unavailable

T = TypeVar("T")

CLIENT_LEFT = 499  # nginx's status; nobody reads it but the log


class Stopping(Unavailable):
    """The process is asked to end and has waited long enough for the answer."""

    code = "stopping"
    en = "The service is being stopped, so the answer ends here. Ask again in a few seconds."
    zh = "服务正在停止，回答到此中断，请几秒后重试。"


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


async def run_while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns; cancel it when the client leaves. The body must be read.

    Raises:
        ClientLeft: it did.
        Stopping: the server cancelled us; uvicorn would log a traceback of that.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(wait_for_disconnect(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientLeft
    except asyncio.CancelledError as error:
        raise Stopping from error
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def wait_for_disconnect(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class CancellingResponse(StreamingResponse):
    """A stream whose source is cancelled once, and waited for, when the client leaves.

    Starlette's own cancels again at every await, so that the source could not clean up.
    """

    def __init__(self, source: AsyncGenerator[bytes], media_type: str | None = None) -> None:
        super().__init__(source, media_type=media_type, headers={"cache-control": "no-store"})
        self.source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream to its end or until the client leaves."""
        try:
            await run_while_connected(Request(scope, receive), self.send_all(send))
        except (ClientLeft, Stopping):
            return

    async def send_all(self, send: Send) -> None:
        """Send the stream and close its source, also when cancelled while sending."""
        async with aclosing(self.source):
            await self.stream_response(send)

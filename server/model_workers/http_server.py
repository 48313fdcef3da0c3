"""uvicorn with two moments told: it listens, and it begins to stop. Does not know the apps."""

import asyncio
import logging
from collections.abc import Callable
from socket import socket

import uvicorn
from starlette.applications import Starlette

GRACE_S = 4  # for requests under way; the supervisor kills after 8


def do_nothing() -> None:
    """Be the hook where nothing is to be done."""


class HookedServer(uvicorn.Server):
    """A server that calls ``on_listen`` and ``on_stop``, which may block, in a thread."""

    on_listen: Callable[[], None] = staticmethod(do_nothing)
    on_stop: Callable[[], None] = staticmethod(do_nothing)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self.on_listen)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take no more connections and wait for the requests under way; tell meanwhile."""
        await asyncio.gather(asyncio.to_thread(self.on_stop), super().shutdown(sockets))


def make_server(app: Starlette, host: str, port: int, *, grace_s: int = GRACE_S) -> HookedServer:
    """Return a server for an app; nothing listens yet."""
    level = logging.getLogger().level
    return HookedServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            log_level=level,
            access_log=level <= logging.DEBUG,
            timeout_graceful_shutdown=grace_s,
        )
    )

"""What every request to the UI passes first: may this browser enter. Knows no page."""

import logging
from html import escape
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from configs import Settings
from server.network import foreign_name, is_loopback
from webui_pages.catalogue import translate
from webui_pages.cookie import read_key
from webui_pages.plain import language_of, message_page, plain_page
from webui_pages.upstream import Upstream

logger = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/logout", "/favicon.png"})


class Gate:
    """Lets in who the API would let in; pages, their websocket and downloads alike."""

    def __init__(self, app: ASGIApp, *, settings: Settings, upstream: Upstream) -> None:
        self.app = app
        self._allowed_hosts = settings.server.allowed_hosts
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] in ("http", "websocket") and scope["path"] not in OPEN_PATHS:
            connection = HTTPConnection(scope)
            if refusal := await self._refuse(connection):
                # For a websocket, Starlette turns the answer into a refused handshake.
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _refuse(self, connection: HTTPConnection) -> Response | None:
        """Return the answer to a request that must not pass, None for one that may."""
        verdict = await self._upstream.judge(read_key(connection.cookies))
        if verdict in ("accepted", "open") and is_other_site(connection):
            return PlainTextResponse("", 403)
        if verdict == "accepted":
            return None
        if verdict == "open":
            return self._refuse_strangers(connection)
        if not wants_page(connection):
            return PlainTextResponse("", 401 if verdict == "refused" else 503)
        if verdict == "waiting":
            return await self._waiting(connection)
        target = connection.url.path
        if connection.url.query:
            target += f"?{connection.url.query}"
        return RedirectResponse(f"/login?next={quote(target)}", 303)

    def _refuse_strangers(self, connection: HTTPConnection) -> Response | None:
        """Without a key only this machine may enter, and no web page through its browser."""
        language = language_of(connection)
        if not is_loopback(bound_address()):
            logger.error(translate("shell.no_key_here", "en"))
            return message_page(language, "shell.no_key_here", status=403)
        host = foreign_name(connection.headers, self._allowed_hosts)
        if host is None:
            return None
        return message_page(language, "shell.foreign_host", status=403, host=host[:200])

    async def _waiting(self, connection: HTTPConnection) -> Response:
        """Return a page that says what the API is doing and looks again by itself."""
        language = language_of(connection)
        state = await self._upstream.readiness(language)
        url = self._upstream.http.base_url
        lines = [
            state["doing"] if state else translate("shell.no_api_yet", language),
            "" if state else translate("shell.no_api_help", language, url=url),
            translate("shell.looks_again", language),
        ]
        body = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
        title = translate("shell.starting", language)
        return plain_page(language, title, body, status=503, refresh=(2, ""))


def wants_page(connection: HTTPConnection) -> bool:
    """Return whether a person waits for a page, not a script for data."""
    return connection.scope["type"] == "http" and "text/html" in connection.headers.get(
        "accept", ""
    )


def is_other_site(connection: HTTPConnection) -> bool:
    """Return whether another site's page asks through the browser of a person.

    Streamlit would ask a server on the internet for this machine's address before it decides.
    """
    origin, host = connection.headers.get("origin"), connection.headers.get("host", "")
    if origin is None or origin.partition("://")[2] == host:
        return False
    logger.warning(
        "Refused a request to %.200s from a page of %.200s. If that is this UI behind a proxy, "
        "let the proxy pass the Host header on.",
        host,
        origin,
    )
    return True


def bound_address() -> str:
    """Return the address on which Streamlit listens, "" for all of them."""
    from streamlit import config

    return config.get_option("server.address") or ""

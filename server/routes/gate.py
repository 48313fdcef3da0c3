"""What every request passes before its route: who may ask, how much, and is the service ready.

Knows paths, not what the routes behind them do.
"""

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configs import Settings
from server.auth import KeyStore
from server.errors import Forbidden, TooLarge, Unauthorized, ZhiwenError
from server.network import foreign_name, needs_key
from server.readiness import Readiness
from server.routes.errors import error_response

# Without a key: probes, and the documentation of the interface, which holds no data.
OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/docs", "/redoc", "/openapi.json"})
OPEN_FOLDERS = ("/static-offline-docs/", "/docs/")
FORM_BYTES = 1 << 20  # what the form around uploaded files may take
JSON_BYTES = 4 << 20  # of any other body: a question with its history


class Gate:
    """Refuses requests that must not reach a route, each with the error that says why."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, keys: KeyStore, readiness: Readiness
    ) -> None:
        self.app = app
        self.settings = settings.server
        self.keys = keys
        self.readiness = readiness
        self.needs_key = needs_key(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._check(request)
        except ZhiwenError as error:
            await error_response(request, error)(scope, receive, send)
            return
        limited = LimitedBody(receive, self._limit(request), self._too_large(request))
        await self.app(scope, limited.receive, send)

    def _check(self, request: Request) -> None:
        """Raise the error for a request that must not reach its route."""
        path = request.url.path
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
        if not self.needs_key:
            self._check_origin(request)
        if not is_open:
            self.readiness.check()  # before the keys are known, no key is wrong
        if self.needs_key and not is_open and not self.keys.is_valid(offered_key(request)):
            raise Unauthorized
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limit(request):
            raise self._too_large(request)

    def _check_origin(self, request: Request) -> None:
        """Refuse other sites' pages: they reach loopback through the user's browser."""
        if (name := foreign_name(request.headers, self.settings.allowed_hosts)) is not None:
            raise Forbidden(host=name[:200])

    def _limit(self, request: Request) -> int:
        """Return how many bytes a body may have; only uploads may be large."""
        is_upload = request.headers.get("content-type", "").startswith("multipart/")
        return (self.settings.max_upload_mb << 20) + FORM_BYTES if is_upload else JSON_BYTES

    def _too_large(self, request: Request) -> TooLarge:
        return TooLarge(
            what_en="The request",
            what_zh="请求",
            limit=f"{self._limit(request) >> 20} MiB",
            setting="server.max_upload_mb",
        )


class LimitedBody:
    """Counts the bytes of a body that does not say, or lies about, its length."""

    def __init__(self, receive: Receive, max_bytes: int, error: TooLarge) -> None:
        self._receive = receive
        self._left = max_bytes
        self._error = error

    async def receive(self) -> Message:
        """Pass on the next part of the body.

        Raises:
            TooLarge: there is more than is allowed.
        """
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._error
        return message


def offered_key(request: Request) -> str:
    """Return the key that a request carries, "" if none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")


def add_gate(app: FastAPI, settings: Settings, keys: KeyStore, readiness: Readiness) -> None:
    """Put the gate before all routes."""
    app.add_middleware(Gate, settings=settings, keys=keys, readiness=readiness)

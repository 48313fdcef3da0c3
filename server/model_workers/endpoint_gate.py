"""The gate before the endpoint: a key, or on loopback no foreign page. Knows no routes."""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from configs import Settings
from server.errors import Forbidden, Unauthorized, ZhiwenError
from server.language import Setting, accepted_language
from server.model_workers.openai_answers import error_body, status_of
from server.model_workers.probes import OPEN_PATHS
from server.network import foreign_name, is_loopback


class EndpointGate:
    """Refuses requests that may not ask, in OpenAI's shape."""

    def __init__(self, app: ASGIApp, *, settings: Settings, secret: str) -> None:
        self.app = app
        self.settings = settings.server
        self.needs_key = not is_loopback(settings.workers.host)
        self.keys = [key.encode() for key in (settings.auth.api_key, secret) if key]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            try:
                self._check(scope["path"], headers)
            except ZhiwenError as error:
                await answer(error, headers, self.settings.language)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _check(self, path: str, headers: Headers) -> None:
        """Raise the error for a request that must not reach its route."""
        if not self.needs_key:
            if (name := foreign_name(headers, self.settings.allowed_hosts)) is not None:
                raise Forbidden(host=name[:200])
        elif path not in OPEN_PATHS and not self._is_key(headers.get("authorization", "")):
            raise Unauthorized

    def _is_key(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        offered = token.strip().encode()
        is_valid = any([hmac.compare_digest(offered, key) for key in self.keys])  # noqa: C419
        return scheme.lower() == "bearer" and is_valid


def answer(error: ZhiwenError, headers: Headers, setting: Setting) -> JSONResponse:
    """Return an error as an answer in the language of the request."""
    language = accepted_language(headers.get("accept-language", ""), setting)
    return JSONResponse(error_body(error, language), status_of(error))

"""Logging in and out with the API key. Knows the API only through ``Upstream``."""

import re
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.datatypes import Language
from webui_pages.catalogue import translate
from webui_pages.cookie import forget_key, keep_key
from webui_pages.plain import language_of, message_page, plain_page
from webui_pages.upstream import Upstream

MAX_FORM_BYTES = 8192
OWN_PATH = re.compile(r"/(?![/\\])[^\\\s]*")  # "//host" and "/\host" lead elsewhere

FORM = """{message}<form method="post" action="/login"><label for="key">{label}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<input name="next" type="hidden" value="{next}"><button>{enter}</button></form>
<p style="margin: 1.2rem 0 0">{help}</p>"""


class Login:
    """The routes of logging in and out."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.enter, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form; with ``?key=`` log in at once, so that a link in the log is enough."""
        target = own_path(request.query_params.get("next", "/"))
        if key := request.query_params.get("key", ""):
            return await self._try(request, key, target)
        if await self._upstream.judge("") == "open":
            return RedirectResponse("/", 303)
        return login_page(language_of(request), target)

    async def enter(self, request: Request) -> Response:
        """Take the form."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_FORM_BYTES:
                return message_page(language_of(request), "shell.form_too_large", status=413)
        fields = parse_qs(body.decode("utf-8", "replace"))
        target = own_path(fields.get("next", ["/"])[0])
        return await self._try(request, fields.get("key", [""])[0].strip(), target)

    async def leave(self, request: Request) -> Response:
        """Forget the key, unless it is another site that asks for it."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return RedirectResponse("/", 303)
        response = login_page(language_of(request), "/", notice="shell.left")
        forget_key(response)
        response.headers["Clear-Site-Data"] = '"cache"'  # "back" would show the last page
        return response

    async def _try(self, request: Request, key: str, target: str) -> Response:
        """Let a right key in; a wrong one is told so. Keys are too long to be guessed."""
        language = language_of(request)
        verdict = await self._upstream.ask(key)
        if verdict == "waiting":
            return login_page(language, target, problem="shell.api_not_ready", status=503)
        if verdict == "refused":
            return login_page(language, target, problem="shell.wrong_key", status=401)
        # Not a redirect: after a link from another site it would come without the new cookie.
        title = translate("shell.welcome", language)
        response = plain_page(language, title, "", refresh=(0, target))
        if verdict == "accepted":
            keep_key(request, response, key)
        return response


def own_path(path: str) -> str:
    """Return a path of this server; anything else becomes its first page."""
    return path if OWN_PATH.fullmatch(path) else "/"


def login_page(
    language: Language, target: str, *, problem: str = "", notice: str = "", status: int = 200
) -> Response:
    """Return the form, with the text of what went wrong or what was done."""
    message = f'<p class="bad" role="alert">{translate(problem, language)}</p>' if problem else ""
    message += f'<p role="status">{translate(notice, language)}</p>' if notice else ""
    body = FORM.format(
        message=message,
        label=translate("shell.key", language),
        next=escape(target),
        enter=translate("shell.enter", language),
        help=translate("shell.key_help", language),
    )
    return plain_page(language, translate("shell.login_title", language), body, status=status)

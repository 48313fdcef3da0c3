"""Files and their pages through the port of the UI. Knows the API's routes, not its files."""

import re
from collections.abc import Mapping

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from server.datatypes import Language
from webui_pages.client import file_path, page_path, version_path
from webui_pages.cookie import read_key
from webui_pages.plain import language_of, message_page
from webui_pages.upstream import Upstream

REQUEST_HEADERS = ("range", "if-range", "if-none-match", "if-modified-since")
ANSWER_HEADERS = (
    "content-type",
    "content-length",
    "content-disposition",
    "content-range",
    "content-security-policy",
    "accept-ranges",
    "etag",
    "last-modified",
    "cache-control",
)
NUMBER = re.compile("[0-9]{1,9}")


class Files:
    """The route of downloads."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [Route("/files/{knowledge_base}/{name:path}", self.send, methods=["GET"])]

    async def send(self, request: Request) -> Response:
        """Pass on the bytes of a file as they come."""
        preview = {"preview": "true"} if request.query_params.get("view") else {}
        http = self._upstream.http
        wanted = http.build_request(
            "GET", wanted_path(request), params=preview, headers=passed_on(request)
        )
        try:
            answer = await http.send(wanted, stream=True)
        except httpx.HTTPError:
            return message_page(language_of(request), "shell.api_not_ready", status=503)
        if answer.status_code >= 400:
            await answer.aclose()
            return refusal(language_of(request), answer.status_code)
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            headers=safe_headers(answer.headers),
            background=BackgroundTask(answer.aclose),
        )


def wanted_path(request: Request) -> str:
    """Return the path in the API of what a browser wants: a file, a version or a page of it."""
    base, name = request.path_params["knowledge_base"], request.path_params["name"]
    page, version = (wanted_number(request, each) for each in ("page", "version"))
    if page is not None:
        return page_path(base, name, page)
    if version is not None:
        return f"{version_path(base, name, version)}/content"
    return f"{file_path(base, name)}/content"


def wanted_number(request: Request, name: str) -> int | None:
    """Return a number in the address, None without one; the API refuses 0, as what is none."""
    value = request.query_params.get(name)
    if value is None:
        return None
    return int(value) if NUMBER.fullmatch(value) else 0


def refusal(language: Language, status: int) -> Response:
    """Return the page that says why there is no file."""
    keys = {
        401: "shell.wrong_key",
        404: "shell.no_file",
        415: "shell.no_file",
        422: "shell.no_file",  # a name or a version that cannot be
        503: "shell.api_not_ready",
    }
    return message_page(language, keys.get(status, "shell.no_answer"), status=status)


def passed_on(request: Request) -> dict[str, str]:
    """Return the headers with which to ask the API for what a browser wants."""
    headers = {name: value for name in REQUEST_HEADERS if (value := request.headers.get(name))}
    headers["Accept-Encoding"] = "identity"  # the length must be that of the bytes sent on
    if key := read_key(request.cookies):
        headers["Authorization"] = f"Bearer {key}"
    return headers


def safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a file; those that keep its content from running stay."""
    kept = {name: value for name in ANSWER_HEADERS if (value := headers.get(name))}
    if kept.get("content-type") == "application/pdf":
        # Browsers refuse to show a PDF in a sandbox, and their viewers run nothing of ours.
        kept["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return kept

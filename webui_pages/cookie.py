"""The cookies: the key and the language. Knows how the key travels, not what it opens."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

NAME = "zhiwen_key"
DAYS = 30
LANGUAGE = "zhiwen_language"  # written by the page, so that a new tab speaks it too


def read_key(cookies: Mapping[str, str]) -> str:
    """Return the key that a browser sent along, "" if none."""
    return unquote(cookies.get(NAME, ""))


def keep_key(request: Request, response: Response, key: str) -> None:
    """Let the browser keep the key, out of reach of scripts and of other sites."""
    response.set_cookie(
        NAME,
        quote(key, safe=""),  # a key may hold what a cookie may not
        max_age=DAYS * 24 * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def forget_key(response: Response) -> None:
    """Let the browser forget the key."""
    response.delete_cookie(NAME, httponly=True, samesite="strict")

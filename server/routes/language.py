"""The language in which a request is answered. Knows no texts."""

from fastapi import Request

from server.datatypes import Language
from server.language import choose_language


def language_of_request(request: Request) -> Language:
    """Return the language that the client prefers, else the one that is set."""
    for wanted in request.headers.get("accept-language", "").split(","):
        tag = wanted.split(";")[0].strip().lower()[:2]
        if tag == "zh":
            return "zh"
        if tag == "en":
            return "en"
    return choose_language(request.app.state.container.settings.server.language)

"""The language in which a request is answered. Knows no texts."""

from fastapi import Request

from server.datatypes import Language
from server.language import accepted_language


def language_of_request(request: Request) -> Language:
    """Return the language that the client prefers, else the one that is set."""
    setting = request.app.state.container.settings.server.language
    return accepted_language(request.headers.get("accept-language", ""), setting)

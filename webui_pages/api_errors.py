"""What the API says when it refuses or fails, as exceptions. Knows no routes."""

from typing import Any

import httpx

from server.datatypes import Language
from server.schemas.native import ErrorAnswer
from webui_pages.catalogue import translate


class ApiError(Exception):
    """The API refused or failed; the message is for people and in their language."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Unreachable(ApiError):
    """Nothing answers where the API should be, or it went away."""


def describe_silence(url: object, language: Language) -> Unreachable:
    """Return the error for an API that does not answer."""
    return Unreachable("unreachable", translate("shell.unreachable", language, url=url), 0)


def read_body(answer: httpx.Response) -> dict[str, Any]:  # JSON object
    """Return the JSON object of an answer, {} when it has none."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def describe_refusal(body: dict[str, Any], status: int, language: Language) -> ApiError:
    """Return the error that the body of an answer describes, a JSON object."""
    if "error" not in body:
        message = translate("shell.no_answer", language, status=status)
        return ApiError("no_answer", message, status)
    error = ErrorAnswer.model_validate(body).error
    return ApiError(error.code, error.message, status)

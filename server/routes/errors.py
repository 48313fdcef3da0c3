"""Every error as an answer: the right status, in the shape of the interface that was called.

Knows no particular route.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from server.datatypes import Language
from server.errors import (
    BadInput,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    Unauthorized,
    Unavailable,
    UnknownRoute,
    ZhiwenError,
)
from server.routes.language import language_of_request
from server.schemas.native import ErrorAnswer
from server.schemas.problems import describe_problems

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
ERRORS: dict[int | str, dict[str, Any]] = {  # for the documentation of the native routes
    status: {"model": ErrorAnswer} for status in ("4XX", "5XX", 422)
}


def add_error_handlers(app: FastAPI) -> None:
    """Let the app answer every error in the shape of the interface that was called."""
    app.add_exception_handler(ZhiwenError, answer_zhiwen_error)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(Exception, answer_fault)


def error_response(request: Request, error: ZhiwenError) -> JSONResponse:
    """Return an error as the answer to a request."""
    body = error_body(request, error)
    status = body.get("code", error.status)
    headers = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if "code" in body and request.app.state.container.settings.server.legacy_http_200:
        status = 200
    return JSONResponse(body, status, headers)


def error_body(request: Request, error: ZhiwenError) -> dict[str, Any]:
    """Return the body of an error in the shape of the interface that was called."""
    message = error.message(language_of_request(request))
    if is_legacy(request):
        return {"code": error.legacy_status or error.status, "msg": message, "data": None}
    return {"error": {"code": error.code, "message": message, "param": error.param}}


def is_legacy(request: Request) -> bool:
    """Return whether a route of 0.2.x was called."""
    return not request.url.path.startswith(("/api/", "/v1/", "/healthz", "/readyz"))


async def answer_zhiwen_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of ours."""
    assert isinstance(error, ZhiwenError)  # noqa: S101  # what it is registered for
    if error.status >= 500:
        trace = error if error.status == 500 else None  # the others are told in full already
        logger.error("%s %s: %s", request.method, request.url.path, error, exc_info=trace)
    return error_response(request, error)


async def answer_validation_error(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that does not have the form that its route asks for."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
    return error_response(request, to_invalid_request(error.errors()))


def to_invalid_request(problems: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """Return the problems that pydantic found as one error of ours."""
    texts: dict[Language, str] = {
        "en": describe_problems(problems, "en"),
        "zh": describe_problems(problems, "zh"),
    }
    first = problems[0] if problems else {"loc": (), "type": ""}
    # The place of broken JSON is an offset, not a field.
    place = [] if first["type"] == "json_invalid" else [str(part) for part in first["loc"][1:]]
    return InvalidRequest(
        param=".".join(place) or None, problem_en=texts["en"], problem_zh=texts["zh"]
    )


async def answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown paths, wrong methods, broken bodies."""
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    if isinstance(error.__cause__, ZhiwenError):  # the gate stopped a body while it was read
        return error_response(request, error.__cause__)
    if error.status_code == 404:
        return error_response(request, UnknownRoute(path=request.url.path[:300]))
    if error.status_code == 405:
        wrong = MethodNotAllowed(method=request.method, path=request.url.path[:300])
        return error_response(request, wrong)
    detail = str(error.detail)
    problem: BadInput = InvalidRequest(problem_en=detail, problem_zh=detail)
    return error_response(request, problem)


async def answer_fault(request: Request, error: Exception) -> JSONResponse:
    """Answer a fault of ours: the user gets a number, the log has the traceback."""
    request_id = secrets.token_hex(4)
    logger.error("%s: %s %s failed", request_id, request.method, request.url.path, exc_info=error)
    return error_response(request, InternalError(request_id=request_id))

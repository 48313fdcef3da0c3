"""What controller and workers answer when they do not do what was asked. Knows no routes."""

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.disconnect import CLIENT_LEFT
from server.errors import ZhiwenError

logger = logging.getLogger(__name__)


def refuse(error: ZhiwenError) -> JSONResponse:
    """Return an error as an answer; whoever asked shows it in either language."""
    texts = {"message": error.message("en"), "message_zh": error.message("zh")}
    return JSONResponse(
        {"error": {"code": error.code, **texts, "param": error.param}}, error.status
    )


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of ours, as an app's handler of exceptions."""
    assert isinstance(error, ZhiwenError)  # noqa: S101  # what it is registered for
    logger.warning("%s: %s", request.url.path, error)
    return refuse(error)


async def answer_nobody(_: Request, __: Exception) -> Response:
    """Answer a client that has left, as an app's handler of exceptions."""
    return Response(status_code=CLIENT_LEFT)

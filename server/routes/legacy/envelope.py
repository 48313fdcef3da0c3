"""The answers of 0.2.x: ``{code, msg, data}``, with the HTTP status equal to the code."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from server.datatypes import Language
from server.errors import ZhiwenError


class BaseAnswer(BaseModel):
    """What most routes of 0.2.x answer."""

    code: int = 200
    msg: str = "success"
    data: Any = None


ERRORS: dict[int | str, dict[str, Any]] = {  # for the documentation
    status: {"model": BaseAnswer} for status in ("4XX", "5XX", 422)
}


class ListAnswer(BaseAnswer):
    """The same with a list of names."""

    data: list[str]


class FilesAnswer(BaseAnswer):
    """The same with the files that failed and why."""

    data: dict[Literal["failed_files"], dict[str, str]]


def answer_files(
    total: int, failed: Mapping[str, ZhiwenError], language: Language, *, always_200: bool
) -> JSONResponse:
    """Return what became of files: 200 all worked, 207 some, else the code of the first error."""
    reasons = {name: error.message(language) for name, error in failed.items()}
    first = next(iter(failed.values()), None)
    code, msg = 200, "success"
    if first is not None:
        code = 207 if len(failed) < total else first.status
        msg = first.message(language)
    body = {"code": code, "msg": msg, "data": {"failed_files": reasons}}
    return JSONResponse(body, 200 if always_200 else code)

"""What endpoint and workers say to each other: FastChat's framing with messages inside.

A request is a ``Generation`` as JSON; an answer is pieces as JSON objects, each closed by a zero
byte. Unlike FastChat's, a piece holds only the new text: its workers send the whole text so far
each time, which grows with the square of the length. Knows no HTTP.
"""

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from server.disconnect import Stopping
from server.errors import InvalidRequest, ModelBusy, ModelFailed, PromptTooLong, ZhiwenError
from server.model_workers.generator import Generation, Piece
from server.readiness import StillStarting
from server.schemas.problems import describe_problems

END = b"\0"
# The errors that a worker tells; anything else becomes ModelFailed.
TRAVELLERS: dict[str, type[ZhiwenError]] = {
    kind.code: kind
    for kind in (InvalidRequest, PromptTooLong, ModelFailed, ModelBusy, StillStarting, Stopping)
}


@cache
def generation_type() -> TypeAdapter[Generation]:
    """Return what checks a generation that comes as JSON."""
    return TypeAdapter(Generation)


def write_generation(model: str, generation: Generation) -> dict[str, Any]:
    """Return a generation as the body of a request to a worker."""
    body: dict[str, Any] = generation_type().dump_python(generation, mode="json")
    return {"model": model, **body}


def read_generation(body: bytes) -> Generation:
    """Return the generation that a request asks for.

    Raises:
        InvalidRequest: it is not one.
    """
    try:
        return generation_type().validate_json(body)
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]
        raise InvalidRequest(
            problem_en=describe_problems(problems, "en"),
            problem_zh=describe_problems(problems, "zh"),
        ) from error


def write_piece(piece: Piece) -> dict[str, Any]:
    """Return a piece as a JSON object."""
    usage = {"prompt_tokens": piece.prompt_tokens, "completion_tokens": piece.completion_tokens}
    return {
        "text": piece.text,
        "error_code": 0,
        "usage": usage,
        "finish_reason": piece.finish_reason,
    }


def write_error(error: ZhiwenError) -> dict[str, Any]:
    """Return an error as a JSON object, with what is needed to raise it again elsewhere."""
    return {
        "text": error.message("en"),
        "error_code": error.status,
        "code": error.code,
        "values": error.values,
        "param": error.param,
    }


def frame(chunk: dict[str, Any]) -> bytes:
    """Return a JSON object as it goes over the wire."""
    return json.dumps(chunk, ensure_ascii=False, default=str).encode() + END


def read_piece(chunk: bytes, model: str) -> Piece:
    """Return the piece in a chunk.

    Raises:
        ZhiwenError: the worker told an error; it is raised as what it was.
        ValueError, LookupError, TypeError: the chunk is not one of ours.
    """
    told = json.loads(chunk)
    if told["error_code"]:
        kind = TRAVELLERS.get(told.get("code", ""))
        if kind is None:
            raise ModelFailed(model=model, reason_en=told["text"], reason_zh=told["text"])
        raise kind(param=told["param"], **told["values"])
    usage = told["usage"]
    return Piece(
        told["text"], usage["prompt_tokens"], usage["completion_tokens"], told["finish_reason"]
    )

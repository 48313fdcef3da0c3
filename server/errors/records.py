"""Errors as JSON values and back, for those that are told in another process or at another time."""

from typing import Any

from server.errors.base import InternalError, ZhiwenError


def write_error(error: ZhiwenError) -> dict[str, Any]:
    """Return an error as JSON values."""
    values = {
        name: value if isinstance(value, (int, float, str)) else str(value)
        for name, value in error.values.items()
    }
    return {"error": type(error).__name__, "param": error.param, "values": values}


def read_error(record: dict[str, Any]) -> ZhiwenError:
    """Return the error that was written; a class that is not known any more is a fault of ours."""
    known = {kind.__name__: kind for kind in every_kind(ZhiwenError)}
    try:
        return known[record["error"]](param=record["param"], **record["values"])
    except (KeyError, TypeError):
        return InternalError(request_id=str(record.get("error"))[:100])


def every_kind(root: type[ZhiwenError]) -> list[type[ZhiwenError]]:
    """Return an error class with all below it."""
    return [root, *(found for child in root.__subclasses__() for found in every_kind(child))]

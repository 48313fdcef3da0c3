"""JSON, and JSON line by line. Does not know what the fields mean."""

import json
from typing import Any, BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.records import add_records, add_value


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read one value, or one a line where that is what the file holds."""
    text = decode(file.read(), name)
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        try:
            add_value(outline, parse(text))
        except json.JSONDecodeError as error:
            add_all(outline, lines(text, name, otherwise=error))
    except RecursionError as error:
        raise too_deep(name) from error
    return outline.document(outline.stem)


def load_lines(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read one value a line."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        add_all(outline, lines(decode(file.read(), name), name))
    except RecursionError as error:
        raise too_deep(name) from error
    return outline.document(outline.stem)


def add_all(outline: Outline, values: list[Any]) -> None:
    """Add the values of all lines."""
    if all(isinstance(value, tuple) for value in values):
        add_records(outline, values)
    else:
        add_value(outline, values)


def lines(text: str, name: str, *, otherwise: json.JSONDecodeError | None = None) -> list[Any]:
    """Return the value of each line; ``otherwise`` is the error to tell if not even one is right.

    Raises:
        UnreadableDocument: a line is no JSON.
    """
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(parse(line))
            except json.JSONDecodeError as error:
                told = otherwise if otherwise and not values else error
                raise broken(name, told, number if told is error else told.lineno) from error
    return values


def parse(text: str) -> Any:
    """Return a value in the form of ``records``, with all keys and numbers as they are written."""
    return json.loads(
        text, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str
    )


def broken(name: str, error: json.JSONDecodeError, line: int) -> UnreadableDocument:
    """Return the error about a text that is no JSON."""
    return UnreadableDocument(
        name=name,
        reason_en=f"line {line} is not valid JSON: {error.msg} at column {error.colno}.",
        reason_zh=f"第 {line} 行第 {error.colno} 列不是有效的 JSON。",
    )


def too_deep(name: str) -> UnreadableDocument:
    """Return the error about values in values in values."""
    return UnreadableDocument(
        name=name,
        reason_en="its values are nested too deeply.",
        reason_zh="数据嵌套过深。",
    )

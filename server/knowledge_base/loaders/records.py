"""Turns values of data files into headings, fields and rows. Knows no file format.

An object is a tuple of (key, value) pairs, a list is a list, and all else is a
string, a truth value or None: numbers stay as they were written.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import CHINESE
from server.knowledge_base.loaders.tables import row_line

Object = tuple[tuple[str, Any], ...]

LONGEST_CELL = 200  # characters; records with longer values are no table


def add_value(outline: Outline, value: Any, level: int = 1) -> None:
    """Add a value: an object by its fields, what is nested under headings, objects as rows."""
    if isinstance(value, tuple):
        add_object(outline, value, level)
    elif not isinstance(value, list):
        outline.add(plain(value))
    elif not any(isinstance(item, (tuple, list)) for item in value):
        outline.add("\n".join(f"- {plain(item)}" for item in value if plain(item)), "list")
    elif all(isinstance(item, tuple) for item in value):
        add_records(outline, value)
    else:
        for item in value:
            add_value(outline, item, level)


def add_object(outline: Outline, value: Object, level: int) -> None:
    """Add the plain fields of an object, then the others under their keys."""
    outline.add("\n".join(field(key, plain(item)) for key, item in value if plain(item)))
    for key, item in value:
        if not is_plain(item):
            outline.heading(level, key)
            add_value(outline, item, level + 1)


def add_records(outline: Outline, records: Sequence[Object]) -> None:
    """Add objects: a line for each, or a block where their values are long."""
    rows = [list(flatten(record)) for record in records]
    if all("\n" not in cell and len(cell) <= LONGEST_CELL for row in rows for _, cell in row):
        outline.table(filter(None, map(record_line, rows)))
        return
    for row in rows:
        outline.add("\n".join(field(key, cell) for key, cell in row))


def record_line(row: Sequence[tuple[str, str]]) -> str:
    """Return an object as one line."""
    labels, cells = [key for key, _ in row], [cell for _, cell in row]
    return row_line(labels, cells, is_wide=bool(CHINESE.search("".join(labels + cells))))


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of everything in a value that has a text."""
    if is_plain(value):
        if text := plain(value):
            yield path, text
        return
    items = value if isinstance(value, tuple) else enumerate(value, 1)
    for key, item in items:
        yield from flatten(item, f"{path}.{key}" if path else str(key))


def is_plain(value: Any) -> bool:
    """Tell whether a value fits on a line: no object, and no list of those or of much text."""
    if isinstance(value, list):
        is_flat = not any(isinstance(item, (tuple, list)) for item in value)
        return is_flat and sum(map(len, map(plain, value))) <= LONGEST_CELL
    return not isinstance(value, tuple)


def plain(value: Any) -> str:
    """Return the text of a plain value, "" for None and for one that is not plain."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(plain, value))) if is_plain(value) else ""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or isinstance(value, tuple) else str(value)


def field(key: str, text: str) -> str:
    """Return a field as text; a long value has paragraphs of its own."""
    colon = "：" if CHINESE.search(key + text) else ": "
    return f"{key}{colon}{text}"

"""Turns values of data files into headings, fields and rows. Knows no file format.

An object is a tuple of (key, value) pairs, a list is a list, and all else is a
string, a truth value or None: numbers stay as they were written.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import CHINESE
from server.knowledge_base.loaders.tables import row_line

Object = tuple[tuple[str, Any], ...]

LONGEST_CELL = 200  # characters; records with longer values are no table
LONGEST_ROW = 4000  # characters; a longer record has headings for what is nested in it


def add_value(outline: Outline, value: Any, level: int = 1) -> None:
    """Add a value: an object by its fields, what is nested under headings, objects as rows."""
    if isinstance(value, tuple):
        add_object(outline, value, level)
    elif not isinstance(value, list):
        outline.add(plain(value))
    elif not any(isinstance(item, (tuple, list)) for item in value):
        outline.add("\n".join(f"- {plain(item)}" for item in value if plain(item)), "list")
    elif all(isinstance(item, tuple) for item in value):
        add_records(outline, value, level)
    else:
        for item in value:
            outline.heading(level, "")  # it is not under the keys of the item before
            add_value(outline, item, level)


def add_object(outline: Outline, value: Object, level: int) -> None:
    """Add the plain fields of an object, then the others under their keys."""
    outline.add("\n".join(field(key, plain(item)) for key, item in value if plain(item)))
    for key, item in value:
        if not is_plain(item):
            outline.heading(level, key)
            add_value(outline, item, level + 1)


def add_records(outline: Outline, records: Sequence[Object], level: int = 1) -> None:
    """Add objects: a line for each, a block where values are long, or more for long objects."""
    rows = [(row_of(record), record) for record in records]
    is_table = all(is_cell(text) for row, _ in rows if row for _, text in row)
    for is_long, some in groupby(rows, key=lambda pair: pair[0] is None):
        if is_long:
            for _, record in some:
                outline.heading(level, "")  # it is not under the keys of the object before
                add_object(outline, record, level)
            outline.heading(level, "")
        elif is_table:
            outline.table(filter(None, (record_line(row) for row, _ in some if row)))
        else:
            for row, _ in some:
                outline.add("\n".join(field(key, text) for key, text in row or ()))


def row_of(record: Object) -> list[tuple[str, str]] | None:
    """Return the path and the text of all values of an object, None where that is too much."""
    row, chars = [], 0
    for key, text in flatten(record):
        row.append((key, text))
        chars += len(key) + len(text)
        if chars > LONGEST_ROW:
            return None
    return row


def is_cell(text: str) -> bool:
    """Tell whether a text is short enough for a cell."""
    return "\n" not in text and len(text) <= LONGEST_CELL


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

"""Tables in text files. Does not know encodings."""

import csv
import re
from collections import Counter
from io import StringIO
from itertools import islice
from typing import BinaryIO, Literal

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.tables import has_header, row_lines

DELIMITERS = ",;\t|"
SAMPLE_ROWS = 100


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read a table; lines above it with one cell only become text."""
    delimiter = "\t" if name.lower().endswith(".tsv") else ""
    rows = read_rows(decode(file.read(), name), name, delimiter)
    outline = Outline(name, max_chars=limits.max_chars)
    width = max(map(len, rows), default=0)
    while len(rows) > 1 and width > 1 and sum(map(bool, rows[0])) == 1:
        outline.add("".join(rows.pop(0)))
    outline.table(row_lines(rows, header_rows=int(has_header(rows))))
    return outline.document()


def read_rows(text: str, name: str, delimiter: str) -> list[list[str]]:
    """Return the rows that hold something, their cells on one line each.

    The delimiter is found out where it is "".
    """
    try:
        is_plain = bool(delimiter) and not is_quoted(text)
        quoting: Literal[0, 3] = csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL
        lines = StringIO(text, newline="")
        reader = csv.reader(lines, delimiter=delimiter or sniff(text), quoting=quoting)
        rows = [[fold(cell) for cell in row] for row in reader]
    except csv.Error as error:
        raise UnreadableDocument(
            name=name,
            reason_en="a cell is too long, so a quotation mark is probably never closed. "
            "Save the table as CSV again.",
            reason_zh="某个单元格过长，可能有引号未闭合。请重新另存为 CSV。",
        ) from error
    return [row for row in rows if any(row)]


def is_quoted(text: str) -> bool:
    """Tell whether the cells between tabs that begin with a quotation mark also end with one."""
    opened = len(re.findall(r'(?:^|\t)"', text, re.MULTILINE))
    return opened == len(re.findall(r'"(?=\t|\r?$)', text, re.MULTILINE))


def sniff(text: str) -> str:
    """Return the delimiter that cuts most rows into the same number of cells, more than one."""
    return max(DELIMITERS, key=lambda delimiter: regularity(text, delimiter))


def regularity(text: str, delimiter: str) -> tuple[float, int]:
    """Return the share of the rows that have the most usual width above one, and that width."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    widths = [len(row) for row in islice(reader, SAMPLE_ROWS) if row]
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return 0.0, 0
    width, rows = counts.most_common(1)[0]
    return rows / len(widths), width

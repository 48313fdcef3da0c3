"""Turns the rows of a table into lines that are read one by one. Knows no file format."""

import re
from collections.abc import Iterator, Sequence

from server.knowledge_base.loaders.prose import CHINESE

Row = Sequence[str | None]  # one-line cells; None: the cell to the left reaches over this column

NUMERIC = re.compile(r"(?=.*\d)[\d\s.,:%+\-–/()¥￥$€°℃]+")
MAX_LABEL_CHARS = 40
LABELS = re.compile(  # what heads a column of a two-column table rather than names a fact
    "项目|名称|参数名?|数?值|说明|内容|类别|类型|字段|属性|指标|描述|备注|[序编]号|日期|金额|数量|规格|单位|标准|"
    "要求|问题|答案|用途|item|name|parameter|value|key|description|field|property|type|category|"
    "metric|notes?|question|answer|date|amount|quantity|price|unit",
    re.IGNORECASE,
)


def row_lines(rows: Sequence[Row], *, header_rows: int) -> Iterator[str]:
    """Yield one line per row: each value with its column's label, empty cells left out.

    Without a header, two columns count as a key and its value. Rows that repeat the header are
    left out.
    """
    labels = merge_labels(rows[:header_rows])
    is_chinese = bool(CHINESE.search("".join(labels)))
    if not any(labels) or len(rows) == header_rows:
        labels = []
    body = rows[header_rows:] if labels or not header_rows else rows
    for row in body:
        cells = [cell or "" for cell in row]
        if any(cells) and not (labels and cells == labels):
            is_wide = is_chinese if labels else bool(CHINESE.search("".join(cells)))
            yield row_line(labels, row, is_wide=is_wide)


def row_line(labels: Sequence[str], row: Row, *, is_wide: bool) -> str:
    """Return the row as one line; ``is_wide`` chooses Chinese punctuation."""
    colon, semicolon = ("：", "；") if is_wide else (": ", "; ")
    values = [cell for cell in row if cell]
    if len(row) == 2 and len(values) == 2 and not labels:
        return f"{values[0].rstrip(':： ')}{colon}{values[1]}"
    if len(values) == 1 and len(row) > 1 and all(cell is None for cell in row[1:]):
        return values[0]  # one cell over the whole width heads the rows below
    parts = []
    for column, cell in enumerate(row):
        if cell:
            label = label_of(labels, row, column)
            parts.append(f"{label}{colon}{cell}" if label else cell)
    return semicolon.join(parts)


def label_of(labels: Sequence[str], row: Row, column: int) -> str:
    """Return the label of a cell: those of all the columns that it reaches over."""
    end = column + 1
    while end < len(row) and row[end] is None:
        end += 1
    return "/".join(dict.fromkeys(filter(None, labels[column:end])))


def merge_labels(header: Sequence[Row]) -> list[str]:
    """Return one label per column: the header cells above each other, a wide one for all below."""
    labels: list[list[str]] = [[] for _ in range(max(map(len, header), default=0))]
    for row in header:
        left = ""
        for column, cell in enumerate(row):
            left = left if cell is None else cell
            if left and left not in labels[column]:
                labels[column].append(left)
    return [" ".join(parts).rstrip(":： ") for parts in labels]


def has_header(rows: Sequence[Row]) -> bool:
    """Guess whether the first row names the columns, for formats that do not say so."""
    if len(rows) < 2 or len(rows[0]) < 2 or not could_be_labels(rows[0]):
        return False
    first = [cell or "" for cell in rows[0]]
    columns = [[row[i] for row in rows[1:] if i < len(row)] for i in range(len(first))]
    if any(label and label in column for label, column in zip(first, columns, strict=True)):
        return False  # a name of a column is no value of it
    if len(first) > 2 or any(LABELS.fullmatch(label) for label in first):
        return True
    return len(rows) > 2 and all(NUMERIC.fullmatch(cell or "") for cell in columns[1])


def could_be_labels(row: Row) -> bool:
    """Tell whether the cells are short, different words of which at most one is missing."""
    cells = [cell for cell in row if cell]
    return (
        len(cells) >= len(row) - 1
        and len(set(cells)) == len(cells)
        and all(len(cell) <= MAX_LABEL_CHARS for cell in cells)
        and not any(NUMERIC.fullmatch(cell) for cell in cells)
    )

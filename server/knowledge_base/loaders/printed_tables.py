"""Tables with rules, and their rows on later pages. Does not know which format they are from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import CLOSED, fold, print_width
from server.knowledge_base.loaders.tables import (
    NUMERIC,
    Row,
    has_header,
    merge_labels,
    row_lines,
)

SAME_COLUMN = 6.0  # points by which the columns of a table may differ on the next page
FILLED = 0.7  # of the width of a cell; text that is narrower has not reached a second line

Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with rules; cells over others are repeated down and None to the right."""

    cells: tuple[Box, ...]
    rows: tuple[Row, ...]
    columns: tuple[float, ...]  # where they begin, and where the last one ends


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table with rules, as far as its rows on later pages need it."""

    columns: tuple[float, ...]
    header: tuple[Row, ...]
    caption: str
    is_continued: bool = False


def begin_table(grid: Grid, caption: str) -> PrintedTable:
    """Return a table that begins here, with the rows that head it."""
    depth = header_depth(grid.rows)
    labels = merge_labels(grid.rows[:depth])
    is_headed = has_header([labels, *grid.rows[depth:]])
    return PrintedTable(grid.columns, grid.rows[:depth] if is_headed else (), caption)


def header_depth(rows: Sequence[Row]) -> int:
    """Return how many rows may head a table: as deep as cells of them are merged."""
    depth = 1
    while depth < len(rows) - 1 and (
        None in rows[depth - 1]
        or any(
            above and above == below
            for above, below in zip(rows[depth - 1], rows[depth], strict=True)
        )
    ):
        depth += 1
    return depth


def continue_table(table: PrintedTable | None, grid: Grid) -> PrintedTable | None:
    """Return the table that ends the page before if this one has its columns."""
    if table is None or not have_same_columns(table, grid):
        return None
    return replace(table, is_continued=True)


def have_same_columns(before: Grid | PrintedTable, grid: Grid) -> bool:
    """Tell whether the columns of two tables stand at the same places."""
    return len(before.columns) == len(grid.columns) and all(
        abs(left - right) <= SAME_COLUMN
        for left, right in zip(before.columns, grid.columns, strict=True)
    )


def add_table(outline: Outline, table: PrintedTable, grid: Grid, page: int) -> None:
    """Add the rows of a table that are on one page, with the labels of its beginning."""
    depth = len(table.header)
    body = grid.rows[depth:] if grid.rows[:depth] == table.header else grid.rows
    if table.is_continued and not body:
        return
    lines = row_lines([*table.header, *body], header_rows=depth)
    outline.table(lines, caption=table.caption, page=page, is_continued=table.is_continued)


def rejoin_row(before: Grid, after: Grid, size: float) -> tuple[Grid, Grid]:
    """Return a table and its rows on the next page, a row that the end of the page parts in one.

    ``size`` is that of the font, in points.
    """
    header = 0
    while header < min(len(before.rows), len(after.rows) - 1):
        if before.rows[header] != after.rows[header]:
            break
        header += 1
    last, row = before.rows[-1], after.rows[header]
    if not have_same_columns(before, after) or not row_goes_on(last, row, before.columns, size):
        return before, after
    whole = tuple(
        fold(f"{cell}\n{rest}") if rest else cell for cell, rest in zip(last, row, strict=True)
    )
    return (
        replace(before, rows=(*before.rows[:-1], whole)),
        replace(after, rows=(*after.rows[:header], *after.rows[header + 1 :])),
    )


def row_goes_on(last: Row, row: Row, columns: Sequence[float], size: float) -> bool:
    """Tell whether a row without a key has the rest of cells that were full and not at an end."""
    filled = [column for column, cell in enumerate(row) if cell]
    return bool(filled) and all(
        column > 0
        and (text := last[column])
        and not CLOSED.search(text)
        and not NUMERIC.fullmatch(row[column] or "")
        and print_width(text) * size > FILLED * (columns[column + 1] - columns[column])
        for column in filled
    )

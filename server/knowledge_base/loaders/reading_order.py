"""Puts the pieces of a page into the order in which people read them. Knows no file format."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from server.knowledge_base.loaders.layout import (
    CAPTION,
    CELL_GAP,
    HEADING_RATIO,
    MAX_LEADING,
    Line,
)
from server.knowledge_base.loaders.prose import fold, heading_level, is_short

MIN_LINES = 4  # of a column; fewer are cells or captions
MIN_CHARS = 12  # Chinese ones, 24 Latin; the lines of a column are longer than most cells
MIN_GUTTER = 0.8  # font sizes
MAX_ACROSS = 0.3  # of the lines may reach over a gutter: titles, tables, figures
MIN_GAP = 2.0  # font sizes between two cells; justified text stretches spaces to about one
MAX_PIECES = 5000  # on a page; a drawing made of letters is not put into order


def arrange(pieces: Sequence[Line]) -> list[Line]:
    """Return the lines of a page: column after column, pieces on one height joined.

    A line over several columns ends those above it. Each line knows its column.
    """
    gutter = find_gutter(pieces)
    if gutter is None:
        return join_rows(pieces)
    lines: list[Line] = []
    for columns, across in cut_bands(pieces, gutter):
        lines += arrange([piece for piece in columns if piece.right <= gutter])
        lines += arrange([piece for piece in columns if piece.left >= gutter])
        lines += join_rows(across)
    return lines


def in_column(piece: Line, gutter: float) -> Line:
    """Return the piece with the side of the gutter that it is on added to its column."""
    side = "l" if piece.right <= gutter else "r"
    return replace(piece, column=piece.column + side)


def find_gutter(pieces: Sequence[Line]) -> float | None:
    """Return where an empty strip parts two columns of text, None where there is none."""
    if not 2 * MIN_LINES <= len(pieces) <= MAX_PIECES:
        return None
    size = median(piece.size for piece in pieces)
    best: tuple[float, float] | None = None  # pieces across, place
    for place in candidates(pieces, MIN_GUTTER * size):
        left = [piece for piece in pieces if piece.right <= place]
        right = [piece for piece in pieces if piece.left >= place]
        across = len(pieces) - len(left) - len(right)
        if across > MAX_ACROSS * len(pieces) or not (is_column(left) and is_column(right)):
            continue
        if best is None or across < best[0]:
            best = (across, place)
    return best and best[1]


def candidates(pieces: Sequence[Line], width: float) -> Iterator[float]:
    """Yield places left of where pieces begin, as far as others may end before them."""
    first = min(piece.right for piece in pieces)
    for start in sorted({piece.left for piece in pieces}):
        if first <= start - width:
            yield start - width / 2


def is_column(pieces: Sequence[Line]) -> bool:
    """Tell whether the pieces are lines of a text rather than cells."""
    if len({round(piece.bottom) for piece in pieces}) < MIN_LINES:
        return False
    return median((piece.right - piece.left) / piece.size for piece in pieces) >= MIN_CHARS


def cut_bands(
    pieces: Sequence[Line], gutter: float
) -> Iterator[tuple[Sequence[Line], Sequence[Line]]]:
    """Yield the pieces from the top down: those of columns, and below them what spans the gutter.

    What spans it takes along a heading of its own that is short enough to stand on one side.
    """
    usual = median(piece.size for piece in pieces)
    columns: list[Line] = []
    across: list[Line] = []
    for piece in sorted(pieces, key=lambda piece: -piece.bottom):
        if piece.left < gutter < piece.right:
            if not across:
                first = find_lead(columns, usual)
                columns, across = columns[:first], columns[first:]
            across.append(piece)
            continue
        if across:
            yield columns, across
            columns, across = [], []
        columns.append(in_column(piece, gutter))
    yield columns, across


def find_lead(pieces: Sequence[Line], usual: float) -> int:
    """Return where the headings begin that end the pieces, which are sorted from the top down."""
    first = len(pieces)
    while first:
        start = first - 1
        while start and pieces[start - 1].bottom - pieces[first - 1].bottom < pieces[start].size:
            start -= 1
        if not heads(pieces[start:first], pieces[:start], usual):
            break
        first = start
    return first


def heads(row: Sequence[Line], above: Sequence[Line], usual: float) -> bool:
    """Tell whether what stands side by side is a heading; its place tells one of plain text."""
    text = " ".join(piece.text for piece in sorted(row, key=lambda piece: piece.left))
    size = row[0].size
    if len({piece.column for piece in row}) > 1 or not is_short(text):
        return False
    is_apart = not above or above[-1].bottom - row[0].bottom > MAX_LEADING * size
    is_numbered = bool(CAPTION.match(text)) or heading_level(text) is not None
    return is_apart or is_numbered or size >= HEADING_RATIO * usual


def join_rows(pieces: Sequence[Line]) -> list[Line]:
    """Return the pieces from the top to the bottom, those on one height as one line."""
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda piece: -piece.bottom):
        is_table = piece.grid or (rows and rows[-1][0].grid)
        if rows and not is_table and rows[-1][0].bottom - piece.bottom < 0.5 * piece.size:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [join_row(sorted(row, key=lambda piece: piece.left)) for row in rows]


def join_level(rows: Iterable[Sequence[Line]]) -> list[list[Line]]:
    """Return rows in their order, with one that goes on to the right of the last one added to it.

    Cells of a table are often written as lines of their own.
    """
    joined: list[list[Line]] = []
    for row in rows:
        if joined and is_beside(joined[-1][-1], row[0]):
            joined[-1] += row
        else:
            joined.append(list(row))
    return joined


def is_beside(before: Line, piece: Line) -> bool:
    """Tell whether a piece stands to the right of another on the same baseline."""
    is_table = before.grid or piece.grid
    is_level = abs(before.bottom - piece.bottom) < 0.5 * min(before.size, piece.size)
    return is_level and not is_table and before.right <= piece.left


def join_row(row: Sequence[Line]) -> Line:
    """Return pieces from the left to the right as one line; wide gaps make it a row of cells."""
    text = row[0].text
    is_row = row[0].is_row
    for before, piece in pairwise(row):
        if piece.left - before.right > MIN_GAP * piece.size:
            text, is_row = text + CELL_GAP + piece.text, True
        else:
            text = fold(f"{text}\n{piece.text}")
    right = max(piece.right for piece in row)
    return replace(row[0], text=text, right=right, is_row=is_row)

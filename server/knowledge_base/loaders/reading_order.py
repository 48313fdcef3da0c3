"""Puts the pieces of a page into the order in which people read them. Knows no file format."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from server.knowledge_base.loaders.layout import CELL_GAP, Line
from server.knowledge_base.loaders.prose import fold

MIN_LINES = 4  # of a column; fewer are cells or captions
MIN_CHARS = 12  # Chinese ones, 24 Latin; the lines of a column are longer than most cells
MIN_GUTTER = 0.8  # font sizes
MAX_ACROSS = 0.3  # of the lines may reach over a gutter: titles, tables, figures
MIN_GAP = 2.0  # font sizes between two cells; justified text stretches spaces to about one
MAX_PIECES = 5000  # on a page; a drawing made of letters is not put into order


def arrange(pieces: Sequence[Line]) -> list[Line]:
    """Return the lines of a page: column after column, pieces on one height joined.

    A line over several columns ends those above it.
    """
    gutter = find_gutter(pieces)
    if gutter is None:
        return join_rows(pieces)
    lines: list[Line] = []
    for band in cut_bands(pieces, gutter):
        lines += arrange([piece for piece in band if piece.right <= gutter])
        lines += arrange([piece for piece in band if piece.left >= gutter])
        lines += join_rows([piece for piece in band if piece.left < gutter < piece.right])
    return lines


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


def cut_bands(pieces: Sequence[Line], gutter: float) -> Iterator[list[Line]]:
    """Yield the pieces from the top down; each band ends with what lies over the gutter."""
    band: list[Line] = []
    for piece in sorted(pieces, key=lambda piece: -piece.bottom):
        is_across = piece.left < gutter < piece.right
        if band and not is_across and band[-1].left < gutter < band[-1].right:
            yield band
            band = []
        band.append(piece)
    yield band


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

"""Finds the ruled tables on a page of a PDF. Does not know what becomes of their rows.

The lines are drawn by the PDF; which of them make cells is found as pdfplumber does.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from ctypes import c_float
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium
from pdfplumber.table import (
    cells_to_tables,
    edges_to_intersections,
    intersections_to_cells,
    merge_edges,
)

from server.knowledge_base.loaders.printed_tables import Box, Grid
from server.knowledge_base.loaders.prose import fold

Cell = tuple[float, float, float, float]  # left, top, right, bottom; heights grow downwards
Point = tuple[float, float]

THICKEST = 3.0  # points; a rule is a line or a filled strip, and ends of rules meet as closely
SHORTEST = 5.0
MAX_RULES = 3000  # on a page; more make a drawing
MAX_CROSSINGS = 200_000  # pairs of rules that are looked at
MIN_FILLED = 3  # cells with text


class Cells:
    """The cells of all tables on a page; ``grids`` has the table of each."""

    def __init__(self, grids: Iterable[Grid]) -> None:
        self.grids = {cell: grid for grid in grids for cell in grid.cells}
        self._at: dict[float, list[Box]] = {}  # by height: the texts on a line share theirs

    def find(self, start: Point, size: float) -> Box | None:
        """Return the cell in which the first character of a text is, given where that stands."""
        across, up = start[0] + size / 4, start[1] + size / 3  # its middle, if it is a narrow one
        if up not in self._at:
            self._at[up] = [cell for cell in self.grids if cell[1] < up < cell[3]]
        return next((cell for cell in self._at[up] if cell[0] < across < cell[2]), None)


def find_grids(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage) -> list[Grid]:
    """Return the tables of at least two rows and columns, the smallest first."""
    edges = list(rules(page))
    upright = sum(edge["orientation"] == "v" for edge in edges)
    if not 2 <= upright <= len(edges) - 2 or len(edges) > MAX_RULES:
        return []
    merged = merge_edges(edges, THICKEST, THICKEST, THICKEST, THICKEST)
    upright = sum(edge["orientation"] == "v" for edge in merged)
    if upright * (len(merged) - upright) > MAX_CROSSINGS:
        return []
    crossings = edges_to_intersections(merged, THICKEST, THICKEST)
    tables: list[list[Cell]] = cells_to_tables(intersections_to_cells(crossings))
    found: list[Cell] = []
    grids: list[Grid] = []
    for cells in sorted(without_frames(tables), key=lambda cells: area(bounds(cells))):
        outer = {cell for cell in cells if any(holds(cell, table) for table in found)}
        for part in drop(cells, outer):
            grid = make_grid(part, text_page)
            if grid is not None:
                found.append(bounds(part))
                grids.append(grid)
    return grids


def without_frames(tables: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    """Yield the tables without the cells that hold other cells of theirs."""
    for cells in tables:
        yield from drop(cells, frames(cells))


def drop(cells: Sequence[Cell], dropped: Collection[Cell]) -> list[Sequence[Cell]]:
    """Return the tables that are left of one without some of its cells, which may join them."""
    if not dropped:
        return [cells]
    return list(cells_to_tables([cell for cell in cells if cell not in dropped]))


def frames(cells: Sequence[Cell]) -> set[Cell]:
    """Return the cells that hold another one; one that begins in a cell also ends there."""
    lefts: dict[float, list[float]] = defaultdict(list)
    for left, top, _, _ in sorted(cells):
        lefts[top].append(left)
    tops = sorted(lefts)

    def begun_in(cell: Cell) -> int:
        rows = tops[bisect_left(tops, cell[1]) : bisect_left(tops, cell[3])]
        return sum(
            bisect_left(lefts[row], cell[2]) - bisect_left(lefts[row], cell[0]) for row in rows
        )

    return {cell for cell in cells if begun_in(cell) > 1}  # it begins in itself


def bounds(cells: Sequence[Cell]) -> Cell:
    """Return the rectangle around cells."""
    lefts, tops, rights, bottoms = zip(*cells, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def area(cell: Cell) -> float:
    """Return the area of a cell in square points."""
    return (cell[2] - cell[0]) * (cell[3] - cell[1])


def holds(cell: Cell, inner: Cell) -> bool:
    """Tell whether a cell has another rectangle in it."""
    return (
        cell[0] <= inner[0] and cell[1] <= inner[1] and cell[2] >= inner[2] and cell[3] >= inner[3]
    )


def rules(page: pypdfium2.PdfPage) -> Iterator[dict[str, float | str]]:
    """Yield the straight lines of all drawings as edges of pdfplumber."""
    count = 0
    for drawing in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH]):
        for start, end in strokes(drawing):
            edge = make_edge(start, end)
            if edge is not None:
                count += 1
                yield edge
        if count > MAX_RULES:
            return


def strokes(drawing: pypdfium2.PdfObject) -> Iterator[tuple[Point, Point]]:
    """Yield the straight parts of a drawing; heights grow downwards."""
    matrix = drawing.get_matrix()
    container = drawing.container
    if container is not None:
        matrix = matrix.multiply(container.get_matrix())
    first = last = None
    for index in range(min(pdfium.FPDFPath_CountSegments(drawing.raw), MAX_RULES)):
        part = pdfium.FPDFPath_GetPathSegment(drawing.raw, index)
        x, y = c_float(), c_float()
        pdfium.FPDFPathSegment_GetPoint(part, x, y)
        right, up = matrix.on_point(x.value, y.value)
        point = (right, -up)
        kind = pdfium.FPDFPathSegment_GetType(part)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            first = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO and last is not None:
            yield last, point
        last = point
        if pdfium.FPDFPathSegment_GetClose(part) and first is not None:
            yield last, first
            last = first


def make_edge(start: Point, end: Point) -> dict[str, float | str] | None:
    """Return a line as an edge, None where it is short or neither level nor upright."""
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    width, height = right - left, bottom - top
    if min(width, height) > 1.0 or max(width, height) < SHORTEST:
        return None
    return {
        "x0": left,
        "x1": right,
        "top": top,
        "bottom": bottom,
        "width": width,
        "height": height,
        "orientation": "h" if width > height else "v",
    }


def make_grid(cells: Sequence[Cell], text_page: pypdfium2.PdfTextPage) -> Grid | None:
    """Return the table of these cells, None where it is but a frame or a drawing."""
    columns = sorted({edge for cell in cells for edge in (cell[0], cell[2])})
    levels = sorted({edge for cell in cells for edge in (cell[1], cell[3])})
    if len(columns) < 3 or len(levels) < 3:
        return None
    texts = {cell: text_in(cell, text_page) for cell in cells}
    if sum(map(bool, texts.values())) < MIN_FILLED:
        return None
    rows = tuple(
        tuple(cells_of_row(cells, texts, columns, (top + bottom) / 2))
        for top, bottom in pairwise(levels)
    )
    boxes = tuple((left, -bottom, right, -top) for left, top, right, bottom in cells)
    return Grid(boxes, rows, tuple(columns))


def cells_of_row(
    cells: Iterable[Cell], texts: dict[Cell, str], columns: Sequence[float], height: float
) -> Iterator[str | None]:
    """Yield the cells at a height; merged ones are repeated down and None to the right."""
    in_row = [cell for cell in cells if cell[1] < height < cell[3]]
    for left, right in pairwise(columns):
        middle = (left + right) / 2
        cell = next((cell for cell in in_row if cell[0] < middle < cell[2]), None)
        if cell is None:
            yield ""
        else:
            yield texts[cell] if cell[0] == left else None


def text_in(cell: Cell, text_page: pypdfium2.PdfTextPage) -> str:
    """Return the text in a cell as one line."""
    left, top, right, bottom = cell
    return fold(text_page.get_text_bounded(left=left, bottom=-bottom, right=right, top=-top))

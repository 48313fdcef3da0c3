"""Excel workbooks. Does not compute: cells show what was last computed."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO
from zipfile import ZipFile

import openpyxl
from openpyxl.cell import Cell, MergedCell
from openpyxl.utils.cell import range_boundaries
from openpyxl.workbook import Workbook
from openpyxl.worksheet.merge import MergedCellRange
from openpyxl.worksheet.worksheet import Worksheet

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.numbers import show_number
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import CHINESE, fold, sensible_title
from server.knowledge_base.loaders.sheet_drawings import BOOK, Drawings, without_drawings
from server.knowledge_base.loaders.tables import NUMERIC, Row, has_header, row_lines
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE, open_package

MAX_HEADER_ROWS = 4
MAX_MERGED = 1_000_000  # cells of a sheet; openpyxl makes an object of each
# A cell with a formula and no value. Where it is said to be a text, that is empty.
UNCOMPUTED = re.compile(
    rb"<(?:\w+:)?c\b(?![^<>]*\bt=[\"']str)[^<>]*>\s*"
    rb"<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*(?:/>|>\s*</(?:\w+:)?v>)\s*)?</(?:\w+:)?c>"
)
Cells = dict[int, str | None]  # by column
Bounds = tuple[int, int, int, int]  # left, top, right, bottom
AREA = re.compile(rb'<mergeCell\b[^>]*\bref="([A-Z]+\d+:[A-Z]+\d+)"')


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read all sheets, each under its name, hidden ones too."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        with open_package(file, name, limits) as archive:
            listed = parse_xml(archive.read(BOOK), name)
            require_sane_merges(archive, name)
            source = without_drawings(archive) or file
            book = openpyxl.load_workbook(source, data_only=True)
            if len(book.sheetnames) < sum(local_name(each) == "sheet" for each in listed.iter()):
                raise ValueError("openpyxl passes over sheets that are not there")
            if has_uncomputed(archive):
                show_formulas(outline, book, openpyxl.load_workbook(source))
            drawings = Drawings(archive, Pictures(outline, limits))
            for sheet in book.worksheets:
                add_sheet(outline, sheet, drawings)
        title = sensible_title(book.properties.title or "")
    except DAMAGED_OFFICE as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the workbook is damaged. Open it in Excel, save it and upload it again.",
            reason_zh="工作簿已损坏。请用 Excel 打开并重新保存后再上传。",
        ) from error
    return outline.document(title or outline.stem)


def require_sane_merges(archive: ZipFile, name: str) -> None:
    """Refuse sheets with more merged cells than a person merges."""
    for part in archive.namelist():
        if part.startswith("xl/worksheets/"):
            areas = AREA.findall(archive.read(part))
            require_sane_areas((range_boundaries(area.decode()) for area in areas), name)


def require_sane_areas(bounds: Iterable[Bounds], name: str) -> None:
    """Refuse areas of merged cells, of one sheet, that are larger than a person makes them."""
    merged = sum((right - left + 1) * (low - top + 1) for left, top, right, low in bounds)
    if merged > MAX_MERGED:
        raise UnreadableDocument(
            name=name,
            reason_en=f"{merged:,} of its cells are merged, and {MAX_MERGED:,} is the most "
            "that can be read. Merge fewer.",
            reason_zh=f"其中 {merged:,} 个单元格被合并，最多可读取 {MAX_MERGED:,} 个。"
            "请减少合并范围。",
        )


def has_uncomputed(archive: ZipFile) -> bool:
    """Tell whether any formula has no value: a program wrote it, and Excel never opened the file.

    The formulas are then read, too, which takes as long as the values and as much memory.
    """
    sheets = (part for part in archive.namelist() if part.startswith("xl/worksheets/"))
    return any(UNCOMPUTED.search(archive.read(part)) for part in sheets)


def show_formulas(outline: Outline, book: Workbook, formulas: Workbook) -> None:
    """Put formulas where they have no value, and note how many there are."""
    count = 0
    for sheet in book.worksheets:
        cells = formulas[sheet.title]._cells
        for place, cell in sheet._cells.items():
            is_empty = cell.value is None and cell.data_type != "str"
            if is_empty and (formula := formula_of(cells.get(place))):
                cell.value = formula
                count += 1
    if count:
        outline.miss("formula", "not_computed", str(count))


def formula_of(cell: "Cell | MergedCell | None") -> str:
    """Return the formula of a cell, "" where it has none; that of several cells is an object."""
    if cell is None or cell.data_type != "f":
        return ""
    text = getattr(cell.value, "text", cell.value)
    return text if isinstance(text, str) else ""


def add_sheet(outline: Outline, sheet: Worksheet, drawings: Drawings) -> None:
    """Add the tables of a sheet, its comments and what is drawn on it, under its name."""
    cells = sheet._cells.values()  # ``iter_rows`` would make all cells up to the last one
    comments = [f"{cell.coordinate}: {fold(cell.comment.text)}" for cell in cells if cell.comment]
    is_hidden = sheet.sheet_state != "visible"
    with under_name(outline, sheet.title, is_hidden=is_hidden):
        add_tables(outline, read_rows(cells, sheet.merged_cells.ranges))
        for comment in comments:
            outline.add(comment)
        drawings.add(sheet.title)


@contextmanager
def under_name(outline: Outline, title: str, *, is_hidden: bool) -> Iterator[None]:
    """Put what is added under the name of its sheet, which alone is not added."""
    if is_hidden:
        title += "（隐藏）" if CHINESE.search(title) else " (hidden)"
    before = len(outline.blocks)
    outline.heading(1, title)
    added = len(outline.blocks)
    yield
    if len(outline.blocks) == added:
        del outline.blocks[before:]


def add_tables(outline: Outline, rows: dict[int, Cells]) -> None:
    """Add the tables of a sheet, which empty rows part; lines of one cell are text."""
    for table in tables(rows):
        while table and is_line(table[0]):
            outline.add(next(filter(None, table.pop(0))))
        if table:
            outline.table(row_lines(table, header_rows=header_rows(table)))


def read_rows(
    cells: "Iterable[Cell | MergedCell]", merged: Iterable[MergedCellRange]
) -> dict[int, Cells]:
    """Return what the rows hold by their numbers; merged cells repeated down, None to the right."""
    rows: dict[int, Cells] = {}
    for cell in cells:
        if text := show(cell):
            rows.setdefault(cell.row, {})[cell.column] = text
    for area in merged:
        text = (rows.get(area.min_row) or {}).get(area.min_col) or ""
        for number in range(area.min_row, area.max_row + 1) if text else ():
            if number in rows:
                rows[number] |= dict.fromkeys(range(area.min_col + 1, area.max_col + 1))
                rows[number][area.min_col] = text
    return dict(sorted(rows.items()))


def tables(rows: dict[int, Cells]) -> Iterator[list[Row]]:
    """Yield runs of neighbouring rows, without the columns that none of them fills."""
    run: list[Cells] = []
    last = 0
    for number, row in rows.items():
        if run and number > last + 1:
            yield line_up(run)
            run = []
        run.append(row)
        last = number
    if run:
        yield line_up(run)


def line_up(run: list[Cells]) -> list[Row]:
    """Return rows of the same columns: those that hold a text somewhere."""
    used = sorted({column for row in run for column, text in row.items() if text})
    return [[row.get(column, "") for column in used] for row in run]


def is_line(row: Row) -> bool:
    """Tell whether a row of several columns holds a single text, such as a title."""
    return len(row) > 1 and sum(map(bool, row)) == 1


def header_rows(rows: list[Row]) -> int:
    """Return how many rows name the columns: those with a cell over several others, and the next.

    Where rows below merge some of their cells, the table is a form, whose first row names nothing.
    """
    bound = 0
    while bound < min(MAX_HEADER_ROWS, len(rows) - 1) and stands_over(rows[bound], rows[bound + 1]):
        bound += 1
    if bound:
        return bound + 1
    is_form = any(None in row and sum(map(bool, row)) > 1 for row in rows[1:])
    return 0 if is_form else int(has_header(rows))


def stands_over(row: Row, below: Row) -> bool:
    """Tell whether a merged cell heads several different words in the row below."""
    heads: dict[int, set[str]] = {}
    head = 0
    for column, (cell, under) in enumerate(zip(row, below, strict=True)):
        head = column if cell is not None else head
        if under and not NUMERIC.fullmatch(under):
            heads.setdefault(head, set()).add(under)
    return any(len(words) > 1 for words in heads.values())


def show(cell: "Cell | MergedCell") -> str:
    """Return a value about as Excel shows it, on one line."""
    value: Any = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        text = value.isoformat(" ", "minutes" if value.second == 0 else "seconds")
        return text.removesuffix(" 00:00")
    if isinstance(value, (date, time, timedelta)):
        return str(value)
    if isinstance(value, (int, float)):
        return show_number(value, str(cell.number_format or ""))
    return fold(str(value))

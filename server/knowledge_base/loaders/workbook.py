"""Excel workbooks. Does not compute: cells show what was last computed."""

import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO
from zipfile import BadZipFile

import openpyxl
from openpyxl.cell import Cell, MergedCell
from openpyxl.worksheet.merge import MergedCellRange
from openpyxl.worksheet.worksheet import Worksheet

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold, sensible_title
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml
from server.knowledge_base.loaders.zipped import open_package

PERCENT = re.compile(r"0(?:\.(0+))?%")
CURRENCY = re.compile(r"[¥￥$€£]")
MAX_HEADER_ROWS = 4


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read all sheets, each under its name, hidden ones too."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        with open_package(file, name, limits) as archive:
            listed = parse_xml(archive.read("xl/workbook.xml"), name)
        book = openpyxl.load_workbook(file, data_only=True)
        if len(book.sheetnames) < sum(local_name(each) == "sheet" for each in listed.iter()):
            raise ValueError("openpyxl passes over sheets that are not there")
        for sheet in book.worksheets:
            add_sheet(outline, sheet)
        title = sensible_title(book.properties.title or "")
    except (
        AttributeError,
        BadZipFile,
        EOFError,
        IndexError,
        KeyError,
        NotImplementedError,
        OSError,
        SyntaxError,
        TypeError,
        ValueError,
        zlib.error,
    ) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the workbook is damaged. Open it in Excel, save it and upload it again.",
            reason_zh="工作簿已损坏。请用 Excel 打开并重新保存后再上传。",
        ) from error
    return outline.document(title)


def add_sheet(outline: Outline, sheet: Worksheet) -> None:
    """Add the tables of a sheet, which empty rows part; lines of one cell are text."""
    cells = sheet._cells  # ``iter_rows`` would make all cells up to the last one
    comments = [cell for cell in cells.values() if cell.comment]
    found = list(tables(grid(cells.values(), sheet.merged_cells.ranges)))
    if found or comments:
        outline.heading(1, sheet.title)
    for rows in found:
        while rows and is_line(rows[0]):
            outline.add(next(filter(None, rows.pop(0))))
        if rows:
            outline.table(row_lines(rows, header_rows=header_rows(rows)))
    for cell in comments:
        outline.add(f"{cell.coordinate}: {fold(cell.comment.text)}")


def grid(
    cells: "Iterable[Cell | MergedCell]", merged: Iterable[MergedCellRange]
) -> dict[int, list[str | None]]:
    """Return the rows by their number; merged cells repeated down, and None to the right."""
    rows: dict[int, dict[int, str | None]] = {}
    for cell in cells:
        rows.setdefault(cell.row, {})[cell.column] = show(cell)
    for area in merged:
        text = rows.get(area.min_row, {}).get(area.min_col, "")
        for number in range(area.min_row, area.max_row + 1):
            if text and number in rows:
                rows[number] |= dict.fromkeys(range(area.min_col + 1, area.max_col + 1))
                rows[number][area.min_col] = text
    return {
        number: [row.get(column, "") for column in range(1, max(row) + 1)]
        for number, row in sorted(rows.items())
    }


def tables(rows: dict[int, list[str | None]]) -> Iterator[list[Row]]:
    """Yield runs of rows that are not empty, without the columns that no row fills."""
    run: list[Row] = []
    last = 0
    for number, row in rows.items():
        if run and (number > last + 1 or not any(row)):
            yield without_empty_columns(run)
            run = []
        if any(row):
            run.append(row)
            last = number
    if run:
        yield without_empty_columns(run)


def without_empty_columns(rows: list[Row]) -> list[Row]:
    """Return the rows without the columns that no row fills."""
    used = {column for row in rows for column, cell in enumerate(row) if cell or cell is None}
    return [[row[column] if column < len(row) else "" for column in sorted(used)] for row in rows]


def is_line(row: Row) -> bool:
    """Tell whether a row of several columns holds a single text, such as a title."""
    return len(row) > 1 and sum(map(bool, row)) == 1


def header_rows(rows: list[Row]) -> int:
    """Return how many rows name the columns: those that a merged cell binds, and the next."""
    bound = 0
    while bound < min(MAX_HEADER_ROWS, len(rows) - 1) and None in rows[bound]:
        bound += 1
    return bound + 1 if bound else int(has_header(rows))


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


def show_number(value: float, form: str) -> str:
    """Return a number; percentages and currencies as their format says."""
    if match := PERCENT.search(form):
        return f"{100 * value:.{len(match.group(1) or '')}f}%"
    text = str(value) if isinstance(value, int) else f"{value:.15g}"
    sign = CURRENCY.search(form)
    return f"{sign.group()}{text}" if sign else text

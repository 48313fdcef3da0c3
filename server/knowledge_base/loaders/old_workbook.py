"""Excel workbooks of the old binary format. Does not compute: cells show what was last computed."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from io import StringIO
from typing import Any, BinaryIO

import xlrd  # type: ignore[import-untyped]
from xlrd.compdoc import CompDocError  # type: ignore[import-untyped]

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders import workbook
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.signatures import name_kind
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE, OLE_MAGIC

# xlrd looks up what a file says unchecked.
DAMAGED = (
    *(*DAMAGED_OFFICE, xlrd.XLRDError, CompDocError, struct.error),
    *(ArithmeticError, AssertionError),
)
PASSWORD = "encrypted"  # noqa: S105  # a word in what xlrd says


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as the loader of the present format knows it; rows and columns count from 1."""

    row: int
    column: int
    value: object
    number_format: str


@dataclass(frozen=True, slots=True)
class Area:
    """Merged cells; the last row and column belong to them."""

    min_row: int
    max_row: int
    min_col: int
    max_col: int


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read all sheets, each under its name, hidden ones too.

    Some programs give this ending to the new format.
    """
    magic = file.read(len(OLE_MAGIC))
    file.seek(0)
    if magic.startswith(b"PK"):
        return workbook.load(file, name, limits)
    if magic != OLE_MAGIC:
        raise name_kind(name, magic)
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        book = xlrd.open_workbook(
            file_contents=file.read(), formatting_info=True, ragged_rows=True, logfile=StringIO()
        )
        for sheet in book.sheets():
            add_sheet(outline, book, sheet)
    except DAMAGED as error:
        raise not_read(name, error) from error
    return outline.document(outline.stem)


def not_read(name: str, error: Exception) -> UnreadableDocument:
    """Return the error about a workbook that xlrd does not read."""
    if PASSWORD in str(error):
        return UnreadableDocument(
            name=name,
            reason_en="it has a password. Save it without one.",
            reason_zh="它设有密码。请另存为不带密码的文件。",
        )
    return UnreadableDocument(
        name=name,
        reason_en="the workbook is damaged or no workbook. Open it in Excel, save it and upload it "
        "again.",
        reason_zh="工作簿已损坏，或不是工作簿。请用 Excel 打开并重新保存后再上传。",
    )


def add_sheet(outline: Outline, book: Any, sheet: Any) -> None:
    """Add the tables and comments of a sheet under its name."""
    areas = [Area(top + 1, low, left + 1, right) for top, low, left, right in sheet.merged_cells]
    workbook.require_sane_areas(
        ((area.min_col, area.min_row, area.max_col, area.max_row) for area in areas), outline.name
    )
    with workbook.under_name(outline, sheet.name, is_hidden=bool(sheet.visibility)):
        workbook.add_tables(outline, workbook.read_rows(cells_of(book, sheet), areas))
        for (row, column), note in sorted(sheet.cell_note_map.items()):
            outline.add(f"{xlrd.cellname(row, column)}: {fold(note.text)}")


def cells_of(book: Any, sheet: Any) -> Iterator[Cell]:
    """Yield the cells that hold something."""
    for row in range(sheet.nrows):
        for column, cell in enumerate(sheet.row(row)):
            value = value_of(cell, book.datemode)
            if value is not None:
                form = book.format_map.get(book.xf_list[cell.xf_index].format_key)
                yield Cell(row + 1, column + 1, value, form.format_str if form else "")


def value_of(cell: Any, first_year: int) -> object:
    """Return what a cell holds; ``first_year`` says from when its file counts days."""
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return None
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#"))
    if cell.ctype == xlrd.XL_CELL_DATE:
        return moment_of(cell.value, first_year)
    return cell.value if cell.ctype == xlrd.XL_CELL_NUMBER else str(cell.value)


def moment_of(value: float, first_year: int) -> datetime | time | float:
    """Return a date or a time of day; a number where there is no such date."""
    try:
        moment: datetime = xlrd.xldate_as_datetime(value, first_year)
    except (ValueError, OverflowError):
        return value
    return moment.time() if 0 <= value < 1 else moment

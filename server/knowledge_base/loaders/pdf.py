"""PDF files. Does not know paragraphs and headings: ``layout`` finds them."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from ctypes import c_double
from itertools import pairwise
from threading import Lock
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.layout import Line, add_pages
from server.knowledge_base.loaders.limits import Limits, too_large, too_many_pages
from server.knowledge_base.loaders.ocr import CannotRead, cannot_read, read_pixels, require_time
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.pdf_pictures import PagePictures
from server.knowledge_base.loaders.pdf_tables import Cells, find_grids
from server.knowledge_base.loaders.prose import is_short, sensible_title
from server.knowledge_base.loaders.reading_order import (
    MIN_GAP,
    arrange,
    find_gutter,
    join_level,
    join_row,
)

PDFIUM = Lock()  # PDFium keeps global state: two threads in it crash the process
DOTS = re.compile(r" *[.·]{5,} *")  # leaders in a table of contents
MIN_TEXT = 20  # characters; a page with fewer and a picture is a scan with a stamp or a number
SCAN_DPI = 200  # A4 is then about as large as the models take a picture
MAX_SCAN_SIDE = 4000  # pixels
HYPHEN = 2  # what PDFium makes of a hyphen at the end of a line, instead of a line end
REASONS = {
    pdfium.FPDF_ERR_PASSWORD: (
        "it is protected by a password. Remove the password and upload it again.",
        "文件受密码保护。请去除密码后重新上传。",
    ),
    pdfium.FPDF_ERR_SECURITY: (
        "it is encrypted in a way that is not supported. Print it to a new PDF.",
        "文件采用了不支持的加密方式。请重新打印为 PDF。",
    ),
}
DAMAGED = ("the PDF is damaged or not a PDF at all.", "PDF 文件已损坏，或不是 PDF 文件。")


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read all pages: their text, or their picture where they have none."""
    outline = Outline(name, max_chars=limits.max_chars)
    with PDFIUM:
        try:
            title, pages = read(file, outline, limits)
        except pypdfium2.PdfiumError as error:
            code = getattr(error, "err_code", None)
            reason_en, reason_zh = REASONS.get(code, DAMAGED)
            raise UnreadableDocument(name=name, reason_en=reason_en, reason_zh=reason_zh) from error
    unread = [gap.reason for gap in outline.gaps if gap.reason in ("no_ocr", "no_time")]
    if unread and not any(pages):
        raise cannot_read(name, unread[0])
    add_pages(outline, pages)
    return outline.document(title or first_title(outline))


def first_title(outline: Outline) -> str:
    """Return the top heading of the first page that has text, else its first line if it is short.

    What pages behind it are headed is no title of the file, whose name is then taken.
    """
    if len(outline.blocks) < 2:
        return outline.top_heading
    first = outline.blocks[0]
    page = (block for block in outline.blocks if block.page == first.page)
    headings = [block.text for block in page if block.kind == "heading"]
    if outline.top_heading in headings:
        return outline.top_heading
    return headings[0] if headings else first.text if is_short(first.text) else outline.stem


def read(file: BinaryIO, outline: Outline, limits: Limits) -> tuple[str, list[list[Line]]]:
    """Return the title in the properties and the lines of each page."""
    document = pypdfium2.PdfDocument(file)
    try:
        if len(document) > limits.max_pages:
            raise too_many_pages(outline.name, limits.max_pages)
        outline.pages = len(document)
        pictures = PagePictures(outline, limits)
        pages: list[list[Line]] = []
        chars = 0
        for index in range(len(document)):
            pages.append(read_page(document, index, outline, limits, pictures))
            chars += sum(len(line.text) for line in pages[-1])
            if chars > limits.max_chars:
                raise too_large(outline.name, limits.max_chars)
        if sum(gap.reason == "damaged" for gap in outline.gaps) == len(document):
            raise pypdfium2.PdfiumError("no page can be read")
        return title_of(document), pages
    finally:
        document.close()


def title_of(document: pypdfium2.PdfDocument) -> str:
    """Return the title in the properties, "" where it is none that a person wrote."""
    try:
        return sensible_title(document.get_metadata_value("Title"))
    except UnicodeDecodeError:
        return ""


def read_page(
    document: pypdfium2.PdfDocument,
    index: int,
    outline: Outline,
    limits: Limits,
    pictures: PagePictures,
) -> list[Line]:
    """Return the lines of a page, and note how it was read; a damaged one costs only itself."""
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        outline.miss("page", "damaged", str(index + 1))
        return []
    try:
        lines = read_text(page)
        if sum(len(line.text) for line in lines if not line.grid) >= MIN_TEXT or any(
            line.grid for line in lines
        ):
            return pictures.add(page, lines, index + 1)
        if not has_picture(page):
            outline.pages_blank += not lines
            return lines
        try:
            scanned = read_scan(page, limits)
        except CannotRead as error:
            outline.miss("page", error.reason, str(index + 1))
            return lines
        outline.pages_ocr += 1
        if limits.ocr:
            limits.ocr.tell(index + 1, len(document))
        return scanned or lines
    finally:
        page.close()


def has_picture(page: pypdfium2.PdfPage) -> bool:
    """Tell whether anything is drawn on the page."""
    drawn = [pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING]
    return any(True for _ in page.get_objects(filter=drawn))


def read_scan(page: pypdfium2.PdfPage, limits: Limits) -> list[Line]:
    """Return the lines in the picture of a page; lengths in points.

    Raises:
        CannotRead: there is no OCR or no time for it.
    """
    require_time(limits)
    scale = min(SCAN_DPI / 72, MAX_SCAN_SIDE / max(page.get_size()))
    bitmap = page.render(scale=scale, rev_byteorder=True)
    try:
        return read_pixels(bitmap.to_numpy()[:, :, :3], limits, scale=scale)
    finally:
        bitmap.close()


def read_text(page: pypdfium2.PdfPage) -> list[Line]:
    """Return the lines of the text of a page, with a table in place of its cells.

    They come column after column, or in the order in which they were written: what is written in
    an odd order usually shows in columns only.
    """
    text_page = page.get_textpage()
    try:
        cells = Cells(find_grids(page, text_page))
        rows = list(place_grids(read_rows(text_page, cells), cells))
    finally:
        text_page.close()
    pieces = [piece for row in rows for piece in row]
    return arrange(pieces) if find_gutter(pieces) else [join_row(row) for row in join_level(rows)]


def place_grids(rows: Iterable[list[Line]], cells: Cells) -> Iterator[list[Line]]:
    """Yield the rows without what lies in a table, each table where its first text was."""
    placed: set[int] = set()
    for row in rows:
        outside = []
        for piece in row:
            cell = cells.find((piece.left, piece.bottom), piece.size)
            if cell is None:
                outside.append(piece)
                continue
            grid = cells.grids[cell]
            if id(grid) not in placed:
                placed.add(id(grid))
                low = max(top for *_, top in grid.cells) - piece.size  # below the line above it
                edges = (grid.columns[0], grid.columns[-1])
                yield [Line("", *edges, low, piece.size, is_row=True, grid=grid)]
        if outside:
            yield outside


def read_rows(text_page: pypdfium2.PdfTextPage, cells: Cells) -> list[list[Line]]:
    """Cut the characters of a page into lines where PDFium did.

    These are cut at wide gaps, and at those between cells or beside them.
    """
    rows: list[list[Line]] = []
    codes: list[int] = []
    first = 0
    for index in range(text_page.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if code not in (10, 13, HYPHEN):
            codes.append(code)
            continue
        codes += [ord("-")] if code == HYPHEN else []
        rows.append(list(cut_row(text_page, first, codes, cells)))
        codes = []
        first = index + 1
    rows.append(list(cut_row(text_page, first, codes, cells)))
    return [row for row in rows if row]


def cut_row(
    text_page: pypdfium2.PdfTextPage, first: int, codes: Sequence[int], cells: Cells
) -> Iterator[Line]:
    """Yield the pieces of the line whose characters begin at ``first``; a blank one has none."""
    inked = [offset for offset, code in enumerate(codes) if code > 32 and code != 0xA0]
    if not inked:
        return
    size = font_size(text_page, first + inked[len(inked) // 2])
    start = inked[0]
    for before, after in pairwise(inked):
        if after - before > 1 and is_cut(text_page, first + before, first + after, size, cells):
            yield make_piece(text_page, first + start, codes[start : before + 1], size)
            start = after
    yield make_piece(text_page, first + start, codes[start : inked[-1] + 1], size)


def is_cut(
    text_page: pypdfium2.PdfTextPage, before: int, after: int, size: float, cells: Cells
) -> bool:
    """Tell whether the white space between two characters parts what belongs to different texts."""
    if gap(text_page, before, after) > MIN_GAP * size:
        return True
    places = (cells.find(origin(text_page, index), size) for index in (before, after))
    return len(set(places)) > 1


def make_piece(
    text_page: pypdfium2.PdfTextPage, first: int, codes: Sequence[int], size: float
) -> Line:
    """Return characters as a piece of a line, given the place of the first one."""
    left, bottom = origin(text_page, first)
    right = text_page.get_charbox(first + len(codes) - 1, loose=True)[2]
    return Line(DOTS.sub(" … ", decode(codes)), left, right, bottom, size)


def decode(codes: Sequence[int]) -> str:
    """Return the characters, which PDFium gives as UTF-16 units."""
    units = b"".join(code.to_bytes(2, "little") for code in codes if 0 < code < 0xFFFE)
    return units.decode("utf-16-le", errors="ignore")


def gap(text_page: pypdfium2.PdfTextPage, before: int, after: int) -> float:
    """Return the white space between two characters in points."""
    return float(origin(text_page, after)[0] - text_page.get_charbox(before, loose=True)[2])


def origin(text_page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float]:
    """Return where a character stands on its baseline."""
    x, y = c_double(), c_double()
    pdfium.FPDFText_GetCharOrigin(text_page, index, x, y)
    return x.value, y.value


def font_size(text_page: pypdfium2.PdfTextPage, index: int) -> float:
    """Return the size of a character in points, as printed: files may scale a font of size 1."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text_page, index, matrix)
    scale = math.hypot(matrix.c, matrix.d)
    return float(pdfium.FPDFText_GetFontSize(text_page, index) * (scale or 1.0))

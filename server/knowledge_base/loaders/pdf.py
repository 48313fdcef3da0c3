"""PDF files with a text layer. Does not know paragraphs and headings: ``layout`` finds them."""

import math
import re
from ctypes import c_double
from itertools import pairwise
from threading import Lock
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.layout import CELL_GAP, Line, add_pages
from server.knowledge_base.loaders.limits import Limits, too_large, too_many_pages
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import is_short, sensible_title

PDFIUM = Lock()  # PDFium keeps global state: two threads in it crash the process
MIN_GAP = 2.0  # font sizes; justified text stretches spaces to about one
DOTS = re.compile(r" *[.·]{5,} *")  # leaders in a table of contents
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
    """Read the text layer of all pages."""
    with PDFIUM:
        try:
            title, pages = read(file, name, limits)
        except pypdfium2.PdfiumError as error:
            code = getattr(error, "err_code", None)
            reason_en, reason_zh = REASONS.get(code, DAMAGED)
            raise UnreadableDocument(name=name, reason_en=reason_en, reason_zh=reason_zh) from error
    outline = Outline(name, max_chars=limits.max_chars)
    add_pages(outline, pages)
    return outline.document(title or first_title(outline))


def first_title(outline: Outline) -> str:
    """Return the top heading, else the first line if it is as short as a title."""
    headings = (block.text for block in outline.blocks if block.kind == "heading")
    first = outline.blocks[0].text if len(outline.blocks) > 1 else ""
    return outline.top_heading or next(headings, first if is_short(first) else "")


def read(file: BinaryIO, name: str, limits: Limits) -> tuple[str, list[list[Line]]]:
    """Return the title in the properties and the lines of each page."""
    document = pypdfium2.PdfDocument(file)
    try:
        if len(document) > limits.max_pages:
            raise too_many_pages(name, limits.max_pages)
        pages: list[list[Line]] = []
        chars = 0
        for index in range(len(document)):
            pages.append(read_page(document, index))
            chars += sum(len(line.text) for line in pages[-1])
            if chars > limits.max_chars:
                raise too_large(name, limits.max_chars)
        return title_of(document), pages
    finally:
        document.close()


def title_of(document: pypdfium2.PdfDocument) -> str:
    """Return the title in the properties, "" where it is none that a person wrote."""
    try:
        return sensible_title(document.get_metadata_value("Title"))
    except UnicodeDecodeError:
        return ""


def read_page(document: pypdfium2.PdfDocument, index: int) -> list[Line]:
    """Return the lines of a page in the order in which they were written."""
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            return read_lines(text_page)
        finally:
            text_page.close()
    finally:
        page.close()


def read_lines(text_page: pypdfium2.PdfTextPage) -> list[Line]:
    """Cut the characters of a page into lines where PDFium did."""
    lines: list[Line] = []
    codes: list[int] = []
    first = 0
    for index in range(text_page.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if code not in (10, 13, HYPHEN):
            codes.append(code)
            continue
        codes += [ord("-")] if code == HYPHEN else []
        add_line(lines, text_page, first, codes)
        codes = []
        first = index + 1
    add_line(lines, text_page, first, codes)
    return lines


def add_line(
    lines: list[Line], text_page: pypdfium2.PdfTextPage, first: int, codes: list[int]
) -> None:
    """Measure the line whose characters begin at ``first``, and add it unless it is blank."""
    inked = [offset for offset, code in enumerate(codes) if code > 32 and code != 0xA0]
    if not inked:
        return
    size = font_size(text_page, first + inked[len(inked) // 2])
    parts: list[str] = []
    start = inked[0]
    for before, after in pairwise(inked):
        is_gap = (
            after - before > 1 and gap(text_page, first + before, first + after) > MIN_GAP * size
        )
        if is_gap:
            parts.append(decode(codes[start : before + 1]))
            start = after
    parts.append(decode(codes[start : inked[-1] + 1]))
    left, bottom = origin(text_page, first + inked[0])
    right = text_page.get_charbox(first + inked[-1], loose=True)[2]
    text = DOTS.sub(" … ", CELL_GAP.join(parts))
    lines.append(Line(text, left, right, bottom, size, len(parts) > 1))


def decode(codes: list[int]) -> str:
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

"""Draws pages of files as pictures: what the process that parses does when asked to draw.

Knows the formats that have pages, not where pictures are kept. Its libraries are imported when a
page is drawn: the service imports this, too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

from server.errors import NoPages, UnknownPage, UnreadableDocument
from server.knowledge_base.loaders import LOADERS, PACKAGE

if TYPE_CHECKING:
    import pypdfium2
    from PIL import Image

MAX_SIDE = 1600  # pixels; A4 has 137 dpi then, and its footnotes can be read
MAX_SCALE = 4.0  # of a page of a PDF, 288 dpi: a stamp is not blown up
# Of RGB without any compression, and what PNG adds to it.
MAX_PICTURE_BYTES = 3 * MAX_SIDE * MAX_SIDE + (1 << 18)
PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
BLENDED = {"1": "L", "P": "RGBA"}  # modes whose pixels cannot be blended, and what has as many
NO_SIZE = ("the page has no size.", "该页没有有效尺寸。")


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as PNG, and how many pages its file has."""

    png: bytes
    pages: int


def check_has_pages(name: str) -> None:
    """Do nothing for a format whose pages can be drawn.

    Raises:
        NoPages: its pages cannot, or it has none.
    """
    if find_renderer(name) is None:
        raise NoPages(name=name)


def find_renderer(name: str) -> "Renderer | None":
    """Return what draws the pages of a file of this name, None if nothing does."""
    place = LOADERS.places.get(PurePath(name).suffix.lower(), "")
    return RENDERERS.get(place.removeprefix(f"{PACKAGE}."))


def render_page(path: Path, name: str, page: int) -> Picture:
    """Draw a page, counted from 1, with at most ``MAX_SIDE`` pixels on its longer side.

    Raises:
        NoPages: the format has no pages that can be drawn.
        UnknownPage: the file has fewer pages.
        UnreadableDocument: the file or the page is damaged.
    """
    renderer = find_renderer(name)
    if renderer is None:
        raise NoPages(name=name)
    with path.open("rb") as file:
        return renderer(file, name, page)


def render_pdf(file: BinaryIO, name: str, page: int) -> Picture:
    """Draw a page of a PDF with its annotations and the values of its form."""
    import pypdfium2

    from server.knowledge_base.loaders.pdf import DAMAGED, PDFIUM, REASONS

    with PDFIUM:
        try:
            document = pypdfium2.PdfDocument(file)
            try:
                document.init_forms()
                pages = len(document)
                check_page(name, page, pages)
                return Picture(encode(draw(document, name, page)), pages)
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            reasons = REASONS.get(getattr(error, "err_code", None), DAMAGED)
            raise unreadable(name, reasons) from error


def draw(document: "pypdfium2.PdfDocument", name: str, number: int) -> "Image.Image":
    """Return a page of a PDF as a picture."""
    page = document[number - 1]
    try:
        longer = max(page.get_size())
        if not math.isfinite(longer) or longer <= 0 or min(page.get_size()) <= 0:
            raise unreadable(name, NO_SIZE)
        # A hair less, as sizes are rounded up.
        bitmap = page.render(scale=min(MAX_SCALE, (MAX_SIDE - 0.01) / longer), rev_byteorder=True)
        try:
            picture: Image.Image = bitmap.to_pil().convert("RGB")
            return picture
        finally:
            bitmap.close()
    finally:
        page.close()


def render_picture(file: BinaryIO, name: str, page: int) -> Picture:
    """Draw a picture as the only page of its file."""
    from PIL import Image

    from server.knowledge_base.loaders.ocr import (
        DAMAGED,
        FORMATS,
        MAX_PIXELS,
        cannot_read,
        flatten,
    )

    check_page(name, page, 1)
    try:
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise cannot_read(name, "too_large")
            drawn = picture.convert(BLENDED[picture.mode]) if picture.mode in BLENDED else picture
            drawn.thumbnail((MAX_SIDE, MAX_SIDE))  # at once: large ones take much memory
            flat = flatten(drawn)
    except Image.DecompressionBombError as error:
        raise cannot_read(name, "too_large") from error
    except DAMAGED as error:
        raise cannot_read(name, "damaged") from error
    return Picture(encode(flat), 1)


def check_page(name: str, page: int, pages: int) -> None:
    """Do nothing for a page that is there.

    Raises:
        UnknownPage: it is not.
    """
    if not 0 < page <= pages:
        raise UnknownPage(param="page", name=name, page=str(page), pages=str(pages))


def encode(picture: "Image.Image") -> bytes:
    """Return a picture as PNG."""
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def is_small_png(data: bytes) -> bool:
    """Tell whether bytes begin and end as a PNG that is no larger than ``MAX_SIDE``."""
    start = len(PNG_HEAD)
    sides = [int.from_bytes(data[start + at : start + at + 4], "big") for at in (0, 4)]
    return (
        len(data) <= MAX_PICTURE_BYTES
        and data.startswith(PNG_HEAD)
        and data.endswith(PNG_END)
        and all(0 < side <= MAX_SIDE for side in sides)
    )


def unreadable(name: str, reasons: tuple[str, str]) -> UnreadableDocument:
    """Return the error about a page that cannot be drawn."""
    return UnreadableDocument(name=name, reason_en=reasons[0], reason_zh=reasons[1])


Renderer = Callable[[BinaryIO, str, int], Picture]
RENDERERS: dict[str, Renderer] = {"pdf:load": render_pdf, "picture:load": render_picture}

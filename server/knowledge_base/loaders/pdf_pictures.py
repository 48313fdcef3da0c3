"""Large pictures on PDF pages that have text: figures, screenshots, photographs of documents.

Does not know pages without text, which are read as one picture.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from ctypes import c_int
from dataclasses import replace
from hashlib import sha256
from statistics import median_low
from typing import TYPE_CHECKING

import pypdfium2
import pypdfium2.raw as pdfium

from server.knowledge_base.loaders.layout import Line
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.ocr import CannotRead, read_pixels, require_time
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.printed_tables import Box

if TYPE_CHECKING:  # most documents have no such pictures
    import numpy as np
    from numpy.typing import NDArray

MIN_SHARE = 0.05  # of the page; logos, stamps and heads of letters are smaller
MIN_HEIGHT = 36  # points; banners and rules are lower
TEXT_OVER = 20  # characters of the page; a picture with as many over it is its background
DPI = 300  # the text of a screenshot is smaller than that of the page
MAX_SIDE = 4000  # pixels
TOUCHING = 1.0  # points between the strips that a picture is cut into
TENTHS = 10  # of a point, in which PDFium is asked for places: it rounds them


class PagePictures:
    """Reads the large pictures of one document, each once, on however many pages it is."""

    def __init__(self, outline: Outline, limits: Limits) -> None:
        self.outline = outline
        self.limits = limits
        self.seen: set[bytes] = set()

    def add(self, page: pypdfium2.PdfPage, lines: list[Line], number: int) -> list[Line]:
        """Return the lines of a page with those in its pictures, or note which were not read.

        Text is taken off the page, which is of no use afterwards.
        """
        boxes = large_boxes(page)
        if boxes:
            hide_text(page)
        for box in boxes:
            try:
                require_time(self.limits)
                found = self.read(page, box)
            except CannotRead as error:
                self.outline.miss("picture", error.reason, f"p. {number}")
                continue
            lines = put_in(lines, found, box)
        return lines

    def read(self, page: pypdfium2.PdfPage, box: Box) -> list[Line]:
        """Return the lines in a part of a page, in points from the lower left corner of it.

        Raises:
            CannotRead: there is no OCR or no time for it.
        """
        scale = min(DPI / 72, MAX_SIDE / max(box[2] - box[0], box[3] - box[1]))
        pixels = render(page, box, scale)
        digest = sha256(pixels.tobytes()).digest()
        if digest in self.seen:
            return []
        self.seen.add(digest)
        return read_pixels(pixels, self.limits, scale=scale)


def large_boxes(page: pypdfium2.PdfPage) -> list[Box]:
    """Return where the large pictures are that are not behind text, from the top to the bottom."""
    width, height = page.get_size()
    boxes = join_strips(join_strips(image_boxes(page), axis=1), axis=0)
    large = [box for box in boxes if is_large(box, width * height)]
    if not large:
        return []
    text_page = page.get_textpage()
    try:
        free = [box for box in large if chars_over(text_page, box) < TEXT_OVER]
    finally:
        text_page.close()
    free.sort(key=area, reverse=True)
    outer: list[Box] = []
    for box in free:
        if not any(contains(other, box) for other in outer):
            outer.append(box)
    return sorted(outer, key=lambda box: -box[3])


def image_boxes(page: pypdfium2.PdfPage) -> Iterator[Box]:
    """Yield where the images on a page are, those inside of forms too, cut at the page's edge."""
    edge = page.get_bbox()
    for image in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]):
        box = image.get_bounds()
        form = image.container
        while form is not None:
            box = form.get_matrix().on_rect(*box)
            form = form.container
        left, bottom = max(box[0], edge[0]), max(box[1], edge[1])
        right, top = min(box[2], edge[2]), min(box[3], edge[3])
        if left < right and bottom < top:
            yield left, bottom, right, top


def join_strips(boxes: Iterable[Box], *, axis: int) -> list[Box]:
    """Return boxes, as one those of one width that stand on each other (1), or side by side (0)."""
    across = 1 - axis
    joined: list[Box] = []
    for box in sorted(boxes, key=lambda box: (*map(round, box[across::2]), box[axis])):
        last = joined[-1] if joined else None
        if (
            last
            and abs(last[across] - box[across]) <= TOUCHING
            and abs(last[across + 2] - box[across + 2]) <= TOUCHING
            and abs(last[axis + 2] - box[axis]) <= TOUCHING
        ):
            joined[-1] = (
                min(last[0], box[0]),
                min(last[1], box[1]),
                max(last[2], box[2]),
                max(last[3], box[3]),
            )
        else:
            joined.append(box)
    return joined


def is_large(box: Box, page_area: float) -> bool:
    """Tell whether a picture may hold text worth reading."""
    sides = (box[2] - box[0], box[3] - box[1])
    return min(sides) >= MIN_HEIGHT and area(box) >= MIN_SHARE * page_area


def area(box: Box) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def contains(outer: Box, inner: Box) -> bool:
    """Tell whether a box lies inside of another."""
    starts = outer[0] - TOUCHING <= inner[0] and outer[1] - TOUCHING <= inner[1]
    return starts and outer[2] + TOUCHING >= inner[2] and outer[3] + TOUCHING >= inner[3]


def chars_over(text_page: pypdfium2.PdfTextPage, box: Box) -> int:
    """Return how many characters of the text of a page stand on a picture."""
    return len("".join(text_page.get_text_bounded(*box).split()))


def hide_text(page: pypdfium2.PdfPage) -> None:
    """Leave out the text when the page is drawn: it has been read."""
    for text in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT]):
        pdfium.FPDFPageObj_SetIsActive(text, False)


def render(page: pypdfium2.PdfPage, box: Box, scale: float) -> "NDArray[np.uint8]":
    """Return a part of a page in pixels (height, width, 3), turned as the page is."""
    width, height = page.get_size()
    x, y = c_int(), c_int()
    places = []
    for corner in (box[:2], box[2:]):
        size = (math.ceil(TENTHS * width), math.ceil(TENTHS * height))
        pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, *corner, x, y)
        places.append((x.value / TENTHS, y.value / TENTHS))
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(*places, strict=True))
    margins = (max(left, 0), max(height - bottom, 0), max(width - right, 0), max(top, 0))
    bitmap = page.render(scale=scale, crop=margins, rev_byteorder=True, may_draw_forms=False)
    try:
        pixels: NDArray[np.uint8] = bitmap.to_numpy()[:, :, :3].copy()
        return pixels
    finally:
        bitmap.close()


def put_in(lines: Sequence[Line], found: Sequence[Line], box: Box) -> list[Line]:
    """Return the lines of a page with those in a picture behind the last one that is above it.

    They are rows of a table, each a line that says nothing of those around it: what is large or
    has a number in a picture is no heading of the page.
    """
    left, bottom, right, top = box
    size = median_low(line.size for line in lines)
    inside = [
        replace(
            line,
            left=left + line.left,
            right=left + line.right,
            bottom=min(bottom + line.bottom, top),
            size=size,
            is_row=True,
        )
        for line in found
    ]
    above = [
        place
        for place, line in enumerate(lines, start=1)
        if line.bottom >= top - line.size and line.left < right and line.right > left
    ]
    at = above[-1] if above else 0
    return [*lines[:at], *inside, *lines[at:]]

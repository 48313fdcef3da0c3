"""PowerPoint presentations. Does not know how a slide looks: shapes are read as people do."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pptx
from lxml import etree
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.drawings import choose
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.equations import EQUATION, linear
from server.knowledge_base.loaders.limits import Limits, too_many_pages
from server.knowledge_base.loaders.office_parts import GRAPHICS, add_graphic
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import CHINESE, fold, sensible_title
from server.knowledge_base.loaders.slide_comments import Comments
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE, open_package

MAX_GROUPS = 20  # groups inside of groups
TEXT, RUN = qn("a:t"), qn("a:r")
MATH = "{http://schemas.microsoft.com/office/drawing/2010/main}m"


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the slides, which count as pages, with their notes."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        open_package(file, name, limits)
        show = pptx.Presentation(file)
        if len(show.slides) > limits.max_pages:
            raise too_many_pages(name, limits.max_pages)
        reader = Reader(show, Pictures(outline, limits))
        for page, slide in enumerate(show.slides, 1):
            reader.add_slide(slide, page)
        title = sensible_title(show.core_properties.title or "")
    except (*DAMAGED_OFFICE, PythonPptxError) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the presentation is damaged. Open it in PowerPoint, save it and upload it "
            "again.",
            reason_zh="演示文稿已损坏。请用 PowerPoint 打开并重新保存后再上传。",
        ) from error
    return outline.document(title)


class Reader:
    """Adds slides to an outline."""

    def __init__(self, show: Any, pictures: Pictures) -> None:
        self.outline = pictures.outline
        self.pictures = pictures
        self.comments = Comments(show.part, self.outline)

    def add_slide(self, slide: Any, page: int) -> None:
        """Add what is on a slide, from the top to the bottom, its notes and comments."""
        prepare(slide._element)
        self.outline.end_headings()
        self.add_title(slide, page)
        title = slide.shapes.title
        for shape in in_order(slide.shapes):
            if title is None or shape._element is not title._element:
                self.add_shape(shape, page)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            self.outline.add(slide.notes_slide.notes_text_frame.text, page=page)
        for line in self.comments.on(slide.part):
            self.outline.add(line, page=page)

    def add_title(self, slide: Any, page: int) -> None:
        """Add the title of a slide; of a hidden slide it says so."""
        title = slide.shapes.title
        text = "" if title is None else title.text_frame.text
        if slide._element.get("show") in ("0", "false"):
            text += "（隐藏）" if CHINESE.search(text) else " (hidden)"
        if title is not None or text:
            self.outline.heading(1, text, page=page)

    def add_shape(self, shape: Any, page: int) -> None:
        """Add the text, table, data or picture of a shape."""
        if getattr(shape, "has_table", False):
            rows = list(grid_rows(shape.table))
            is_headed = bool(shape.table.first_row) or has_header(rows)
            self.outline.table(row_lines(rows, header_rows=int(is_headed)), page=page)
        elif getattr(shape, "has_text_frame", False):
            paragraphs = shape.text_frame.paragraphs
            lines = [f"{'  ' * each.level}{each.text.strip()}" for each in paragraphs]
            self.outline.add("\n".join(filter(str.strip, lines)), page=page)
        elif hasattr(shape, "shapes"):  # a group in too many others
            texts = (part.text for part in shape._element.iter(TEXT) if part.text)
            self.outline.add("\n".join(texts), page=page)
        for graphic in shape._element.iter(*GRAPHICS):
            add_graphic(graphic, shape.part, self.pictures, page=page)


def prepare(slide: etree._Element) -> None:
    """Let python-pptx see all of a slide: what is shown among alternatives, and equations."""
    choose(slide)
    for math in list(slide.iter(MATH)):
        run = math.makeelement(RUN)  # of the classes that python-pptx gives to elements
        run.append(math.makeelement(TEXT))
        run[0].text = " ".join(map(linear, math.iter(EQUATION)))
        math.getparent().replace(math, run)


def in_order(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Yield shapes by their place, those of a group together."""
    for shape in sorted(shapes, key=place_of):
        if hasattr(shape, "shapes") and depth < MAX_GROUPS:
            yield from in_order(shape.shapes, depth + 1)
        else:
            yield shape


def place_of(shape: Any) -> tuple[int, int]:
    """Return how far down and right a shape is, the corner where the file does not say so right."""
    try:
        return shape.top or 0, shape.left or 0
    except (AttributeError, ValueError):
        return 0, 0


def grid_rows(table: Any) -> Iterator[Row]:
    """Yield the cells of each row; merged ones are repeated down and None to the right."""
    above: list[str | None] = []
    for row in table.rows:
        cells: list[str | None] = []
        for column, cell in enumerate(row.cells):
            if cell.is_spanned:
                is_beside = cell._tc.get("hMerge") is not None
                cells.append(None if is_beside else above[column])
            else:
                cells.append(fold(cell.text))
        yield cells
        above = cells

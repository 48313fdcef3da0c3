"""Word documents. Does not know how Word lays out a page."""

import re
from collections.abc import Iterator
from typing import BinaryIO

import docx
from docx.document import Document as DocxDocument
from docx.exceptions import PythonDocxError
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.docx_parts import PARAGRAPH, Beside, shown, text_of
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.numbering import Numbering, value
from server.knowledge_base.loaders.office_parts import GRAPHICS
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold, sensible_title
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE, open_package

HEADING_STYLE = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
MAX_SPAN = 100

TABLE = qn("w:tbl")
WRAPPERS = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:ins", "w:moveTo", "w:customXml")))


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the body: headings by their style, lists with markers, tables; then headers, footers."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        open_package(file, name, limits)
        document = docx.Document(file)
        Body(document, Pictures(outline, limits)).read()
        title = sensible_title(document.core_properties.title)
    except (*DAMAGED_OFFICE, PythonDocxError) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the Word document is damaged. Open it in Word, save it and upload it again.",
            reason_zh="Word 文档已损坏。请用 Word 打开并重新保存后再上传。",
        ) from error
    return outline.document(title)


class Body:
    """Reads the paragraphs and tables of a document in their order."""

    def __init__(self, document: DocxDocument, pictures: Pictures) -> None:
        self.root = document.element.body
        self.part = document.part  # the part being read
        self.outline = pictures.outline
        self.beside = Beside(document.part, self.root, pictures)
        self.styles = {
            style.get(qn("w:styleId")): style
            for style in document.styles.element.iterfind(qn("w:style"))
        }
        related = document.part.rels.values()
        numbering = [rel.target_part for rel in related if rel.reltype.endswith("/numbering")]
        self.numbering = Numbering(numbering[0].element if numbering else None)
        self.items: list[str] = []  # lines of the list being read

    def read(self) -> None:
        """Add everything to the outline."""
        self.read_content(self.root)
        self.end_list()
        self.outline.end_headings()
        for part, head in self.beside.running_heads(self.root):
            self.part = part
            self.read_content(head)
            self.end_list()

    def read_content(self, parent: BaseOxmlElement) -> None:
        """Add the paragraphs and tables right under ``parent``."""
        for element in content(parent, (PARAGRAPH, TABLE)):
            if element.tag == TABLE:
                self.end_list()
                self.add_table(element)
            else:
                self.add_paragraph(element)

    def add_paragraph(self, paragraph: BaseOxmlElement) -> None:
        """Add a heading, a list item or a text, and what it calls up."""
        text = text_of(paragraph).strip()
        if text:
            self.add_text(paragraph, text)
        self.add_beside(paragraph)

    def add_text(self, paragraph: BaseOxmlElement, text: str) -> None:
        """Add a heading, a list item or a text."""
        level = self.heading_level(paragraph)
        depth, marker = self.marker(paragraph)
        if level is not None:
            self.end_list()
            heading = text_of(paragraph, are_notes_marked=False)
            self.outline.heading(level, f"{marker.strip('-')} {heading}")
        elif marker:
            self.items.append(f"{'  ' * depth}{marker} {text}")
        else:
            self.end_list()
            self.outline.add(text)

    def add_beside(self, element: BaseOxmlElement) -> None:
        """Add the notes, comments, pictures and charts that an element calls up."""
        if any(each.tag in GRAPHICS for each in shown(element)):
            self.end_list()
        add_line = self.items.append if self.items else self.outline.add
        self.beside.add(element, self.part, add_line)

    def end_list(self) -> None:
        """Add the list that was read as one block."""
        self.outline.add("\n".join(self.items), "list")
        self.items.clear()

    def properties(self, paragraph: BaseOxmlElement) -> Iterator[BaseOxmlElement]:
        """Yield the properties of the paragraph, then those of its style and the styles below."""
        own = paragraph.find(qn("w:pPr"))
        if own is None:
            return
        yield own
        style_id = value(own, "w:pStyle")
        for _ in range(len(self.styles)):  # a damaged file may chain styles in a circle
            style = self.styles.get(style_id)
            if style is None:
                return
            yield style
            style_id = value(style, "w:basedOn")

    def heading_level(self, paragraph: BaseOxmlElement) -> int | None:
        """Return the level of a heading, 0 for the title of the document, None for text."""
        for properties in self.properties(paragraph):
            name = value(properties, "w:name")
            if name.lower() == "title":
                return 0
            if match := HEADING_STYLE.fullmatch(name.strip()):
                return int(match.group(1))
            outline_level = next(properties.iter(qn("w:outlineLvl")), None)
            if outline_level is not None:
                level = int(outline_level.get(qn("w:val"), 9))
                return level + 1 if level < 9 else None  # 9 is body text
        return None

    def marker(self, paragraph: BaseOxmlElement) -> tuple[int, str]:
        """Return the depth of a list item and its number or dash, "" for other paragraphs."""
        for properties in self.properties(paragraph):
            numbered = next(properties.iter(qn("w:numPr")), None)
            if numbered is not None:
                level = value(numbered, "w:ilvl")
                depth = min(int(level), 8) if level.isdecimal() else 0
                return depth, self.numbering.marker(value(numbered, "w:numId"), depth)
        return 0, ""

    def add_table(self, table: BaseOxmlElement) -> None:
        """Add a table; one of a single column only frames what is in it."""
        rows = list(content(table, (qn("w:tr"),)))
        grid = list(grid_rows(rows))
        if max(map(len, grid), default=0) < 2:
            for row in rows:
                for cell in content(row, (qn("w:tc"),)):
                    self.read_content(cell)
            self.end_list()
            return
        header_rows = 0
        while (
            header_rows < len(rows)
            and rows[header_rows].find(".//" + qn("w:tblHeader")) is not None
        ):
            header_rows += 1
        self.outline.table(row_lines(grid, header_rows=header_rows or int(has_header(grid))))
        self.add_beside(table)


def content(parent: BaseOxmlElement, tags: tuple[str, ...]) -> Iterator[BaseOxmlElement]:
    """Yield the children with these tags, also those in content controls and tracked changes."""
    for element in parent.iterchildren():
        if element.tag in tags:
            yield element
        elif element.tag in WRAPPERS:
            yield from content(element, tags)


def grid_rows(rows: list[BaseOxmlElement]) -> Iterator[Row]:
    """Yield the cells of each row; merged ones are repeated down and None to the right."""
    above: list[str | None] = []
    for row in rows:
        cells: list[str | None] = []
        for cell in content(row, (qn("w:tc"),)):
            merged = next(cell.iter(qn("w:vMerge")), None)
            text: str | None = fold(text_of(cell))
            if merged is not None and merged.get(qn("w:val")) != "restart":
                text = above[len(cells)] if len(cells) < len(above) else ""
            cells.append(text)
            width = next(cell.iter(qn("w:gridSpan")), None)
            if width is not None:
                reach = int(width.get(qn("w:val"), 1))
                cells.extend([None] * (min(reach, MAX_SPAN) - 1))
        yield cells
        above = cells

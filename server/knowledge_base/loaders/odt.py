"""OpenDocument texts. Does not know how a page is laid out."""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO
from zipfile import ZipFile

from lxml import etree

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.odt_parts import CALLED, Beside, comment_of
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold, sensible_title
from server.knowledge_base.loaders.running_heads import RunningHeads
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml
from server.knowledge_base.loaders.zipped import DAMAGED, open_package

MAX_REPEATED = 100  # cells or spaces that one element may stand for
MAX_DIGITS = 6  # of a number in an attribute
MANIFEST = "META-INF/manifest.xml"
LEFT_OUT = {
    "annotation",
    "annotation-end",
    "desc",
    "note-citation",
    "ruby-text",
    "tracked-changes",
}
BREAKS = {"tab": "\t", "line-break": "\n"}
ROW_GROUPS = {"table-header-rows", "table-rows", "table-row-group"}
LINES = {"p", "h", "list-item", "list-header", "table-cell", "text-box"}  # have their own lines
RUNNING = re.compile("(?:header|footer)(?:-left|-first)?")
SAID = {"p", "list"}  # in a comment
LINE_END = "\v"  # stands for where those begin and end until the blank lines are gone


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the body: headings by their level, lists, tables, notes where they are called.

    Then the headers and footers of pages.
    """
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        with open_package(file, name, limits) as archive:
            require_no_password(archive, name)
            content = parse_xml(archive.read("content.xml"), name)
            styles = parse_xml(read_part(archive, "styles.xml"), name)
            title = title_of(parse_xml(read_part(archive, "meta.xml"), name))
            body = next((part for part in content.iter() if local_name(part) == "text"), None)
            reader = Body((styles, content), Beside(archive, Pictures(outline, limits)))
            if body is not None:
                reader.read(body)
            reader.read_running_heads(styles)
    except DAMAGED as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the document is damaged or no OpenDocument text.",
            reason_zh="文档已损坏，或不是 OpenDocument 文本。",
        ) from error
    return outline.document(title)


def require_no_password(archive: ZipFile, name: str) -> None:
    """Refuse a document whose parts are encrypted."""
    if MANIFEST in archive.namelist() and b"encryption-data" in archive.read(MANIFEST):
        raise UnreadableDocument(
            name=name,
            reason_en="it has a password. Save it without one.",
            reason_zh="它设有密码。请另存为不带密码的文件。",
        )


def read_part(archive: ZipFile, part: str) -> bytes:
    """Return a part, an element without content where there is none."""
    return archive.read(part) if part in archive.namelist() else b"<nothing/>"


def title_of(meta: etree._Element) -> str:
    """Return the title that a person wrote into the properties, "" where there is none."""
    titles = (element.text or "" for element in meta.iter() if local_name(element) == "title")
    return sensible_title(next(titles, ""))


class Body:
    """Reads the paragraphs, lists and tables of a document in their order."""

    def __init__(self, roots: Iterable[etree._Element], beside: Beside) -> None:
        """Read the styles of lists from the roots, the parts with styles in them."""
        self.outline = beside.outline
        self.beside = beside
        self.starts = {  # the first number of the levels that count, by list style and level
            (get(style, "name"), number(level, "level")): number(level, "start-value")
            for root in roots
            for style in root.iter()
            if local_name(style) == "list-style"
            for level in style
            if local_name(level) == "list-level-style-number" and get(level, "num-format", "1")
        }
        self.numbers: dict[tuple[str, int], int] = {}  # the last ones, by list style and level
        self.lines: list[str] = []  # of the list being read

    def read(self, parent: etree._Element) -> None:
        """Add everything under an element."""
        for element in parent:
            match local_name(element):
                case "h":
                    self.add_heading(element)
                case "p":
                    self.outline.add(text_of(element))
                    self.add_inside(element)
                case "list":
                    self.read_list(element)
                    self.end_list()
                case "table":
                    self.add_table(element)
                case kind if kind and kind not in LEFT_OUT:
                    self.read(element)

    def add_heading(self, element: etree._Element) -> None:
        """Add a heading, then what is anchored in it."""
        self.outline.heading(number(element, "outline-level"), text_of(element))
        self.add_inside(element)

    def read_list(self, items: etree._Element, style: str = "", level: int = 1) -> None:
        """Read the lines of a list with dashes or numbers, nested ones indented.

        A heading ends the block of lines: outlines are often lists of headings.
        """
        style = get(items, "style-name", style)
        first = self.starts.get((style, level), 1)
        is_continued = get(items, "continue-numbering") == "true" or get(items, "continue-list")
        if not is_continued or (style, level) not in self.numbers:
            self.numbers[style, level] = first - 1
        for item in items:
            prefix = "  " * (level - 1) + self.mark(item, style, level)
            for part in item:
                if local_name(part) == "list":
                    self.read_list(part, style, level + 1)
                elif local_name(part) == "h":
                    self.end_list()
                    self.add_heading(part)
                else:
                    for line in lines_of(part):
                        self.lines.append(prefix + line)
                        prefix = " " * len(prefix)
                    self.add_inside(part)

    def mark(self, item: etree._Element, style: str, level: int) -> str:
        """Count an item of a list and return what stands before it."""
        if local_name(item) != "list-item":
            return ""
        following = self.numbers[style, level] + 1
        self.numbers[style, level] = number(item, "start-value", following)
        return f"{self.numbers[style, level]}. " if (style, level) in self.starts else "- "

    def end_list(self) -> None:
        """Add the lines of the list as one block."""
        self.outline.add("\n".join(self.lines), "list")
        self.lines.clear()

    def add_inside(self, element: etree._Element) -> None:
        """Add the tables, comments, pictures and objects in a paragraph or in a row of a table."""
        for inside in insides_of(element):
            self.end_list()
            match local_name(inside):
                case "table":
                    self.add_table(inside)
                case "annotation":
                    said = (lines_of(part) for part in inside if local_name(part) in SAID)
                    text = " ".join(fold(line) for lines in said for line in lines)
                    self.outline.add(comment_of(inside, text))
                case "object":
                    self.read(self.beside.open_object(inside))
                case _:
                    self.beside.add_picture(inside)

    def read_running_heads(self, styles: etree._Element) -> None:
        """Add the headers and footers of all kinds of pages that say something new."""
        self.outline.end_headings()
        heads = RunningHeads()
        for element in styles.iter():
            if RUNNING.fullmatch(local_name(element)) and heads.is_news(text_of(element)):
                self.read(element)

    def add_table(self, table: etree._Element) -> None:
        """Add a table; one of a single column only frames what is in it."""
        rows = list(own_rows(table))
        grid = list(grid_rows(rows))
        if max(map(len, grid), default=0) < 2:
            for row in rows:
                for cell in row:
                    self.read(cell)
            return
        headers = sum(local_name(row.getparent()) == "table-header-rows" for row in rows)
        self.outline.table(row_lines(grid, header_rows=headers or int(has_header(grid))))
        for row in rows:
            self.add_inside(row)


def own_rows(table: etree._Element) -> Iterator[etree._Element]:
    """Yield the rows of a table, without those of the tables in its cells."""
    for part in table:
        if local_name(part) == "table-row":
            yield part
        elif local_name(part) in ROW_GROUPS:
            yield from own_rows(part)


def insides_of(element: etree._Element) -> Iterator[etree._Element]:
    """Yield the tables and what else is ``CALLED`` in an element, without what is in them."""
    for child in element:
        if local_name(child) == "table" or local_name(child) in CALLED:
            yield child
        elif local_name(child) not in LEFT_OUT:
            yield from insides_of(child)


def grid_rows(rows: list[etree._Element]) -> Iterator[Row]:
    """Yield the cells of each row; covered ones are repeated down and None to the right."""
    above: list[str | None] = []
    for row in rows:
        cells: list[str | None] = []
        reach = 0  # columns that the cell to the left still covers in this row
        for cell in row:
            text: str | None = " ".join(map(fold, lines_of(cell)))
            if local_name(cell) == "covered-table-cell":
                covered = None if reach else (above[len(cells)] if len(cells) < len(above) else "")
                text = covered
            repeated = min(number(cell, "number-columns-repeated"), MAX_REPEATED)
            spanned = number(cell, "number-columns-spanned")
            reach = max(0, reach - 1) if text is None else spanned - 1
            cells += [text] * repeated
        while cells and cells[-1] == "" and len(cells) > len(above):
            cells.pop()  # what only fills the sheet
        yield cells
        above = cells


def text_of(element: etree._Element) -> str:
    """Return the text of a paragraph, with lines for the paragraphs inside; tables are left out."""
    return "\n".join(lines_of(element))


def lines_of(element: etree._Element) -> list[str]:
    """Return the texts of the paragraphs in an element; notes in brackets where they are called."""
    pieces: list[str] = []
    gather(element, pieces)
    return [line.strip("\n") for line in "".join(pieces).split(LINE_END) if line.strip()]


def gather(element: etree._Element, pieces: list[str]) -> None:
    """Append the texts in an element, with what ends a line around those that have their own."""
    pieces.append(element.text or "")
    for child in element:
        kind = local_name(child)
        if kind == "s":
            pieces.append(" " * min(number(child, "c"), MAX_REPEATED))
        elif kind == "note":
            pieces.append(f" [{' '.join(map(fold, lines_of(child)))}]")
        elif kind in BREAKS:
            pieces.append(BREAKS[kind])
        elif kind in LINES:
            pieces.append(LINE_END)
            gather(child, pieces)
            pieces.append(LINE_END)
        elif kind and kind not in LEFT_OUT and kind != "table":
            gather(child, pieces)
        pieces.append(child.tail or "")


def number(element: etree._Element, attribute: str, default: int = 1) -> int:
    """Return an attribute that is a number."""
    value = get(element, attribute)
    return int(value[:MAX_DIGITS]) if value.isdecimal() else default


def get(element: etree._Element, attribute: str, default: str = "") -> str:
    """Return an attribute whatever its namespace is."""
    found = (value for key, value in element.items() if etree.QName(key).localname == attribute)
    return next(found, default)

"""OpenDocument texts. Does not know how a page is laid out."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO
from zipfile import BadZipFile

from lxml import etree

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold, sensible_title
from server.knowledge_base.loaders.tables import Row, has_header, row_lines
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml
from server.knowledge_base.loaders.zipped import open_package

MAX_REPEATED = 100  # cells or spaces that one element may stand for
LEFT_OUT = {"tracked-changes", "annotation", "annotation-end", "note-citation", "desc"}
BREAKS = {"tab": "\t", "line-break": "\n"}


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the body: headings by their level, lists, tables, notes where they are called."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        with open_package(file, name, limits) as archive:
            content = parse_xml(archive.read("content.xml"), name)
            meta = archive.read("meta.xml") if "meta.xml" in archive.namelist() else b"<meta/>"
            title = title_of(parse_xml(meta, name))
    except (BadZipFile, EOFError, LookupError, NotImplementedError, OSError, zlib.error) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the document is damaged, has a password or is no OpenDocument text.",
            reason_zh="文档已损坏、设有密码，或不是 OpenDocument 文本。",
        ) from error
    body = next((part for part in content.iter() if local_name(part) == "text"), None)
    if body is not None:
        Body(content, outline).read(body)
    return outline.document(title)


def title_of(meta: etree._Element) -> str:
    """Return the title that a person wrote into the properties, "" where there is none."""
    titles = (element.text or "" for element in meta.iter() if local_name(element) == "title")
    return sensible_title(next(titles, ""))


class Body:
    """Reads the paragraphs, lists and tables of a document in their order."""

    def __init__(self, content: etree._Element, outline: Outline) -> None:
        self.outline = outline
        self.numbered = {  # the list styles whose first level counts
            get(style, "name")
            for style in content.iter()
            if local_name(style) == "list-style"
            and any(local_name(level) == "list-level-style-number" for level in style)
        }

    def read(self, parent: etree._Element) -> None:
        """Add everything under an element."""
        for element in parent:
            match local_name(element):
                case "h":
                    level = get(element, "outline-level", "1")
                    text = text_of(element)
                    self.outline.heading(int(level) if level.isdecimal() else 1, text)
                case "p":
                    self.outline.add(text_of(element))
                case "list":
                    self.outline.add("\n".join(self.list_lines(element, "")), "list")
                case "table":
                    self.add_table(element)
                case kind if kind and kind not in LEFT_OUT:
                    self.read(element)

    def list_lines(self, items: etree._Element, indent: str, style: str = "") -> Iterator[str]:
        """Yield the lines of a list with dashes or numbers, nested ones indented."""
        style = get(items, "style-name", style)
        number = 0
        for item in items:
            number += local_name(item) == "list-item"
            mark = f"{number}. " if style in self.numbered else "- "
            prefix = indent + mark
            for part in item:
                if local_name(part) == "list":
                    yield from self.list_lines(part, f"{indent}  ", style)
                elif text := text_of(part):
                    yield prefix + text
                    prefix = " " * len(prefix)

    def add_table(self, table: etree._Element) -> None:
        """Add a table; one of a single column only frames what is in it."""
        rows = [element for element in table.iter() if local_name(element) == "table-row"]
        grid = list(grid_rows(rows))
        if max(map(len, grid), default=0) < 2:
            for row in rows:
                for cell in row:
                    self.read(cell)
            return
        headers = sum(local_name(row.getparent()) == "table-header-rows" for row in rows)
        self.outline.table(row_lines(grid, header_rows=headers or int(has_header(grid))))


def grid_rows(rows: list[etree._Element]) -> Iterator[Row]:
    """Yield the cells of each row; covered ones are repeated down and None to the right."""
    above: list[str | None] = []
    for row in rows:
        cells: list[str | None] = []
        reach = 0  # columns that the cell to the left still covers in this row
        for cell in row:
            text: str | None = fold(" ".join(text_of(part) for part in cell))
            if local_name(cell) == "covered-table-cell":
                covered = None if reach else (above[len(cells)] if len(cells) < len(above) else "")
                text = covered
            repeated = min(count(cell, "number-columns-repeated"), MAX_REPEATED)
            reach = max(0, reach - 1) if text is None else count(cell, "number-columns-spanned") - 1
            cells += [text] * repeated
        while cells and cells[-1] == "" and len(cells) > len(above):
            cells.pop()  # what only fills the sheet
        yield cells
        above = cells


def text_of(element: etree._Element) -> str:
    """Return the text of a paragraph; notes in brackets where they are called."""
    parts = [element.text or ""]
    for child in element:
        kind = local_name(child)
        if kind == "s":
            parts.append(" " * min(count(child, "c"), MAX_REPEATED))
        elif kind == "note":
            parts.append(f" [{fold(text_of(child))}]")
        elif kind in BREAKS:
            parts.append(BREAKS[kind])
        elif kind and kind not in LEFT_OUT:
            parts.append(text_of(child))
        parts.append(child.tail or "")
    return "".join(parts)


def count(element: etree._Element, attribute: str) -> int:
    """Return how many cells or spaces an element stands for."""
    value = get(element, attribute, "1")
    return int(value[:6]) if value.isdecimal() else 1


def get(element: etree._Element, attribute: str, default: str = "") -> str:
    """Return an attribute whatever its namespace is."""
    found = (value for key, value in element.items() if etree.QName(key).localname == attribute)
    return next(found, default)

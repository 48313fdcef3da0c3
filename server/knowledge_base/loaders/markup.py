"""Walks an HTML tree into an outline. Knows neither files nor encodings.

The walk keeps its own stack, so that no depth of nesting ends in a RecursionError.
"""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import CData, NavigableString, PageElement, Tag

from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import CHINESE, fold
from server.knowledge_base.loaders.tables import has_header, row_lines

DROPPED = re.compile(
    "head|script|style|nav|template|noscript|iframe|object|svg|canvas|button|select|option|"
    "textarea|input|dialog"
)
HEADING = re.compile("h([1-6])")
XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
BREAK = re.compile(  # elements that begin and end a line
    "address|article|aside|blockquote|body|br|caption|center|d[dlt]|details|div|fieldset|"
    "figcaption|figure|footer|form|header|hr|html|legend|li|main|[ou]l|p|pre|section|summary|"
    "t[drh]|table|tbody|tfoot|thead"
)
MAX_SPAN = 100  # columns that one cell may claim; pages with more are broken or hostile
LINE_BREAK = "\v"  # stands for <br> until the white space around it is folded


def parse(source: str) -> BeautifulSoup:
    """Parse HTML, however broken; XHTML is read as browsers do, without its declaration."""
    return BeautifulSoup(XML_DECLARATION.sub("", source, count=1), "lxml")


def add_markup(outline: Outline, root: Tag) -> None:
    """Add the visible text under ``root`` to the outline."""
    walker = Walker(outline, layout_tables(root))
    stack: list[tuple[PageElement, bool]] = [(root, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done and isinstance(node, Tag):
            walker.leave(node)
        elif isinstance(node, Tag):
            if walker.enter(node):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(node.contents))
        elif is_text(node):
            walker.line.append(str(node))
    walker.flush()


def is_text(node: PageElement) -> bool:
    """Tell text from comments, declarations, scripts and styles, which are subclasses of it."""
    return type(node) in (NavigableString, CData)


def is_hidden(tag: Tag) -> bool:
    """Tell whether a browser would not show the element."""
    style = str(tag.get("style", "")).replace(" ", "").lower()
    return tag.has_attr("hidden") or "display:none" in style or "visibility:hidden" in style


def text_of(tag: Tag) -> str:
    """Return the text of an element as one line."""
    parts = []
    for node in tag.descendants:
        if isinstance(node, Tag):
            parts.append(" " if BREAK.fullmatch(node.name) else "")
        elif is_text(node):
            parts.append(str(node))
    return fold("".join(parts))


class Walker:
    """Gathers lines until a block ends."""

    def __init__(self, outline: Outline, layout: frozenset[int]) -> None:
        self.outline = outline
        self.layout = layout  # ids of the tables that only arrange the page
        self.line: list[str] = []  # pieces of the line being read
        self.lines: list[str] = []  # lines of the block being read
        self.prefix = ""  # marker of the list item that the line begins
        self.lists: list[int | None] = []  # the open lists: last number, None for bullets
        self.main_depth = 0  # open <main> and <article>

    def enter(self, tag: Tag) -> bool:
        """Begin an element; False where its children need no visit."""
        name = tag.name
        if DROPPED.fullmatch(name) or is_hidden(tag) or (name == "footer" and not self.main_depth):
            return False
        self.main_depth += name in ("main", "article")
        if heading := HEADING.fullmatch(name):
            self.flush()
            self.outline.heading(int(heading.group(1)), text_of(tag))
            return False
        if name == "pre":
            self.flush()
            self.outline.add(tag.get_text())
            return False
        if name == "table" and id(tag) not in self.layout and is_data_table(tag):
            self.flush()
            add_table(self.outline, tag)
            return False
        self.begin(tag)
        return True

    def begin(self, tag: Tag) -> None:
        """Note where lines, list items and blocks begin."""
        if tag.name == "br":
            self.line.append(LINE_BREAK)
        elif tag.name in ("ul", "ol"):
            self.end_block()
            start = str(tag.get("start", "1"))
            number = int(start) - 1 if start.isdecimal() else 0
            self.lists.append(number if tag.name == "ol" else None)
        elif tag.name == "li":
            self.begin_item()
        elif tag.name == "dd" and self.line:
            self.line.append("：" if CHINESE.search("".join(self.line)) else ": ")
        elif BREAK.fullmatch(tag.name):
            self.end_block()

    def begin_item(self) -> None:
        """Begin a list item with its number or dash."""
        self.end_block()
        indent = "  " * (len(self.lists) - 1)
        if self.lists and self.lists[-1] is not None:
            self.lists[-1] += 1
            self.prefix = f"{indent}{self.lists[-1]}. "
        else:
            self.prefix = f"{indent}- "

    def leave(self, tag: Tag) -> None:
        """End an element."""
        self.main_depth -= tag.name in ("main", "article")
        if tag.name in ("ul", "ol") and self.lists:
            self.end_line()
            if len(self.lists) == 1:
                self.flush()
            self.lists.pop()
        elif tag.name not in ("br", "dt") and BREAK.fullmatch(tag.name):
            self.end_block()

    def end_block(self) -> None:
        """End the block; within a list only the line, as a list is one block."""
        if self.lists:
            self.end_line()
        else:
            self.flush()

    def end_line(self) -> None:
        """Move the pieces of the line to the lines of the block."""
        pieces = filter(None, map(fold, "".join(self.line).split(LINE_BREAK)))
        self.line.clear()
        for piece in pieces:
            self.lines.append(self.prefix + piece)
            self.prefix = " " * len(self.prefix)  # further lines of an item stand under its first

    def flush(self) -> None:
        """Add the lines to the outline as one block."""
        self.end_line()
        self.outline.add("\n".join(self.lines), "list" if self.lists else "text")
        self.lines.clear()
        self.prefix = ""


def layout_tables(root: Tag) -> frozenset[int]:
    """Return the ids of the tables that hold tables; to look down from each is slow."""
    parents = (table.find_parent("table") for table in root.find_all("table"))
    return frozenset(id(parent) for parent in parents if parent)


def is_data_table(table: Tag) -> bool:
    """Tell a table of data from one that only arranges the page."""
    return table.get("role") != "presentation" and any(
        len(row.find_all(["td", "th"])) > 1 for row in table.find_all("tr")
    )


def add_table(outline: Outline, table: Tag) -> None:
    """Add a table of data; header rows are those of ``<th>``, or the first where there are none."""
    rows = [row for row in table.find_all("tr") if row.find(["td", "th"])]
    header_rows = 0
    while header_rows < len(rows) and is_header_row(rows[header_rows]):
        header_rows += 1
    grid = list(grid_rows(rows))
    caption = table.find("caption")
    if not header_rows and not table.find("th"):
        header_rows = int(has_header(grid))
    outline.table(
        row_lines(grid, header_rows=header_rows), caption=text_of(caption) if caption else ""
    )


def is_header_row(row: Tag) -> bool:
    """Tell whether the row names columns: all its cells are ``<th>``, or it is in the head."""
    return row.find_parent(["thead", "table"]).name == "thead" or not row.find("td")  # type: ignore[union-attr]  # rows are found inside a table


def grid_rows(rows: list[Tag]) -> Iterator[list[str | None]]:
    """Yield the rows with every column filled: down by the same text, to the right by None."""
    hanging: dict[int, tuple[int, str | None]] = {}  # column: rows left and text from above
    for row in rows:
        cells: list[str | None] = []
        for cell in row.find_all(["td", "th"]):
            fill(cells, hanging)
            text, height = text_of(cell), span(cell, "rowspan", len(rows))
            for offset in range(span(cell, "colspan", MAX_SPAN)):
                content = text if not offset else None
                if height > 1:
                    hanging[len(cells)] = (height - 1, content)
                cells.append(content)
        fill(cells, hanging)
        yield cells


def fill(cells: list[str | None], hanging: dict[int, tuple[int, str | None]]) -> None:
    """Append the cells that reach down into this row at its next columns."""
    while len(cells) in hanging:
        rows_left, text = hanging.pop(len(cells))
        if rows_left > 1:
            hanging[len(cells)] = (rows_left - 1, text)
        cells.append(text)


def span(cell: Tag, attribute: str, limit: int) -> int:
    """Return how many rows or columns a cell covers; 0 means all that are left."""
    value = str(cell.get(attribute, "1")).strip()
    if not value.isdecimal():
        return 1
    return min(int(value[:6]) or limit, limit)

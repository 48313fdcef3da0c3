"""Makes blocks of the printed lines of pages. Does not know which format they are from."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Literal

from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import WIDE, heading_level, is_short
from server.knowledge_base.loaders.tables import Row, has_header, merge_labels, row_lines

LIST_MARK = re.compile(
    r"[•·●○■□▪◦‣–*-]\s|\(?\d{1,3}(?:[.．](?!\d)|[)）、])|[（(][一二三四五六七八九十]+[)）]|"
    r"[①-⑳]|[一二三四五六七八九十]+、|[a-zA-Z][.)]\s"
)
DIGITS = re.compile(r"\d+")
PAGE_NUMBER = re.compile(r"\W*(\d{1,4})\W*(?:\d{1,4}\W*)?")
AMOUNT = re.compile(r"\W*[\d.,%]+\s*[^\d\s]{0,2}")  # key figures are set large, but head nothing
ENDS_WIDE = re.compile(f"[{WIDE}]$")
STARTS_WIDE = re.compile(f"[{WIDE}]")
LAST_WORD = re.compile(r"([A-Za-z]+)-$")
FIRST_WORD = re.compile(rf"[a-z]+|[{WIDE}]|\S+")
WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")

CAPTION = re.compile(r"(?:续?表|Table|Tab\.|TABLE)\s*[\d一二三四五六七八九十A-Z]")
CONTINUED = re.compile(r"续|continued", re.IGNORECASE)

Kind = Literal["text", "heading", "list", "table", "grid"]
CELL_GAP = "  "  # between the cells of a row

EDGE_LINES = 2  # running heads and feet have one line, sometimes two
MIN_REPEATS = 3
HEADING_RATIO = 1.15  # emphasis and subscripts change the size by less
MAX_LEVELS = 4
MAX_LEADING = 2.2  # baseline distance within a paragraph, in font sizes; 1.5 lines are 1.8
SAME_COLUMN = 6.0  # points by which the columns of a table may differ on the next page


Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with rules; cells over others are repeated down and None to the right."""

    cells: tuple[Box, ...]
    rows: tuple[Row, ...]
    columns: tuple[float, ...]  # where they begin, and where the last one ends


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line, or a table in its place.

    Lengths in points, ``bottom`` is the height of the baseline.
    """

    text: str
    left: float
    right: float
    bottom: float
    size: float
    is_row: bool = False  # wide gaps part it into cells
    grid: Grid | None = None


@dataclass(slots=True)
class Group:
    """A block: its items are rows of a table, items of a list, else one; each of some lines."""

    kind: Kind
    items: list[list[Line]]
    level: int = 0

    @property
    def grid(self) -> Grid | None:
        """The table with rules that this is."""
        return self.items[0][0].grid

    @property
    def caption(self) -> str:
        """The text if it can be the caption of a table, else ""."""
        text = " ".join(line.text for item in self.items for line in item)
        return text if CAPTION.match(text) and len(self.items) == 1 else ""


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table with rules, as far as its rows on later pages need it."""

    columns: tuple[float, ...]
    header: tuple[Row, ...]
    caption: str
    is_continued: bool = False


@dataclass(frozen=True, slots=True)
class Measures:
    """What is usual in the whole document."""

    levels: dict[float, int]  # font size to heading level
    words: frozenset[str] = field(default_factory=frozenset)  # to tell hyphens from wraps


def add_pages(outline: Outline, pages: Sequence[Sequence[Line]]) -> None:
    """Add the lines of all pages, counted from 1, without running heads, feet and page numbers."""
    bodies = drop_furniture(pages)
    lines = [line for body in bodies for line in body]
    words = frozenset(word.lower() for line in lines for word in WORD.findall(line.text))
    measures = Measures(heading_sizes(lines), words)
    table: PrintedTable | None = None  # that ends the page before
    for number, body in enumerate(bodies, start=1):
        groups = list(grouped(body, measures))
        for index, group in enumerate(groups):
            following = groups[index + 1] if index + 1 < len(groups) else None
            if grid := group.grid:
                before = groups[index - 1] if index else None
                caption = before.caption if before else ""
                is_first = index == 0 or (index == 1 and CONTINUED.search(caption))
                table = continue_table(table, grid) if is_first else None
                table = table or begin_table(grid, caption)
                add_table(outline, table, grid, number)
            elif not (following and following.grid and group.caption):
                add_group(outline, group, measures, number)
                table = None


def add_group(outline: Outline, group: Group, measures: Measures, page: int) -> None:
    """Add a heading, a paragraph, a list or the rows of a table without rules."""
    text = "\n".join(
        join_wrapped([line.text for line in item], measures.words) for item in group.items
    )
    if group.kind == "heading":
        outline.heading(group.level, text, page=page)
    elif group.kind == "table":
        outline.table(text.split("\n"), page=page)
    elif group.kind != "grid":
        outline.add(text, group.kind, page=page)


def begin_table(grid: Grid, caption: str) -> PrintedTable:
    """Return a table that begins here, with the rows that head it."""
    depth = header_depth(grid.rows)
    labels = merge_labels(grid.rows[:depth])
    is_headed = has_header([labels, *grid.rows[depth:]])
    return PrintedTable(grid.columns, grid.rows[:depth] if is_headed else (), caption)


def header_depth(rows: Sequence[Row]) -> int:
    """Return how many rows may head a table: as deep as cells of them are merged."""
    depth = 1
    while depth < len(rows) - 1 and (
        None in rows[depth - 1]
        or any(
            above and above == below
            for above, below in zip(rows[depth - 1], rows[depth], strict=True)
        )
    ):
        depth += 1
    return depth


def continue_table(table: PrintedTable | None, grid: Grid) -> PrintedTable | None:
    """Return the table that ends the page before if this one has its columns."""
    if table is None or len(table.columns) != len(grid.columns):
        return None
    distances = (
        abs(before - here) for before, here in zip(table.columns, grid.columns, strict=True)
    )
    return replace(table, is_continued=True) if max(distances) <= SAME_COLUMN else None


def add_table(outline: Outline, table: PrintedTable, grid: Grid, page: int) -> None:
    """Add the rows of a table that are on one page, with the labels of its beginning."""
    depth = len(table.header)
    body = grid.rows[depth:] if grid.rows[:depth] == table.header else grid.rows
    lines = row_lines([*table.header, *body], header_rows=depth)
    outline.table(lines, caption=table.caption, page=page, is_continued=table.is_continued)


def drop_furniture(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Return the pages without what stands at the edge of at least three and half of them."""
    edges = [
        [(line, keys(line, number)) for line in edge_lines(page)]
        for number, page in enumerate(pages)
    ]
    counts = Counter(
        key for edge in edges for key in set().union(*(line_keys for _, line_keys in edge))
    )
    least = max(MIN_REPEATS, sum(map(bool, pages)) / 2)
    kept = []
    for page, edge in zip(pages, edges, strict=True):
        dropped = {
            id(line) for line, line_keys in edge if any(counts[key] >= least for key in line_keys)
        }
        # A page of nothing but such lines is no furniture: pages may just be alike.
        kept.append([line for line in page if id(line) not in dropped] or list(page))
    return kept


def edge_lines(page: Sequence[Line]) -> list[Line]:
    """Return the highest and lowest lines; a row close to others belongs to a table."""
    ordered = sorted((line for line in page if not line.grid), key=lambda line: -line.bottom)
    edge = ordered[:EDGE_LINES] + ordered[EDGE_LINES:][-EDGE_LINES:]
    return [line for line in edge if not line.is_row or is_apart(line, ordered)]


def is_apart(line: Line, others: Sequence[Line]) -> bool:
    """Tell whether no other line is within the leading of a paragraph."""
    distances = (abs(line.bottom - other.bottom) for other in others if other is not line)
    return min(distances, default=0.0) > MAX_LEADING * line.size


def keys(line: Line, page: int) -> set[tuple[str, int, float]]:
    """Return what may be the same on all pages, for each cell: its words, or its page number.

    One cell is enough, as the title of the book often stands beside that of the chapter. The size
    tells the title on the first page from its repetitions.
    """
    found = set()
    for cell in line.text.split(CELL_GAP):
        number = PAGE_NUMBER.fullmatch(cell)
        text, count = ("", int(number.group(1)) - page) if number else (DIGITS.sub("#", cell), 0)
        found.add((text, count, rounded(line.size)))
    return found


def heading_sizes(lines: Sequence[Line]) -> dict[float, int]:
    """Return the level of each font size that is clearly larger than the usual one."""
    chars: Counter[float] = Counter()
    for line in lines:
        chars[rounded(line.size)] += len(line.text)
    if not chars:
        return {}
    usual = chars.most_common(1)[0][0]
    large = sorted((size for size in chars if size >= usual * HEADING_RATIO), reverse=True)
    return {size: min(level, MAX_LEVELS) for level, size in enumerate(large, start=1)}


def rounded(size: float) -> float:
    """Return the size in half points: scaling leaves noise behind the comma."""
    return round(size * 2) / 2


def grouped(lines: Sequence[Line], measures: Measures) -> Iterator[Group]:
    """Yield headings, paragraphs, lists and tables of a page."""
    group: Group | None = None
    for line, following in zip_longest(lines, lines[1:]):
        kind, level = classify(line, measures)
        is_caption = following and following.grid and CAPTION.match(line.text)
        if group and not is_caption and belongs(group, line, kind, level, right_edge(line, lines)):
            group.items[-1].append(line)
        elif group and kind == group.kind and kind in ("list", "table"):
            group.items.append([line])
        else:
            if group:
                yield group
            group = Group(kind, [[line]], level)
    if group:
        yield group


def classify(line: Line, measures: Measures) -> tuple[Kind, int]:
    """Return what the line begins if nothing before it goes on, and the level of a heading."""
    if line.grid:
        return "grid", 0
    if line.is_row:
        return "table", 0
    level = measures.levels.get(rounded(line.size))
    if level and is_short(line.text) and not AMOUNT.fullmatch(line.text):
        return "heading", level
    numbered = heading_level(line.text)
    if numbered is not None:
        return "heading", MAX_LEVELS + numbered
    return ("list" if LIST_MARK.match(line.text) else "text"), 0


def belongs(group: Group, line: Line, kind: str, level: int, edge: float) -> bool:
    """Tell whether the line goes on with the group; ``edge`` is where full lines end."""
    last = group.items[-1][-1]
    if {"table", "grid"} & {kind, group.kind} or rounded(last.size) != rounded(line.size):
        return False
    is_near = 0 < last.bottom - line.bottom <= MAX_LEADING * last.size
    if not is_near or not is_full(last, line, edge):
        return False
    if "heading" in (kind, group.kind):
        return kind == group.kind and level == group.level <= MAX_LEVELS
    hanging = 4 if group.kind == "list" else 1  # text of an item begins behind its mark
    return kind == "text" and line.left < last.left + hanging * last.size


def right_edge(line: Line, lines: Sequence[Line]) -> float:
    """Return where the lines of the same column end."""
    column = (other for other in lines if abs(other.left - line.left) < 4 * line.size)
    return max((other.right for other in column if not other.is_row), default=line.right)


def is_full(last: Line, line: Line, edge: float) -> bool:
    """Tell whether the first word of ``line`` had no room on the line before it."""
    if last.text.endswith("-") and line.text[:1].islower():
        return True
    word = FIRST_WORD.match(line.text)
    text = word.group() if word else ""
    width = line.size * (1 if STARTS_WIDE.match(text) else 0.5 * len(text))
    return last.right + width + line.size > edge  # one more for a space or a forbidden line end


def join_wrapped(lines: Sequence[str], words: frozenset[str]) -> str:
    """Return the lines of a paragraph as one: without a space in Chinese, words made whole."""
    text = lines[0]
    for line in lines[1:]:
        start, end = LAST_WORD.search(text), FIRST_WORD.match(line)
        if start and end and line[:1].islower():
            compound = f"{start.group(1)}-{end.group()}".lower()
            is_compound = compound in words and compound.replace("-", "") not in words
            text = (text if is_compound else text[:-1]) + line
        elif text.endswith("-") or (ENDS_WIDE.search(text) and STARTS_WIDE.match(line)):
            text += line
        else:
            text += f" {line}"
    return text

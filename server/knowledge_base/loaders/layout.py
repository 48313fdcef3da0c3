"""Makes blocks of the printed lines of pages. Does not know which format they are from."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Literal

from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.printed_tables import (
    Grid,
    PrintedTable,
    add_table,
    begin_table,
    continue_table,
    rejoin_row,
)
from server.knowledge_base.loaders.prose import CLOSED, SENTENCE_END, WIDE, heading_level, is_short

LIST_MARK = re.compile(
    r"[•·●○■□▪◦‣–*-]\s|\(?\d{1,3}(?:[.．](?!\d)|[)）、])|[（(][一二三四五六七八九十]+[)）]|"
    r"[①-⑳]|[一二三四五六七八九十]+、|[a-zA-Z][.)]\s"
)
LABEL = re.compile(r"(?!\d)\w[\w /()（）]{0,15}[:：](?!//)")  # of a form
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
MIN_REACH = 0.75  # of the width of a scan; lines of a form may be as long as each other
MIN_SHARED = 3  # lines that end at the same place make an edge; two may by chance
MAX_LEADING = 2.2  # baseline distance within a paragraph, in font sizes; 1.5 lines are 1.8


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
    column: str = ""  # which of its page: a letter more for each gutter that it is beside
    reach: float = 1.0  # where it ends, of the width of the picture that was read by OCR


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
class Measures:
    """What is usual in the whole document."""

    levels: dict[float, int]  # font size to heading level
    words: frozenset[str]  # to tell hyphens from wraps
    usual: float  # font size


def add_pages(outline: Outline, pages: Sequence[Sequence[Line]]) -> None:
    """Add the lines of all pages, counted from 1, without running heads, feet and page numbers."""
    bodies = drop_furniture(pages)
    lines = [line for body in bodies for line in body]
    words = frozenset(word.lower() for line in lines for word in WORD.findall(line.text))
    usual = usual_size(lines)
    measures = Measures(heading_sizes(lines, usual), words, usual)
    pages_of_groups = [list(grouped(body, measures)) for body in bodies]
    rejoin_rows(pages_of_groups)
    rejoin_paragraphs(pages_of_groups, bodies, measures)
    table: PrintedTable | None = None  # that ends the page before
    for number, groups in enumerate(pages_of_groups, start=1):
        opening = opening_table(groups)
        for index, group in enumerate(groups):
            following = groups[index + 1] if index + 1 < len(groups) else None
            if grid := group.grid:
                before = groups[index - 1] if index else None
                caption = before.caption if before else ""
                table = continue_table(table, grid) if group is opening else None
                table = table or begin_table(grid, caption)
                add_table(outline, table, grid, number)
            elif not (following and following.grid and group.caption):
                add_group(outline, group, measures, number)
                table = None


def opening_table(groups: Sequence[Group]) -> Group | None:
    """Return the table with rules that a page begins with, below a caption that continues it."""
    if len(groups) > 1 and CONTINUED.search(groups[0].caption):
        groups = groups[1:]
    return groups[0] if groups and groups[0].grid else None


def rejoin_rows(pages: Sequence[Sequence[Group]]) -> None:
    """Put the rows of tables together that the ends of pages part."""
    for before, after in pairwise(pages):
        opening = opening_table(after)
        if not (before and before[-1].grid and opening and opening.grid):
            continue
        line, following = before[-1].items[0][0], opening.items[0][0]
        grids = rejoin_row(before[-1].grid, opening.grid, line.size)
        before[-1].items[0][0] = replace(line, grid=grids[0])
        opening.items[0][0] = replace(following, grid=grids[1])


def rejoin_paragraphs(
    pages: Sequence[list[Group]], bodies: Sequence[Sequence[Line]], measures: Measures
) -> None:
    """Put the paragraphs together that columns part, and the sentences that pages part.

    A sentence counts to the page that it begins on. Notes at the foot of a column stay behind it.
    """
    last: Group | None = None  # the paragraph that may go on
    begun = 0  # the page that it is on
    for number, groups in enumerate(pages):
        for group in list(groups):
            first = group.items[0][0]
            end = last.items[-1][-1] if last else None
            if group.kind not in ("text", "list"):
                last = None
                continue
            if rounded(first.size) < measures.usual:
                continue
            is_parted = end and (
                number > begun or (first.bottom > end.bottom and first.left > end.left)
            )
            if last and is_parted and goes_on(last, group, bodies[begun], bodies[number], measures):
                take(last, group, is_whole=number == begun)
                if not group.items:
                    groups.remove(group)
                    continue
            last, begun = group, number


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


def usual_size(lines: Sequence[Line]) -> float:
    """Return the font size of most characters, 0 where there are none."""
    chars: Counter[float] = Counter()
    for line in lines:
        chars[rounded(line.size)] += len(line.text)
    return chars.most_common(1)[0][0] if chars else 0.0


def heading_sizes(lines: Sequence[Line], usual: float) -> dict[float, int]:
    """Return the level of each font size that is clearly larger than the usual one."""
    sizes = {rounded(line.size) for line in lines}
    large = sorted((size for size in sizes if size >= usual * HEADING_RATIO), reverse=True)
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
        if group and not is_caption and belongs(group, line, kind, level, lines, measures):
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


def belongs(
    group: Group, line: Line, kind: str, level: int, lines: Sequence[Line], measures: Measures
) -> bool:
    """Tell whether the line goes on with the group; ``lines`` are those of its page."""
    last = group.items[-1][-1]
    if {"table", "grid"} & {kind, group.kind} or rounded(last.size) != rounded(line.size):
        return False
    is_near = 0 < last.bottom - line.bottom <= MAX_LEADING * last.size
    if not is_near or last.column != line.column:
        return False
    if not is_full(last, line, right_edge(last, lines, measures)):
        return False
    if "heading" in (kind, group.kind):
        return kind == group.kind and level == group.level <= MAX_LEVELS
    if LABEL.match(line.text) and (LABEL.match(last.text) or line.reach < MIN_REACH):
        return False
    hanging = 4 if group.kind == "list" else 1  # text of an item begins behind its mark
    return kind == "text" and line.left < last.left + hanging * last.size


def right_edge(line: Line, lines: Sequence[Line], measures: Measures) -> float:
    """Return where full lines of a column end: several of the same size, else the longest.

    Lines that are set large are a measure only for their own size.
    """
    size = rounded(line.size)
    near, column = 4 * line.size, line.column  # as is_in_column, without a call for each line
    rights: dict[float, list[float]] = defaultdict(list)
    for other in lines:
        if abs(other.left - line.left) < near and other.column == column and not other.is_row:
            rights[other.size].append(other.right)
    alike = [right for other in rights if rounded(other) == size for right in rights[other]]
    if size not in measures.levels and is_edge(alike, size):
        return max(alike)
    large = measures.levels.keys() - {size}
    return max((max(rights[other]) for other in rights if rounded(other) not in large), default=0.0)


def is_in_column(line: Line, other: Line) -> bool:
    """Tell whether two lines begin at the same side of the same column, but for an indent."""
    return line.column == other.column and abs(line.left - other.left) < 4 * line.size


def is_edge(rights: Sequence[float], size: float) -> bool:
    """Tell whether several lines reach as far as the longest, but for one and a half font sizes."""
    longest = max(rights, default=0.0)
    return sum(right > longest - 1.5 * size for right in rights) >= MIN_SHARED


def goes_on(
    last: Group, group: Group, lines: Sequence[Line], after: Sequence[Line], measures: Measures
) -> bool:
    """Tell whether a group begins with the rest of a sentence; ``after`` are the lines of its page.

    ``lines`` are those of the page with the beginning. A paragraph may begin with an indent.
    """
    end, first = last.items[-1][-1], group.items[0][0]
    if group.kind != "text" or rounded(end.size) != rounded(first.size) or CLOSED.search(end.text):
        return False
    left = min(line.left for line in after if is_in_column(first, line))
    alike = [line for line in lines if rounded(line.size) == rounded(end.size)]
    edge = right_edge(end, lines, measures)
    return (
        first.left - left < first.size
        and is_edge([line.right for line in alike if is_in_column(end, line)], end.size)
        and is_full(end, first, edge)
    )


def take(last: Group, group: Group, *, is_whole: bool) -> None:
    """Move lines of a paragraph to the end of another: all, or those up to a sentence's end."""
    lines = group.items[0]
    while lines:
        line = lines.pop(0)
        end = None if is_whole else SENTENCE_END.search(line.text)
        if end:
            last.items[-1].append(replace(line, text=line.text[: end.end()]))
            rest = line.text[end.end() :].lstrip()
            lines[:0] = [replace(line, text=rest)] if rest else []
            break
        last.items[-1].append(line)
    if not lines:
        group.items.clear()


def is_full(last: Line, line: Line, edge: float) -> bool:
    """Tell whether the first word of ``line`` had no room on the line before it."""
    if last.text.endswith("-") and line.text[:1].islower():
        return True
    if last.reach < MIN_REACH and not last.column:
        return False
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

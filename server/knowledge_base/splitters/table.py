"""Keeps rows of tables whole and tells what heads them. Does not know file formats."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from server.datatypes import Block, Chunk, Document
from server.knowledge_base.splitters import Tokenize
from server.knowledge_base.splitters.borders import Border, Borders, lines
from server.knowledge_base.splitters.cutting import Cutter
from server.knowledge_base.splitters.sections import SMALL, Section, divide, pack, top_starts

NUMBER = r"[\dA-Z一二三四五六七八九十]"
CAPTION = re.compile(rf"(?:续?附?表|Table|Tab\.)\s*{NUMBER}|.*[:：]$", re.IGNORECASE)
MAX_CAPTION = 80  # characters; what is longer is a paragraph
CELLS = re.compile(r"[：；]|[:;] ")  # what parts the cells of a row
ROWS = (Border.HEADING, Border.BLOCK, Border.LINE)


@dataclass(frozen=True, slots=True)
class Lead:
    """What heads the rows of tables from a place on, besides the headings of their block."""

    start: int
    headings: tuple[str, ...]


def split(
    document: Document,
    *,
    chunk_size: int,
    chunk_overlap: int,
    tokenize: Tokenize | None = None,
) -> tuple[Chunk, ...]:
    """Cut a document as ``Splitter`` says; text outside tables is cut as "recursive" does.

    A table that is larger than a chunk shares none with the text behind it. Its rows are cut only
    if they are longer than a chunk, and not repeated. What heads them without being in the chunk
    is added to its headings: the line above the table that announces it, a row of one cell.
    """
    borders = Borders(document, chunk_size=chunk_size)
    text = Cutter(borders, overlap=chunk_overlap)
    table = Cutter(borders, overlap=0, pieces=borders.merged(ROWS))
    chunks: list[Chunk] = []
    for section in find_sections(borders):
        chunks += (table if section.is_table else text).cut_all([section])
    leads = list(find_leads(borders))
    starts = [lead.start for lead in leads]
    return tuple(add_lead(chunk, leads[bisect_right(starts, chunk.start) - 1]) for chunk in chunks)


def find_sections(borders: Borders) -> list[Section]:
    """Return the sections of the highest level, tables apart, small neighbours as one."""
    if borders.lengths.count(0, len(borders.text)) <= borders.chunk_size:
        return [Section(0, len(borders.text), has_text=True)]
    starts = {*top_starts(borders), *table_borders(borders)}
    return pack(borders, divide(borders, starts), small=SMALL)


def table_borders(borders: Borders) -> Iterator[int]:
    """Yield where tables begin, with a short text and headings above them, and where they end."""
    blocks, starts = borders.blocks, borders.block_starts
    for place, (above, block) in enumerate(pairwise(blocks), 1):
        if above.kind == "table" and block.kind != "table":
            yield starts[place]
        elif above.kind != "table" and block.kind == "table":
            length = borders.lengths.count(starts[place - 1], starts[place - 1] + len(above.text))
            if above.kind == "text" and length <= SMALL * borders.chunk_size:
                place -= 1
            while place and blocks[place - 1].kind == "heading":
                place -= 1
            yield starts[place]


def find_leads(borders: Borders) -> Iterator[Lead]:
    """Yield what heads the rows of tables, and where text outside them begins: nothing."""
    yield Lead(-1, ())
    caption: tuple[str, ...] = ()
    before: Block | None = None
    for block, start in zip(borders.blocks, borders.block_starts, strict=True):
        if block.kind != "table":
            caption = (block.text,) if is_caption(block) else ()
            yield Lead(start, ())
        else:
            if before and before.kind == "table" and not continues(before, block):
                caption = ()  # it is that of the table before
            yield from row_leads(borders.text, block, start, caption)
        before = block


def row_leads(text: str, block: Block, start: int, caption: tuple[str, ...]) -> Iterator[Lead]:
    """Yield what heads the rows of one table: its caption, and the last row of one cell."""
    yield Lead(start, caption)
    rows = list(lines(text, start, start + len(block.text)))
    are_cells = [bool(CELLS.search(text, *row)) for row in rows]
    for (row, is_cells), (following, has_cells) in pairwise(zip(rows, are_cells, strict=True)):
        if has_cells and not is_cells and row[1] - row[0] <= MAX_CAPTION:
            yield Lead(following[0], (*caption, text[slice(*row)].strip()))


def is_caption(block: Block) -> bool:
    """Tell whether a block looks like a line that announces a table."""
    is_line = block.kind == "text" and len(block.text) <= MAX_CAPTION and "\n" not in block.text
    return is_line and bool(CAPTION.match(block.text))


def continues(before: Block, block: Block) -> bool:
    """Tell whether a table block goes on with the one before it, on the next page."""
    return before.headings == block.headings and before.page != block.page


def add_lead(chunk: Chunk, lead: Lead) -> Chunk:
    """Return a chunk with what heads its first row, unless its headings say so."""
    further = tuple(text for text in lead.headings if text and text not in chunk.headings)
    return replace(chunk, headings=chunk.headings + further) if further else chunk

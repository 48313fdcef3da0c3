"""Cuts between the sections of all levels, so that a chunk is about one heading.

Does not know file formats: headings of a docx or html file count like those of Markdown.
"""

from collections.abc import Iterator

from server.datatypes import Block, Chunk, Document
from server.knowledge_base.splitters import Tokenize
from server.knowledge_base.splitters.borders import Borders
from server.knowledge_base.splitters.cutting import Cutter
from server.knowledge_base.splitters.sections import divide, pack

TINY = 1 / 8  # of a chunk: what is smaller says too little to be found by itself


def split(
    document: Document,
    *,
    chunk_size: int,
    chunk_overlap: int,
    tokenize: Tokenize | None = None,
) -> tuple[Chunk, ...]:
    """Cut a document as ``Splitter`` says; a large section is cut as "recursive" does.

    No chunk has text of two sections, unless one of them is tiny and both fit. A heading without
    text goes with the section that follows.
    """
    borders = Borders(document, chunk_size=chunk_size)
    sections = pack(borders, divide(borders, section_starts(borders)), small=TINY)
    return Cutter(borders, overlap=chunk_overlap).cut_all(sections)


def section_starts(borders: Borders) -> Iterator[int]:
    """Yield where a heading stands, or the heading path changes without one."""
    paths: set[tuple[str, ...]] = set()  # what the section's path may be; empty: not known yet
    for block, start in zip(borders.blocks, borders.block_starts, strict=True):
        if block.kind == "heading":
            paths = set()
            yield start
            continue
        if paths and not paths & paths_of(block):
            paths = set()
            yield start
        paths = paths & paths_of(block) or paths_of(block)


def paths_of(block: Block) -> set[tuple[str, ...]]:
    """Return the heading path of a block; the last heading of a table may be its caption."""
    return {block.headings, block.headings[:-1]} if block.kind == "table" else {block.headings}

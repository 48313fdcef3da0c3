"""Which parts of a document are cut on their own. Does not know where inside they are cut."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from server.knowledge_base.splitters.borders import Borders

SMALL = 1 / 3  # of a chunk: a smaller section may share one, a smaller tail would say too little


@dataclass(slots=True)
class Section:
    """A part of the text that is cut on its own."""

    start: int
    end: int
    has_text: bool  # besides headings
    is_table: bool = False


def top_sections(borders: Borders) -> list[Section]:
    """Return the sections of the highest level, small neighbours as one.

    A text that fits into a chunk is one section.
    """
    if borders.lengths.count(0, len(borders.text)) <= borders.chunk_size:
        return [Section(0, len(borders.text), has_text=True)]
    return pack(borders, divide(borders, top_starts(borders)), small=SMALL)


def top_starts(borders: Borders) -> Iterator[int]:
    """Yield the starts of sections of the highest level that has several: one title is no part."""
    levels = Counter(len(block.headings) for block in borders.blocks if block.kind == "heading")
    top = min((level for level, count in levels.items() if count > 1), default=-1)
    for block, start in zip(borders.blocks, borders.block_starts, strict=True):
        if block.kind == "heading" and len(block.headings) <= top:
            yield start


def divide(borders: Borders, starts: Iterable[int]) -> Iterator[Section]:
    """Yield the parts of the text between the starts of some of its blocks."""
    wanted = set(starts)
    section = Section(0, len(borders.text), has_text=False)
    for block, start in zip(borders.blocks, borders.block_starts, strict=True):
        if start and start in wanted:
            yield Section(section.start, start, section.has_text, section.is_table)
            section = Section(start, len(borders.text), has_text=False)
        section.has_text |= block.kind != "heading"
        section.is_table |= block.kind == "table"
    yield section


def pack(borders: Borders, sections: Iterable[Section], *, small: float) -> list[Section]:
    """Return the sections, neighbours as one where one of them is small and both fit a chunk.

    ``small`` is a share of a chunk. Headings without a text go with what follows them.
    """
    packed: list[Section] = []
    for section in sections:
        if packed and are_joined(borders, packed[-1], section, small * borders.chunk_size):
            packed[-1].end = section.end
            packed[-1].has_text |= section.has_text
            packed[-1].is_table |= section.is_table
        else:
            packed.append(section)
    return packed


def are_joined(borders: Borders, left: Section, right: Section, small: float) -> bool:
    """Tell whether two sections are one part."""
    if not left.has_text:
        return True
    lengths = [borders.lengths.count(each.start, each.end) for each in (left, right)]
    return sum(lengths) <= borders.chunk_size and min(lengths) <= small

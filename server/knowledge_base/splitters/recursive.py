"""Cuts at the best border that fits: section, block, line, sentence, clause, word, character.

Does not know file formats. langchain-text-splitters is no base for it: its offsets are searched
for afterwards, so that they are wrong where a text repeats, and it cuts rows and headings.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from server.datatypes import Chunk, Document
from server.knowledge_base.splitters.borders import Border, Borders

# How much of a chunk a cut must leave filled: a good border is not worth a tiny chunk. Below the
# last one only a cut between characters is left.
FILL = {
    Border.HEADING: 1 / 3,
    Border.BLOCK: 1 / 2,
    Border.LINE: 1 / 2,
    Border.SENTENCE: 1 / 3,
    Border.CLAUSE: 1 / 2,
    Border.PHRASE: 1 / 2,
    Border.SPACE: 1 / 2,
}
SMALL = 1 / 3  # of a chunk: a smaller section may share one, a smaller tail would say too little


@dataclass(slots=True)
class Section:
    """A part of the text under one heading of the highest level."""

    start: int
    end: int
    has_text: bool  # besides headings

    def __len__(self) -> int:
        return self.end - self.start


def split(document: Document, *, chunk_chars: int, overlap_chars: int) -> tuple[Chunk, ...]:
    """Cut a document as ``Splitter`` says.

    Sections of the highest level do not share a chunk, unless one of them is small. A heading
    stays with the text below it, a row of a table in one piece. Neighbours within a section
    overlap by what fits into ``overlap_chars``: sentences, or what a cut inside one left before.
    """
    borders = Borders(document, chunk_chars=chunk_chars)
    overlap = min(overlap_chars, chunk_chars // 2)
    chunks = []
    for section in sections(document, borders, chunk_chars):
        for start, end in cut(borders, section, chunk_chars, overlap):
            block = document.blocks[bisect_right(borders.block_starts, start) - 1]
            chunks.append(Chunk(borders.text[start:end], start, end, block.page, block.headings))
    return tuple(chunks)


def sections(document: Document, borders: Borders, chunk_chars: int) -> list[Section]:
    """Return the parts of the text that are cut on their own; small neighbours are one part."""
    size = len(borders.text)
    if size <= chunk_chars:
        return [Section(0, size, has_text=True)]
    packed: list[Section] = []
    for section in top_sections(document, borders):
        if packed and are_joined(packed[-1], section, chunk_chars):
            packed[-1].end = section.end
            packed[-1].has_text |= section.has_text
        else:
            packed.append(section)
    return packed


def top_sections(document: Document, borders: Borders) -> Iterator[Section]:
    """Yield the sections of the highest level that has several: one title heads no part."""
    levels = Counter(len(block.headings) for block in document.blocks if block.kind == "heading")
    top = min((level for level, count in levels.items() if count > 1), default=-1)
    section = Section(0, len(borders.text), has_text=False)
    for block, start in zip(document.blocks, borders.block_starts, strict=True):
        is_heading = block.kind == "heading"
        if is_heading and len(block.headings) <= top and start:
            yield Section(section.start, start, section.has_text)
            section = Section(start, len(borders.text), has_text=False)
        section.has_text |= not is_heading
    yield section


def are_joined(left: Section, right: Section, chunk_chars: int) -> bool:
    """Tell whether two sections are one part: headings without text go with what follows."""
    if not left.has_text:
        return True
    is_fitting = len(left) + len(right) <= chunk_chars
    return is_fitting and min(len(left), len(right)) <= SMALL * chunk_chars


def cut(
    borders: Borders, section: Section, chunk_chars: int, overlap: int
) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each chunk of a section."""
    end = trimmed(borders.text, section.start, section.end)
    start = covered = section.start  # ``covered`` is where text that no chunk holds begins
    while covered < end:
        start = skip_space(borders.text, start, end)
        if end - start <= chunk_chars:
            yield start, end
            return
        high = min(start + chunk_chars, max(end - int(SMALL * chunk_chars), start + 1))
        high = max(high, start + (chunk_chars + 1) // 2)
        place = choose(borders, start, covered, high, chunk_chars)
        if place <= covered and start < covered:
            start = covered  # what comes next does not fit beside the overlap
            continue
        yield start, trimmed(borders.text, start, place)
        covered = skip_space(borders.text, place, end)
        start = overlap_start(borders, start, place, overlap)


def choose(borders: Borders, start: int, covered: int, high: int, chunk_chars: int) -> int:
    """Return where to end the chunk from ``start``: after ``covered``, at most at ``high``.

    Returns ``covered`` or less where that takes more room than the overlap leaves.
    """
    whole = borders.whole_at(high)
    if whole and whole.start > start:
        high = whole.start
    else:
        whole = None
    for border, fill in FILL.items():
        if whole and border > Border.LINE:
            return before_headings(borders, start, covered, high)
        low = max(covered, start + int(fill * chunk_chars)) + 1
        place = borders.last(border, low, high)
        if place is not None:
            return before_headings(borders, start, covered, place)
    place = borders.whole_character(max(covered, start), high)
    return before_headings(borders, start, covered, place)


def before_headings(borders: Borders, start: int, covered: int, place: int) -> int:
    """Return the place, or that before the headings which would end the chunk there."""
    while True:
        heading = borders.headings.get(trimmed(borders.text, start, place))
        if heading is None or heading <= start or heading < covered:
            return place
        place = heading


def overlap_start(borders: Borders, start: int, place: int, overlap: int) -> int:
    """Return where the chunk after ``place`` starts, to repeat what came before it.

    After a whole sentence only whole sentences are repeated: the rest of one adds words to a chunk
    that it is not about. On XQuAD in English, at 250/50 characters, it costs 4 points of hit@1.
    """
    end = trimmed(borders.text, start, place)
    low = max(start + 1, end - overlap)
    if borders.last(Border.HEADING, place, place) is not None:
        return place  # another section, which the end of this one does not explain
    low = max(low, borders.last(Border.HEADING, low, end) or 0)
    sentences = (Border.HEADING, Border.BLOCK, Border.LINE, Border.SENTENCE)
    is_between_sentences = any(borders.last(each, place, place) is not None for each in sentences)
    smaller = () if is_between_sentences else ((Border.CLAUSE, Border.PHRASE), (Border.SPACE,))
    for group in (sentences, *smaller):
        found = [borders.first(border, low, end) for border in group]
        places = [one for one in found if one is not None]
        if places:
            return min(places)
    if is_between_sentences or low >= end or borders.whole_at(low) or borders.whole_at(place - 1):
        return place
    while low < end and borders.is_joined(low):
        low += 1
    return low if low < end else place


def trimmed(text: str, start: int, end: int) -> int:
    """Return the end without the white space before it."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def skip_space(text: str, start: int, end: int) -> int:
    """Return the start of what follows the white space."""
    while start < end and text[start].isspace():
        start += 1
    return start

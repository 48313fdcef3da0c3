"""Cuts a part of a text at the best borders that fit. Does not know how the parts were found.

langchain-text-splitters is no base for it: its offsets are searched for afterwards, so that they
are wrong where a text repeats, and it cuts rows and headings.
"""

from collections.abc import Iterable, Iterator, Sequence

from server.datatypes import Chunk
from server.knowledge_base.splitters.borders import (
    SENTENCE_ENDS,
    Border,
    Borders,
    first_of,
    last_of,
    skip_space,
    trimmed,
)
from server.knowledge_base.splitters.sections import SMALL, Section

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


class Cutter:
    """Cuts parts of one document.

    With ``pieces``, the sorted places where pieces end that are to stay whole, such as sentences,
    it cuts and begins an overlap there only, but inside a piece that is longer than a chunk.
    """

    def __init__(
        self, borders: Borders, *, overlap: int, pieces: Sequence[int] | None = None
    ) -> None:
        self.borders = borders
        self.text = borders.text
        self.lengths = borders.lengths
        self.size = borders.chunk_size
        self.overlap = min(overlap, self.size // 2)
        self.pieces = pieces

    def cut_all(self, sections: Iterable[Section]) -> tuple[Chunk, ...]:
        """Return the chunks of all sections."""
        return tuple(
            self.chunk(start, end) for section in sections for start, end in self.cut(section)
        )

    def chunk(self, start: int, end: int) -> Chunk:
        """Return a part of the text as a chunk."""
        block = self.borders.block_at(start)
        return Chunk(self.text[start:end], start, end, block.page, block.headings)

    def cut(self, section: Section) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each chunk of a section."""
        end = trimmed(self.text, section.start, section.end)
        start = covered = section.start  # ``covered`` is where text that no chunk holds begins
        while covered < end:
            start = skip_space(self.text, start, end)
            if self.lengths.count(start, end) <= self.size:
                yield start, end
                return
            place = self.choose(start, covered, end)
            if place <= covered and start < covered:
                start = covered  # what comes next does not fit beside the overlap
                continue
            yield start, trimmed(self.text, start, place)
            covered = skip_space(self.text, place, end)
            start = self.overlap_start(start, place)

    def choose(self, start: int, covered: int, end: int) -> int:
        """Return where to end the chunk from ``start``, after ``covered`` and before ``end``.

        Returns ``covered`` or less where that takes more room than the overlap leaves.
        """
        place = None if self.pieces is None else self.choose_piece(start, covered, end)
        if place is None:
            place = self.choose_border(start, covered, self.furthest(start, end))
        return self.before_headings(start, covered, place)

    def choose_piece(self, start: int, covered: int, end: int) -> int | None:
        """Return the end of the last whole piece that fits, None if the first one does not.

        If it does without the heading above it, the heading is cut off.
        """
        limit = skip_space(self.text, self.lengths.after(start, self.size), end)
        place = last_of(self.pieces or (), max(covered, start) + 1, limit)
        if place is None and start < covered:
            return covered
        return last_of(self.borders.block_starts, start + 1, limit) if place is None else place

    def furthest(self, start: int, end: int) -> int:
        """Return where a chunk from ``start`` has to end, so that the rest is not too small."""
        tail = self.lengths.before(end, int(SMALL * self.size))
        high = min(self.lengths.after(start, self.size), max(tail, start + 1))
        return max(high, self.lengths.after(start, (self.size + 1) // 2))

    def choose_border(self, start: int, covered: int, high: int) -> int:
        """Return the best border at ``high`` or before."""
        whole = self.borders.whole_at(high)
        if whole and whole.start <= start:
            return whole.end  # it fits, if not beside all that ``high`` leaves for the rest
        high = whole.start if whole else high
        for border, fill in FILL.items():
            if whole and border > Border.LINE:
                return high
            low = max(covered, self.lengths.after(start, int(fill * self.size))) + 1
            place = self.borders.last(border, low, high)
            if place is not None:
                return place
        return self.borders.whole_character(max(covered, start), high)

    def before_headings(self, start: int, covered: int, place: int) -> int:
        """Return the place, or that before the headings which would end the chunk there."""
        while True:
            heading = self.borders.headings.get(trimmed(self.text, start, place))
            if heading is None or heading <= start or heading < covered:
                return place
            place = heading

    def overlap_start(self, start: int, place: int) -> int:
        """Return where the chunk after ``place`` starts, to repeat what came before it.

        After a whole sentence only whole sentences are repeated: the rest of one adds words to a
        chunk that it is not about. On XQuAD in English, at 250/50 characters, it costs 4 points of
        hit@1.
        """
        borders = self.borders
        end = trimmed(self.text, start, place)
        low = max(start + 1, self.lengths.before(end, self.overlap))
        if borders.last(Border.HEADING, place, place) is not None:
            return place  # another section, which the end of this one does not explain
        low = max(low, borders.last(Border.HEADING, low, end) or 0)
        if self.pieces is not None:
            found = first_of(self.pieces, low, end)
            return place if found is None else found
        is_between = any(borders.last(each, place, place) is not None for each in SENTENCE_ENDS)
        smaller = () if is_between else ((Border.CLAUSE, Border.PHRASE), (Border.SPACE,))
        for group in (SENTENCE_ENDS, *smaller):
            places = [borders.first(border, low, end) for border in group]
            if any(one is not None for one in places):
                return min(one for one in places if one is not None)
        if is_between or low >= end or borders.whole_at(low) or borders.whole_at(place - 1):
            return place
        while low < end and borders.is_joined(low):
            low += 1
        return low if low < end else place

"""Where the text of a document may be cut. Does not know how long chunks are meant to be."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from server.datatypes import Block, Document
from server.knowledge_base.splitters.lengths import Characters, Lengths


class Border(IntEnum):
    """Kinds of places to cut, the better the smaller."""

    HEADING = 0
    BLOCK = 1
    LINE = 2
    SENTENCE = 3
    CLAUSE = 4  # semicolon
    PHRASE = 5  # comma
    SPACE = 6


# Where a sentence, or what stands on its own like one, has ended.
SENTENCE_ENDS = (Border.HEADING, Border.BLOCK, Border.LINE, Border.SENTENCE)

CLOSING = r"[”’」』）》】〉)\]\"']*"
INNER = (  # ends of sentences, clauses, phrases and words
    (
        Border.SENTENCE,
        re.compile(rf"[。！？…]+{CLOSING}|[!?]+{CLOSING}(?=\s|$)|\.{CLOSING}(?=\s)"),
    ),
    (Border.CLAUSE, re.compile(r"；|;(?=\s)")),
    (Border.PHRASE, re.compile(r"，|、|：|[,:](?=\s)")),
    (Border.SPACE, re.compile(r"\s+")),
)
NO_END = re.compile(  # what stands before a full stop that ends no sentence
    r"(?:^|[\s(\[“\"'])(?:\d+|[A-Za-z]|[A-Za-z]\.[A-Za-z]|Mrs?|Ms|Drs?|Prof|Nos?|Figs?|Eqs?|vs|etc|"
    r"St|Inc|Ltd|Co|Corp|[JS]r|al|cf|approx|pp?|vol|Art|Sec|Ch|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|"
    r"Dec)$"
)
LOOK_BACK = 10  # characters that hold the longest of these
JOINERS = "\u200d\ufe0e\ufe0f"  # parts of emoji that are shown as one


@dataclass(frozen=True, slots=True)
class Whole:
    """A row of a table or a heading, which is worth nothing when cut."""

    start: int
    end: int


class Borders:
    """The places to cut a document, sorted, each the first character of what follows."""

    def __init__(
        self, document: Document, *, chunk_size: int, lengths: Lengths | None = None
    ) -> None:
        """Find all places; rows and headings longer than ``chunk_size`` may be cut inside.

        Lengths are counted in characters if nothing else is given.
        """
        self.text = document.text
        self.lengths = lengths or Characters()
        self.places: dict[Border, list[int]] = {border: [] for border in Border}
        self.wholes: list[Whole] = []
        self.headings: dict[int, int] = {}  # end to start of each heading
        self.block_starts: list[int] = []
        self.chunk_size = chunk_size
        self.blocks = document.blocks
        start = 0
        after_heading = False
        for block in document.blocks:
            self.add_block(block, start, after_heading=after_heading)
            after_heading = block.kind == "heading"
            start += len(block.text) + len(Document.SEPARATOR)

    def add_block(self, block: Block, start: int, *, after_heading: bool) -> None:
        """Note the places of a block; behind a heading there is none, as it goes with its text."""
        self.block_starts.append(start)
        if block.kind == "heading":
            self.headings[start + len(block.text.rstrip())] = start
        if not after_heading:
            kind = Border.HEADING if block.kind == "heading" else Border.BLOCK
            self.places[kind].append(start)
        for line, end in lines(self.text, start, start + len(block.text)):
            if line > start:
                self.places[Border.LINE].append(line)
            is_fitting = self.lengths.count(line, end) <= self.chunk_size
            if block.kind in ("heading", "table") and is_fitting:
                self.wholes.append(Whole(line, end))
            else:
                self.add_inner(line, end)

    def add_inner(self, start: int, end: int) -> None:
        """Note the places inside a line."""
        for border, pattern in INNER:
            for match in pattern.finditer(self.text, start, end):
                if match.group()[0] != "." or not self.is_abbreviation(match.start()):
                    self.places[border].append(match.end())

    def is_abbreviation(self, stop: int) -> bool:
        """Tell whether the full stop belongs to a number or an abbreviation."""
        return bool(NO_END.search(self.text[max(0, stop - LOOK_BACK) : stop]))

    def last(self, border: Border, low: int, high: int) -> int | None:
        """Return the last place with ``low <= place <= high``."""
        return last_of(self.places[border], low, high)

    def first(self, border: Border, low: int, high: int) -> int | None:
        """Return the first place with ``low <= place < high``."""
        return first_of(self.places[border], low, high)

    def merged(self, borders: Iterable[Border]) -> list[int]:
        """Return the places of several kinds, sorted."""
        return sorted({place for border in borders for place in self.places[border]})

    def block_at(self, place: int) -> Block:
        """Return the block that a character is in."""
        return self.blocks[bisect_right(self.block_starts, place) - 1]

    def whole_at(self, place: int) -> Whole | None:
        """Return the row or heading that a cut at ``place`` would part, if any."""
        index = bisect_left(self.wholes, place, key=lambda whole: whole.start) - 1
        return self.wholes[index] if index >= 0 and place < self.wholes[index].end else None

    def whole_character(self, low: int, place: int) -> int:
        """Return the last place not before ``low`` that parts no combined character."""
        cut = place
        while cut > low and cut < len(self.text) and self.is_joined(cut):
            cut -= 1
        return cut if cut > low else place

    def is_joined(self, place: int) -> bool:
        """Tell whether the characters at both sides of the place are shown as one."""
        character = self.text[place]
        return (
            unicodedata.category(character).startswith("M")
            or character in JOINERS
            or self.text[place - 1] == JOINERS[0]
        )


def last_of(places: Sequence[int], low: int, high: int) -> int | None:
    """Return the last of sorted places with ``low <= place <= high``."""
    index = bisect_right(places, high) - 1
    return places[index] if index >= 0 and places[index] >= low else None


def first_of(places: Sequence[int], low: int, high: int) -> int | None:
    """Return the first of sorted places with ``low <= place < high``."""
    index = bisect_left(places, low)
    return places[index] if index < len(places) and places[index] < high else None


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


def lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each line between two offsets."""
    while True:
        stop = text.find("\n", start, end)
        yield start, end if stop < 0 else stop
        if stop < 0:
            return
        start = stop + 1

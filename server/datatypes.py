"""The values that travel between the floors, all frozen. Knows no library and no storage."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document that has one page and one heading path.

    ``kind`` "table" holds whole rows, one a line, each line readable without the others.
    """

    text: str
    kind: Literal["text", "heading", "list", "table"] = "text"
    page: int | None = None  # counted from 1; None where the format has no pages
    headings: tuple[str, ...] = ()  # from the outermost to the innermost, without the block's own


GapKind = Literal["page", "picture", "attachment", "part", "formula"]
GapReason = Literal[
    "damaged", "encrypted", "no_ocr", "no_time", "not_computed", "too_large", "unsupported"
]


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a file that was not read, and why; what is blank is no gap."""

    kind: GapKind
    reason: GapReason
    # What the file calls it: the number of a page, the name of an attachment; of formulas their
    # number.
    name: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a file was read."""

    words: int | None = None  # in the file, by a count of its own; None: nobody could count
    words_read: int = 0  # how many of them the document has
    pages: int = 0  # of formats that have pages
    pages_ocr: int = 0  # read from their picture
    pages_blank: int = 0
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file with its structure."""

    title: str
    blocks: tuple[Block, ...]
    coverage: Coverage = Coverage()

    SEPARATOR = "\n\n"

    @property
    def text(self) -> str:
        """The blocks joined by ``SEPARATOR``; all offsets count characters of this text."""
        return self.SEPARATOR.join(block.text for block in self.blocks)


def heading_changes(blocks: Iterable[Block]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield for each block how many headings of the block before stay, and which come after them.

    Most blocks have all of them: a copy for each would be far longer than the text.
    """
    before: tuple[str, ...] = ()
    for block in blocks:
        pairs = zip(before, block.headings, strict=False)
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        yield kept, block.headings[kept:]
        before = block.headings


@dataclass(frozen=True, slots=True)
class Chunk:
    """A retrievable piece of a document: exactly ``document.text[start:end]``."""

    text: str
    start: int
    end: int
    page: int | None = None  # of the first character
    headings: tuple[str, ...] = ()  # in force at the first character
    page_breaks: tuple[tuple[int, int], ...] = ()  # (start, page) of pages that begin inside it

    def page_at(self, offset: int) -> int | None:
        """Return the page of a character of the document inside this chunk."""
        page = self.page
        for start, number in self.page_breaks:
            if start <= offset:
                page = number
        return page


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored chunk with where it is from."""

    chunk_id: int
    knowledge_base: str
    file_name: str
    title: str
    order: int  # place among the chunks of its file, from 0
    chunk: Chunk
    origin: str | None = None  # of a file that comes from a source: its address


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files a search may find: those that fulfil every condition; an empty one lets pass."""

    files: frozenset[str] = frozenset()  # names
    folders: frozenset[str] = frozenset()  # in one of them, at any depth; no "/" at the end
    tags: frozenset[str] = frozenset()  # one of them at least
    since: datetime | None = None  # in UTC; their bytes last changed then or later
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its scores; higher is closer in all of them."""

    passage: Passage
    score: float  # 0 to 1; orders the hits, unless some were put first for being different
    relevance: float  # calibrated, 0 to 1; comparable between queries
    # What the score is made of: "lexical" BM25 and "dense" cosine as they come from the indexes,
    # "fused" of both, "sentence" of the best one, "rerank"; the last three are 0 to 1.
    legs: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence quoted from a passage; offsets count characters of the document's text."""

    text: str
    citation: int  # number of the passage among the sources, from 1
    start: int
    end: int
    score: float  # higher answers better

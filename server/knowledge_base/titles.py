"""Chinese titles that are no headings of the format, and the chunks below them.

It is ``zh_title_enhance`` of 0.2.x, which wrote the title into the text of the chunks; here it is
the last of their headings, so that the text stays what the offsets count. Knows no splitters.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from server.datatypes import Chunk, Document
from server.knowledge_base.analysis import HAN_CHARACTER

# The rules of 0.2.x, but that a title has to be Chinese.
MAX_TITLE = 20  # characters
NUMBER_WITHIN = 5  # characters: a title begins with its number, such as 第一章, 1. or 2023
MIN_LETTERS = 0.5  # of the characters that are no white space
SIGN_AT_END = re.compile(r"[^\w\s]$")


@dataclass(frozen=True, slots=True)
class Title:
    """What is in force from a place on; without a text nothing is."""

    start: int
    text: str = ""
    path: tuple[str, ...] = ()  # the headings above it


def is_title(line: str) -> bool:
    """Tell whether a line looks like a numbered Chinese title."""
    letters = [character for character in line if not character.isspace()]
    return (
        0 < len(line) <= MAX_TITLE
        and not SIGN_AT_END.search(line)
        and not line.isnumeric()
        and any(character.isnumeric() for character in line[:NUMBER_WITHIN])
        and bool(HAN_CHARACTER.search(line))
        and sum(map(str.isalpha, letters)) >= MIN_LETTERS * len(letters)
    )


def carry_titles(document: Document, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Return the chunks with the title before their first character among their headings.

    A title holds until the next one, the next heading, or the end of the section that it is in.
    """
    titles = list(find_titles(document))
    starts = [title.start for title in titles]
    return tuple(
        add_title(chunk, titles[bisect_left(starts, chunk.start) - 1])
        if starts and starts[0] < chunk.start
        else chunk
        for chunk in chunks
    )


def find_titles(document: Document) -> Iterator[Title]:
    """Yield the lines of text that are titles, and where one ends without another."""
    title = Title(0)
    start = 0
    for block in document.blocks:
        is_inside = block.headings[: len(title.path)] == title.path
        if title.text and (block.kind == "heading" or not is_inside):
            title = Title(start - 1)  # before the first character of the block
            yield title
        if block.kind == "text":
            place = start
            for line in block.text.split("\n"):
                if is_title(line.strip()):
                    title = Title(place, line.strip(), block.headings)
                    yield title
                place += len(line) + 1
        start += len(block.text) + len(Document.SEPARATOR)


def add_title(chunk: Chunk, title: Title) -> Chunk:
    """Return a chunk with a title behind the headings that are above both."""
    if not title.text or title.text in chunk.headings:
        return chunk
    depth = len(title.path)
    headings = (*chunk.headings[:depth], title.text, *chunk.headings[depth:])
    return replace(chunk, headings=headings)

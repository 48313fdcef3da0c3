"""Foreign text made harmless for Markdown and HTML. Knows no page and no widget."""

import re
from collections.abc import Callable, Iterator
from html import escape
from itertools import pairwise

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Where Markdown would make a link by itself; an invisible character after it prevents that.
ADDRESS = re.compile(r"(https?|www|@)", re.IGNORECASE)
CITATION = re.compile(r"(\[\d{1,3}(?:\s?[,，、]\s?\d{1,3}){0,20}\])(?!\()")  # "[1]" or "[1, 2]"
NUMBER = re.compile(r"\d+")
CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)
BLOCK = re.compile(r"^(`{3,})([^`\n]*)\n(.*?)(?:^\1`*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
PRICE = re.compile(r"\$(?=\d)")

Span = tuple[int, int]
Cite = Callable[[int], str | None]


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is, on one line: no link, image, icon or formula."""
    escaped = PUNCTUATION.sub(r"\\\1", " ".join(text.split()))
    return ADDRESS.sub("\\1\u2060", escaped)


def quoted(text: str, cite: Cite) -> str:
    """Return HTML for text from documents, in which nothing but the citations is HTML.

    An index in code is no citation. ``cite`` returns the address of a source by its number, None
    where there is no such source.
    """
    parts = [escape(part) for part in CODE.split(text)]
    parts[::2] = [
        "".join(
            f'<a href="{escape(address)}">{number}</a>' if address else escape(part)
            for part, number, address in split_citations(prose, cite)
        )
        for prose in CODE.split(text)[::2]
    ]
    return "".join(parts)


def written(text: str, cite: Cite) -> str:
    """Return the Markdown of a model with its citations, but no images; prices are no formulas.

    What looks like code here may be none to Markdown, so there are no images in it either.
    """
    parts = CODE.split(text.replace("![", "!\u2060["))
    parts[::2] = [
        "".join(
            f"[{number}]({address})" if address else PRICE.sub(r"\\$", part)
            for part, number, address in split_citations(prose, cite)
        )
        for prose in parts[::2]
    ]
    return "".join(parts)


def split_code(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the parts of Markdown: a block of code with its language, other text with None."""
    end = 0
    for block in BLOCK.finditer(text):
        yield text[end : block.start()], None
        yield block[3], block[2].strip()
        end = block.end()
    yield text[end:], None


def split_citations(text: str, cite: Cite) -> Iterator[tuple[str, int, str | None]]:
    """Yield the parts of a text: each citation with its number and address, other text without."""
    for part in CITATION.split(text):
        numbers = list(map(int, NUMBER.findall(part))) if CITATION.fullmatch(part) else []
        addresses = [cite(number) for number in numbers]
        if numbers and all(addresses):
            for number, address in zip(numbers, addresses, strict=True):
                yield part, number, address
        else:
            yield part, 0, None


def cited_numbers(text: str) -> set[int]:
    """Return the numbers that the Markdown of a model cites outside of code."""
    marks = (mark for prose in CODE.split(text)[::2] for mark in CITATION.findall(prose))
    return {int(number) for mark in marks for number in NUMBER.findall(mark)}


def no_citations(number: int) -> None:
    """Leave every citation as it is written."""


def mark(text: str, window: Span, spans: dict[str, list[Span]]) -> str:
    """Return a window of a text as HTML, where spans are marked with their class.

    Later classes win where spans overlap; all offsets count characters of the text.
    """
    first, last = window
    inside = {
        name: [(max(start, first), min(end, last)) for start, end in places]
        for name, places in spans.items()
    }
    borders = sorted(
        {first, last, *(edge for places in inside.values() for edge in sum(places, ()))}
    )
    html = []
    for start, end in pairwise(borders):
        if not first <= start < end <= last:
            continue
        names = [
            n for n, places in inside.items() if any(a <= start and end <= b for a, b in places)
        ]
        piece = escape(text[start:end])
        html.append(f'<mark class="{names[-1]}">{piece}</mark>' if names else piece)
    return "".join(html)

"""Sentences with their places. Knows English and Chinese punctuation; does not know questions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CLOSING = r"[”’」』）》】〉)\]\"']*+(?:\[\d{1,3}\])*+"  # with the calls of footnotes
# A run of stops is tried once and as a whole: a hundred thousand of them must not take minutes.
END = re.compile(rf"[。！？]+{CLOSING}|(?:……|(?<![.!?])[.!?]++{CLOSING}(?=\s|$))")
# A full stop after these, or before a small letter, ends no sentence.
ABBREVIATION = re.compile(
    r"(?:^\s*\d+|\b(?:[A-Za-z]|[A-Za-z]\.[A-Za-z]|Mrs?|Ms|Drs?|Prof|Nos?|Figs?|Eqs?|vs|St|[JS]r|cf|"
    r"al|approx|ca|pp?|vol|Art|Sec|Ch|Gen|Col|Sgt|Lt|Capt|Rev|Hon|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|"
    r"Dec))$",
    re.MULTILINE,
)
LOOK_BACK = 10  # characters that hold the longest of these


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, a list item or a row of a table, without outer white space."""

    text: str
    start: int
    end: int


def split_sentences(text: str) -> list[Sentence]:
    """Return the sentences of a text in order, each exactly ``text[start:end]``.

    Every line ends a sentence, so list items and rows of tables are sentences.
    """
    sentences = []
    for start, end in spans(text):
        piece = text[start:end]
        stripped = piece.strip()
        if any(character.isalnum() for character in stripped):
            at = start + piece.index(stripped)
            sentences.append(Sentence(stripped, at, at + len(stripped)))
    return sentences


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence starts and ends; together they are the whole text."""
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        for match in END.finditer(text, start, end):
            if match.end() < end and ends_sentence(text, match):
                yield start, match.end()
                start = match.end()
        yield start, end
        start = end


def ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Return whether punctuation ends a sentence rather than an abbreviation."""
    if match.group()[0] != ".":
        return True
    if text[match.end() : match.end() + 3].lstrip()[:1].islower():
        return False
    return not ABBREVIATION.search(text[max(0, match.start() - LOOK_BACK) : match.start()])

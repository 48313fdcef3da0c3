"""Plain text. Does not know encodings."""

import re
from itertools import pairwise
from typing import BinaryIO

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.layout import ENDS_WIDE, FIRST_WORD, LIST_MARK, STARTS_WIDE
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import WIDE, fold, heading_level, is_short, number_level

MAX_TITLE_LINES = 2  # a company and its document, a title and its subtitle
NO_TITLE = re.compile(r"[\d:：=|/<>]")  # the line is a date, an entry of a list or data

# Columns at which programs and people wrap lines; a Chinese character takes two.
MIN_WRAP, MAX_WRAP = 50, 100
SLACK = 8  # people wrap by eye; Chinese is wrapped to the character, but for punctuation
CLOSED = re.compile(r"[.!?:。！？：；…][”’」』）)\]\"']*$")
KEY = re.compile(r"(?:\w{1,12}|[A-Z\u4e00-\u9fff][\w .()/-]{0,24}?)\s*(?:[:：](?!//)|=)\s*(?=\S)")
CELLS = re.compile(r"[^\s.!?](?:\s{2,}|\t)\S|\|.*\|")  # two spaces after a full stop part none
WIDE_CHARACTER = re.compile(f"[{WIDE}]")
WRAPPED_AT_HYPHEN = re.compile(r"(?<=\w-)\n\s*(?=\w)")


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read paragraphs, which blank lines part, and numbered headings, which stand on their own."""
    text = decode(file.read(), name)
    outline = Outline(name, max_chars=limits.max_chars)
    add_text(outline, text)
    return outline.document(title_line(text.splitlines()))


def add_text(outline: Outline, text: str) -> None:
    """Add the paragraphs and headings of a text."""
    lines = [line.rstrip() for line in text.splitlines()]
    paragraph: list[str] = []
    levels = heading_levels(lines)
    wrap = wrap_column(lines)
    for line, level in zip(lines, levels, strict=True):
        if line.strip() and level is None:
            paragraph.append(line)
            continue
        outline.add(unwrap(paragraph, wrap))
        paragraph = []
        if level is not None:
            outline.heading(level, line)
    outline.add(unwrap(paragraph, wrap))


def wrap_column(lines: list[str]) -> int:
    """Return where lines end that go on in the middle of a sentence, 0 where none do."""
    ends = sorted(
        columns(line)
        for line, following in pairwise(lines)
        if MIN_WRAP <= columns(line) <= MAX_WRAP
        and continues([line], following)
        and goes_on(line, following)
    )
    return ends[9 * (len(ends) - 1) // 10] if ends else 0  # a few lines may stick out


def unwrap(paragraph: list[str], wrap: int) -> str:
    """Return a paragraph with the lines as one that were wrapped at column ``wrap``."""
    runs: list[list[str]] = []
    for line in paragraph:
        if runs and continues(runs[-1], line):
            runs[-1].append(line)
        else:
            runs.append([line])
    return "\n".join(fold_run(run, wrap) for run in runs)


def continues(run: list[str], line: str) -> bool:
    """Tell whether a line may belong to the item or paragraph of the lines before it."""
    if not line.strip() or not run[-1].strip() or mark(line) or is_row(line) or is_row(run[-1]):
        return False
    if len(run) == 1:
        return indent(line) <= indent(run[0]) + len(mark(run[0]))
    return indent(line) == indent(run[-1])


def fold_run(run: list[str], wrap: int) -> str:
    """Return the lines as one if most of them are full and the sentences go on between them."""
    pairs = list(pairwise(run))
    full = [is_full(line, following, wrap) for line, following in pairs]
    is_prose = len(pairs) <= 2 or any(goes_on(*pair) for pair in pairs)
    if not wrap or not is_prose or 3 * sum(full) < 2 * len(full):
        return "\n".join(run)
    parts = [[run[0]]]
    for line, joins in zip(run[1:], full, strict=True):
        if joins:
            parts[-1].append(line)
        else:
            parts.append([line])
    return "\n".join(fold_lines(part) for part in parts)


def fold_lines(lines: list[str]) -> str:
    """Return several lines as one; a single one keeps the gaps between its columns."""
    return fold(WRAPPED_AT_HYPHEN.sub("", "\n".join(lines))) if len(lines) > 1 else lines[0]


def is_full(line: str, following: str, wrap: int) -> bool:
    """Tell whether the first word of the following line had no room on the line."""
    word = FIRST_WORD.match(following.lstrip())
    is_chinese = ENDS_WIDE.search(line) and STARTS_WIDE.match(following.lstrip())
    slack = SLACK // 2 if is_chinese else SLACK
    room = columns(line) + 1 + columns(word.group() if word else "")
    return columns(line) <= wrap + slack and room > wrap - slack


def goes_on(line: str, following: str) -> bool:
    """Tell whether a sentence surely goes on in the following line."""
    start = following.lstrip()
    is_chinese = ENDS_WIDE.search(line) and STARTS_WIDE.match(start)
    return not CLOSED.search(line) and bool(is_chinese or start[:1].islower())


def mark(line: str) -> str:
    """Return what a list item or an entry with a key begins with, "" for other lines."""
    match = LIST_MARK.match(line.lstrip()) or KEY.match(line.lstrip())
    return match.group() if match else ""


def is_row(line: str) -> bool:
    """Tell whether gaps or bars part the line into cells, or it holds no words at all."""
    text = line.strip().removeprefix(mark(line))
    return bool(CELLS.search(text)) or not any(character.isalnum() for character in text)


def indent(line: str) -> int:
    """Return how many characters of white space a line begins with."""
    return len(line) - len(line.lstrip())


def columns(line: str) -> int:
    """Return how wide a line is printed."""
    return len(line) + len(WIDE_CHARACTER.findall(line))


def heading_levels(lines: list[str]) -> list[int | None]:
    """Return the level of each line that is a heading; items of a list without text are none."""
    levels = [heading_level(line) for line in lines]
    following: int | None = None
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].strip():
            if levels[index] is not None and levels[index] == following:
                levels[index] = None
            following = number_level(lines[index])
    return levels


def title_line(lines: list[str]) -> str:
    """Return what stands over the text: one or two short lines of words, "" where none do."""
    filled = [line.strip() for line in lines if line.strip()]
    title: list[str] = []
    for line in filled[:MAX_TITLE_LINES]:
        if not is_short(line) or heading_level(line) is not None or NO_TITLE.search(line):
            break
        title.append(line)
    longest = max(map(len, filled), default=0)
    return " ".join(title) if 2 * len(" ".join(title)) < longest else ""

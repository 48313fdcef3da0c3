"""Plain text. Does not know encodings."""

import re
from pathlib import Path

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import heading_level, is_short, number_level

MAX_TITLE_LINES = 2  # a company and its document, a title and its subtitle
NO_TITLE = re.compile(r"[\d:：=|/<>]")  # the line is a date, an entry of a list or data


def load(path: Path, name: str, *, max_chars: int) -> Document:
    """Read paragraphs, which blank lines part, and numbered headings, which stand on their own."""
    lines = [line.rstrip() for line in decode(path.read_bytes(), name).splitlines()]
    outline = Outline(name, max_chars=max_chars)
    paragraph: list[str] = []
    levels = heading_levels(lines)
    for line, level in zip(lines, levels, strict=True):
        if line.strip() and level is None:
            paragraph.append(line)
            continue
        outline.add("\n".join(paragraph))
        paragraph = []
        if level is not None:
            outline.heading(level, line)
    outline.add("\n".join(paragraph))
    return outline.document(title_line(lines))


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

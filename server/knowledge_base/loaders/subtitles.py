"""Subtitles. Does not know encodings."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold

TIMES = re.compile(r"(?:(\d{1,3}):)?(\d\d?):(\d\d)[,.]\d+\s*-->\s*[\d:,.]+.*")
MARKS = re.compile(r"</?[a-z][^<>]{0,200}>|\{\\[^{}]{0,200}\}", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?。！？…][”’」』)）\"']*$")
LONG, LONGEST = 200, 600  # characters after which a paragraph ends with a sentence, or anyway


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read what is said as paragraphs that begin with their time."""
    outline = Outline(name, max_chars=limits.max_chars)
    began, said = "", ""
    for time, text in cues(decode(file.read(), name), name):
        began = began or time
        said = fold(f"{said} {text}")
        if len(said) >= LONGEST or (len(said) >= LONG and SENTENCE_END.search(said)):
            outline.add(stamped(began, said))
            began, said = "", ""
    outline.add(stamped(began, said))
    return outline.document()


def stamped(time: str, text: str) -> str:
    """Return a paragraph with its time before it."""
    return f"[{time}] {text}" if time and text else text


def cues(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the time and the text of each subtitle.

    Raises:
        UnreadableDocument: there is a text, but no time in it.
    """
    time = ""
    kept: list[str] = []
    lines = [line.strip() for line in text.splitlines()]
    if any(map(any_letter, lines)) and not any(map(TIMES.fullmatch, lines)):
        raise UnreadableDocument(
            name=name,
            reason_en="it holds no times, so it is no file of subtitles. Save it as .txt.",
            reason_zh="文件中没有时间轴，不是字幕文件。请改为 .txt 后上传。",
        )
    number = 0  # of the subtitle, where the file counts them
    for line in lines:
        if match := TIMES.fullmatch(line):
            if kept and kept[-1] == str(number + 1):
                kept.pop()
                number += 1
            if time:
                yield time, "\n".join(filter(None, kept))
            hours, minutes, seconds = match.groups(default="0")
            time, kept = f"{int(hours):02}:{int(minutes):02}:{seconds}", []
        else:
            kept.append(MARKS.sub("", line))
    yield time, "\n".join(filter(None, kept))


def any_letter(line: str) -> bool:
    """Tell whether a line has a letter or digit."""
    return any(character.isalnum() for character in line)

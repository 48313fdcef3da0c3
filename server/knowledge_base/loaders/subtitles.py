"""Subtitles. Does not know encodings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold

TIME = r"(?:(\d{1,3}):)?(\d\d?):(\d\d)[,.]\d+"
TIMES = re.compile(rf"{TIME}\s*-->\s*(?:{TIME}|[\d:,.]+).*")
SPEAKER = re.compile(r"(?!https?:)([^\W\d][\w .·-]{0,30})[:：]")  # the label before what they say
PAUSE_S = 5  # without a word; what follows is another matter more often than not
MARKS = re.compile(r"</?[a-z][^<>]{0,200}>|\{\\[^{}]{0,200}\}", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?。！？…][”’」』)）\"']*$")
LONG, LONGEST = 200, 600  # characters after which a paragraph ends with a sentence, or anyway


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle, and from when to when it is shown in seconds; ``end`` is 0 if it is not known."""

    start: int
    end: int
    text: str


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read what is said as paragraphs that begin with their time."""
    outline = Outline(name, max_chars=limits.max_chars)
    began, said, speaker, until = 0, "", "", 0
    for cue in cues(decode(file.read(), name), name):
        text = fold(cue.text)
        if not text:
            continue
        named = SPEAKER.match(text)
        is_other = named is not None and named[1] != speaker
        if said and (is_other or cue.start - until > PAUSE_S or is_done(said)):
            outline.add(stamped(began, said))
            said = ""
        began = began if said else cue.start
        said = fold(f"{said} {text}")
        speaker = named[1] if named else speaker
        until = max(cue.start, cue.end)
    outline.add(stamped(began, said))
    return outline.document()


def is_done(said: str) -> bool:
    """Tell whether a paragraph is long enough."""
    return len(said) >= LONGEST or (len(said) >= LONG and bool(SENTENCE_END.search(said)))


def stamped(start: int, text: str) -> str:
    """Return a paragraph with its time before it."""
    minutes, seconds = divmod(start, 60)
    return f"[{minutes // 60:02}:{minutes % 60:02}:{seconds:02}] {text}" if text else ""


def cues(text: str, name: str) -> Iterator[Cue]:
    """Yield the subtitles; without a line of times there is none.

    Raises:
        UnreadableDocument: there is a text, but no time in it.
    """
    times: tuple[int, int] | None = None
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
            if times:
                yield Cue(*times, "\n".join(filter(None, kept)))
            numbers = [int(number) for number in match.groups(default="0")]
            times, kept = (to_seconds(*numbers[:3]), to_seconds(*numbers[3:])), []
        else:
            kept.append(MARKS.sub("", line))
    if times:
        yield Cue(*times, "\n".join(filter(None, kept)))


def to_seconds(hours: int, minutes: int, seconds: int) -> int:
    """Return a time in seconds."""
    return 3600 * hours + 60 * minutes + seconds


def any_letter(line: str) -> bool:
    """Tell whether a line has a letter or digit."""
    return any(character.isalnum() for character in line)

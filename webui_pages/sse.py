"""Server-sent events as they come off the wire. Knows no event's meaning."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# Only these end a line; str.splitlines would also cut at U+2028, which JSON may hold.
LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One event with its JSON value."""

    event: str
    data: Any  # any JSON value


def read_lines(parts: Iterable[bytes]) -> Iterator[str]:
    """Yield whole lines without their ends; parts may break anywhere, even inside a character."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    for part in parts:
        *lines, rest = LINE_END.split(rest + decoder.decode(part))
        yield from lines
    if rest:
        yield rest.rstrip("\r")


def read_frames(parts: Iterable[bytes]) -> Iterator[Frame]:
    """Yield the events; comments and the fields id and retry are left out."""
    event, data = "message", list[str]()
    for line in read_lines(parts):
        name, _, value = line.partition(":")
        if not line:
            if data:
                yield Frame(event, json.loads("\n".join(data)))
            event, data = "message", []
        elif name == "event":
            event = value.removeprefix(" ")
        elif name == "data":
            data.append(value.removeprefix(" "))

"""What travels between the service and a process that parses. Knows neither of the two.

A frame is its length in four bytes and an object in JSON. A document is several frames, so that
neither side holds a large one twice; a picture of a page is one, and so is an error.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO, Protocol, TypeVar, get_args

from server.datatypes import (
    Block,
    Coverage,
    Document,
    Gap,
    GapKind,
    GapReason,
    heading_changes,
)
from server.errors import (
    EmptyDocument,
    NoPages,
    TooLarge,
    UnknownPage,
    UnreadableDocument,
    UnsupportedFormat,
    ZhiwenError,
)
from server.knowledge_base.loaders.limits import (
    BLOCK_CHARS,
    MAX_GAPS,
    MAX_HEADING_CHARS,
    MAX_HEADINGS,
    MAX_TITLE_CHARS,
    MIB,
)
from server.knowledge_base.rendering import MAX_PICTURE_BYTES, Picture, is_small_png

Message = dict[str, Any]
Answer_co = TypeVar("Answer_co", covariant=True)

LENGTH_BYTES = 4
PORTION_CHARS = 1 << 18  # text of one frame, unless a single block is longer
ANSWER_BYTES_PER_CHAR = 4  # the most in JSON; the rest of a block is far below its BLOCK_CHARS
# Nothing else may come out of a process that reads hostile files.
ERRORS: dict[str, type[ZhiwenError]] = {
    error.__name__: error
    for error in (
        EmptyDocument,
        NoPages,
        TooLarge,
        UnknownPage,
        UnreadableDocument,
        UnsupportedFormat,
    )
}
GAP_KINDS: tuple[GapKind, ...] = get_args(GapKind)
GAP_REASONS: tuple[GapReason, ...] = get_args(GapReason)
COUNTS = ("words_read", "pages", "pages_ocr", "pages_blank")
KINDS = {"text": "text", "heading": "heading", "list": "list", "table": "table"}


class BadMessage(ValueError):
    """The other side sent what this protocol does not have."""


class Reader(Protocol[Answer_co]):
    """Puts an answer together from its messages, which come from a hostile process."""

    @property
    def max_bytes(self) -> int:
        """Return how long all the messages are at most; a MiB is for what is not the matter."""

    def read(self, message: Message) -> Answer_co | None:
        """Return the answer with its last message, None before.

        Raises:
            BadMessage: the message is not of such an answer, or the answer too long.
            ZhiwenError: the message is an error.
        """


def pack(message: Message) -> bytes:
    """Return the frame of a message."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def take(buffer: bytearray, *, max_bytes: int) -> Message | None:
    """Take the first message out of the buffer, None where it has not come in full.

    Raises:
        BadMessage: it is no object in JSON, or longer than ``max_bytes``.
    """
    length = int.from_bytes(buffer[:LENGTH_BYTES], "big")
    end = LENGTH_BYTES + length
    if len(buffer) < LENGTH_BYTES:
        return None
    if length > max_bytes:
        raise BadMessage("a frame that is too long")
    if len(buffer) < end:
        return None
    message = unpack(buffer[LENGTH_BYTES:end])
    del buffer[:end]
    return message


def read(source: BinaryIO) -> Message | None:
    """Return the next message of a stream that blocks, None where it has ended.

    Raises:
        BadMessage: it is no object in JSON, or breaks off.
    """
    head = source.read(LENGTH_BYTES)
    return unpack(source.read(int.from_bytes(head, "big"))) if head else None


def unpack(body: bytes | bytearray) -> Message:
    """Return the message in the body of a frame."""
    try:
        message = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise BadMessage("not JSON") from error
    if not isinstance(message, dict):
        raise BadMessage("not an object")
    return message


def document_messages(document: Document) -> Iterator[Message]:
    """Yield the blocks in portions, then the title and the coverage, which end the document."""
    portion: list[list[object]] = []
    chars = 0
    changes = heading_changes(document.blocks)
    for block, (kept, further) in zip(document.blocks, changes, strict=True):
        portion.append([block.text, block.kind, block.page, kept, further])
        chars += len(block.text) + BLOCK_CHARS + sum(map(len, further))
        if chars > PORTION_CHARS:
            yield {"blocks": portion}
            portion, chars = [], 0
    yield {"blocks": portion}
    yield {"title": document.title, "coverage": asdict(document.coverage)}


class DocumentReader:
    """Puts a document together from its messages, and believes none of them."""

    def __init__(self, *, max_chars: int) -> None:
        self.max_chars = max_chars
        self.blocks: list[Block] = []
        self.headings: tuple[str, ...] = ()
        self.chars = 0

    @property
    def max_bytes(self) -> int:
        return MIB + ANSWER_BYTES_PER_CHAR * self.max_chars

    def read(self, message: Message) -> Document | None:
        if "error" in message:
            raise read_error(message)
        if "title" in message:
            title = checked(message["title"], str)
            if len(title) > MAX_TITLE_CHARS:
                raise BadMessage("a title that is too long")
            coverage = read_coverage(checked(message.get("coverage"), dict))
            return Document(title, tuple(self.blocks), coverage)
        for fields in checked(message.get("blocks"), list):
            self.add(checked(fields, list))
        return None

    def add(self, fields: list[Any]) -> None:
        """Add the block with these fields."""
        try:
            text, kind, page, kept, further = fields
            block_kind = KINDS[kind]
        except (ValueError, KeyError, TypeError) as error:
            raise BadMessage("not a block") from error
        added = [checked(heading, str) for heading in checked(further, list)]
        self.chars += len(checked(text, str)) + BLOCK_CHARS + sum(map(len, added))
        is_page = page is None or checked(page, int) > 0
        if not is_page or not 0 <= checked(kept, int) <= len(self.headings):
            raise BadMessage("a number out of range")
        if self.chars > self.max_chars + BLOCK_CHARS:
            raise BadMessage("more text than asked for")
        if kept + len(added) > MAX_HEADINGS or any(len(text) > MAX_HEADING_CHARS for text in added):
            raise BadMessage("too many headings, or too long ones")
        # The same tuple where nothing changed: a million blocks then share it.
        if added or kept < len(self.headings):
            self.headings = (*self.headings[:kept], *added)
        self.blocks.append(Block(text, block_kind, page, self.headings))  # type: ignore[arg-type]  # from KINDS


class PictureReader:
    """Takes a picture of a page, and believes neither that it is one nor its size."""

    max_bytes = MIB + MAX_PICTURE_BYTES * 4 // 3

    def read(self, message: Message) -> Picture:
        if "error" in message:
            raise read_error(message)
        try:
            png = b64decode(checked(message.get("picture"), str), validate=True)
        except ValueError as error:
            raise BadMessage("not a picture") from error
        if not is_small_png(png):
            raise BadMessage("not a picture, or one that is too large")
        if (pages := checked(message.get("pages"), int)) < 1:
            raise BadMessage("a number out of range")
        return Picture(png, pages)


def picture_message(picture: Picture) -> Message:
    """Return the message with a picture of a page."""
    return {"picture": b64encode(picture.png).decode(), "pages": picture.pages}


def page_message(page: int, pages: int) -> Message:
    """Return the message that a page was read, of how many, where that takes long."""
    return {"page": page, "pages": pages}


def read_page(message: Message) -> tuple[int, int]:
    """Return the number of a page and how many there are.

    Raises:
        BadMessage: they are none.
    """
    page, pages = (checked(message.get(name), int) for name in ("page", "pages"))
    if not 0 < page <= pages:
        raise BadMessage("a number out of range")
    return page, pages


def read_coverage(values: dict[str, Any]) -> Coverage:
    """Return the coverage of a message.

    Raises:
        BadMessage: it is none.
    """
    counts = {name: checked(values.get(name), int) for name in COUNTS}
    words = values.get("words")
    if min(*counts.values(), 0 if words is None else checked(words, int)) < 0:
        raise BadMessage("a number out of range")
    gaps = checked(values.get("gaps"), list)
    if len(gaps) > MAX_GAPS:
        raise BadMessage("too many gaps")
    return Coverage(words, **counts, gaps=tuple(read_gap(checked(gap, dict)) for gap in gaps))


def read_gap(values: dict[str, Any]) -> Gap:
    """Return the gap of a message.

    Raises:
        BadMessage: it is none.
    """
    kind, reason, name = (values.get(key) for key in ("kind", "reason", "name"))
    if kind not in GAP_KINDS or reason not in GAP_REASONS:
        raise BadMessage("not a gap")
    if len(checked(name, str)) > MAX_HEADING_CHARS:
        raise BadMessage("a name that is too long")
    return Gap(kind, reason, checked(name, str))


def checked(value: Any, kind: type[Any]) -> Any:
    """Return a value of that very type; true is no number.

    Raises:
        BadMessage: it is of another one.
    """
    if type(value) is not kind:
        raise BadMessage(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def error_message(error: ZhiwenError) -> Message:
    """Return the message of one of ``ERRORS``."""
    return {"error": type(error).__name__, "param": error.param, "values": error.values}


def read_error(message: Message) -> ZhiwenError:
    """Return the error of a message.

    Raises:
        BadMessage: it is none that may travel, or its text lacks a value.
    """
    param = message.get("param")
    values = checked(message.get("values"), dict)
    texts = {name: checked(value, str) for name, value in values.items()}
    try:
        error = ERRORS[message["error"]](param=param and checked(param, str), **texts)
        error.message("zh")
    except (KeyError, TypeError) as missing:
        raise BadMessage("not an error") from missing
    return error

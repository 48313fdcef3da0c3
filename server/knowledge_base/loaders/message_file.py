"""E-mails as Outlook stores them (.msg). Does not know the formats of what is attached.

A message is a tree of folders and streams in an OLE file, where the name of a stream is the number
and the type of a property ([MS-OXMSG], [MS-OXPROPS]).
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import BinaryIO

from olefile import OleFileIO  # type: ignore[import-untyped]

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders import rich_text
from server.knowledge_base.loaders.encoding import decode, try_decode
from server.knowledge_base.loaders.html import decode_page
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.mail import MAX_DEPTH, add_file, add_head
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.packed_rtf import unpack_rtf
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.txt import add_text
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE, OLE_MAGIC

PROPERTIES = "__properties_version1.0"
ATTACHMENT, RECIPIENT = "__attach_version1.0_#", "__recip_version1.0_#"
HEAD_BYTES = {True: 32, False: 24}  # before the properties: of the file itself, of a mail in it
ITEM_HEAD_BYTES = 8  # of an attachment or a recipient
UNICODE, BYTES_TEXT, BINARY, FOLDER = 0x001F, 0x001E, 0x0102, 0x000D  # types
SUBJECT, BODY, HTML, PACKED_RTF = 0x0037, 0x1000, 0x1013, 0x1009
SENDER, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
SENT, DELIVERED, CODE_PAGES = 0x0039, 0x0E06, (0x3FFD, 0x3FDE)
SHOWN_TO, SHOWN_CC, NAME, ADDRESS, SMTP, KIND = 0x0E04, 0x0E03, 0x3001, 0x3003, 0x39FE, 0x0C15
DATA, FILE_NAME, SHORT_NAME = 0x3701, 0x3707, 0x3704
DAY_0 = datetime(1601, 1, 1, tzinfo=UTC)  # from which Windows counts tenths of microseconds
# OLE files that are damaged fail anywhere in olefile.
DAMAGED = (*DAMAGED_OFFICE, struct.error, ArithmeticError)


class Folder:
    """A folder in an OLE file with properties: a message, an attachment or a recipient."""

    def __init__(
        self, ole: OleFileIO, path: list[str], name: str, *, head_bytes: int = ITEM_HEAD_BYTES
    ) -> None:
        """Read the properties of fixed length; ``name`` is that of the file."""
        self.ole = ole
        self.path = path
        self.name = name
        data = (self.stream(PROPERTIES) or b"")[head_bytes:]
        whole = data[: len(data) // 16 * 16]
        self.numbers = {number: value for _, number, _, value in struct.iter_unpack("<HHIQ", whole)}

    def stream(self, name: str) -> bytes | None:
        """Return a stream, None where there is none.

        Raises:
            ValueError: it claims to be longer than the file.
        """
        path = [*self.path, name]
        if not self.ole.exists(path):
            return None
        if self.ole.get_size(path) > self.ole.fp.seek(0, 2):
            raise ValueError(f"{name} goes beyond the file")
        found: bytes = self.ole.openstream(path).read()
        return found

    def data(self, number: int, kind: int = BINARY) -> bytes | None:
        """Return a property of variable length."""
        return self.stream(f"__substg1.0_{number:04X}{kind:04X}")

    def text(self, number: int) -> str:
        """Return a property that is text, "" where there is none."""
        data = self.data(number, UNICODE)
        if data is not None:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        data = (self.data(number, BYTES_TEXT) or b"").rstrip(b"\0")
        for page in CODE_PAGES:
            text = try_page(data, self.numbers.get(page, 0) & 0xFFFFFFFF)
            if text is not None:
                return text
        return decode(data, self.name)

    def folders(self, prefix: str) -> Iterator["Folder"]:
        """Yield the folders right in this one whose names begin so."""
        listed = self.ole.listdir(streams=False, storages=True)
        depth = len(self.path)
        for path in sorted(listed):
            if len(path) == depth + 1 and path[:depth] == self.path and path[-1].startswith(prefix):
                yield Folder(self.ole, path, self.name)


def try_page(data: bytes, page: int) -> str | None:
    """Return text in a Windows code page, None where it is unknown or not the right one."""
    names = {65001: "utf-8", 20127: "ascii", 54936: "gb18030", 936: "gb18030", 28591: "latin-1"}
    try:
        return try_decode(data, names.get(page, f"cp{page}"))
    except LookupError:
        return None


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the head, the text and the attachments, each of these under its name."""
    outline = Outline(name, max_chars=limits.max_chars)
    if file.read(len(OLE_MAGIC)) != OLE_MAGIC:
        raise no_message(name)
    try:
        with OleFileIO(BytesIO(OLE_MAGIC + file.read())) as ole:
            message = Folder(ole, [], name, head_bytes=HEAD_BYTES[True])
            if not ole.exists(PROPERTIES):
                raise no_message(name)
            add_message(outline, message, limits, 0)
    except DAMAGED as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the message is damaged. Open it in Outlook and save it again.",
            reason_zh="邮件文件已损坏。请用 Outlook 打开并重新保存。",
        ) from error
    return outline.document()


def no_message(name: str) -> UnreadableDocument:
    """Return the error about a file that is something else."""
    return UnreadableDocument(
        name=name, reason_en="it is no Outlook message.", reason_zh="它不是 Outlook 邮件文件。"
    )


def add_message(outline: Outline, message: Folder, limits: Limits, depth: int) -> None:
    """Add a message under its subject."""
    heads = {
        "From": sender_of(message),
        "To": "; ".join(recipients(message, 1)) or message.text(SHOWN_TO),
        "Cc": "; ".join(recipients(message, 2)) or message.text(SHOWN_CC),
        "Date": date_of(message.numbers.get(SENT) or message.numbers.get(DELIVERED) or 0),
    }
    add_head(outline, message.text(SUBJECT), heads, depth)
    add_body(outline, message, limits)
    for attachment in message.folders(ATTACHMENT):
        add_attachment(outline, attachment, limits, depth + 1)


def sender_of(message: Folder) -> str:
    """Return the name and the address of the sender."""
    return with_address(message.text(SENDER), message.text(SENDER_SMTP), message, SENDER_ADDRESS)


def recipients(message: Folder, kind: int) -> Iterator[str]:
    """Yield the names and addresses of the recipients of a kind: 1 To, 2 Cc."""
    for each in message.folders(RECIPIENT):
        if each.numbers.get(KIND, 1) & 0xFFFFFFFF == kind:
            yield with_address(each.text(NAME), each.text(SMTP), each, ADDRESS)


def with_address(name: str, address: str, folder: Folder, other: int) -> str:
    """Return a name with an e-mail address; ``other`` may hold one, or a name of Exchange's own."""
    address = address or folder.text(other)
    if "@" not in address or address in name:
        return name
    return f"{name} <{address}>" if name else address


def date_of(ticks: int) -> str:
    """Return a moment as it is written, "" for none."""
    if not ticks:
        return ""
    return f"{DAY_0 + timedelta(microseconds=ticks // 10):%Y-%m-%d %H:%M} UTC"


def add_body(outline: Outline, message: Folder, limits: Limits) -> None:
    """Add the text: as HTML, as plain text, or as RTF where there is no other."""
    html = message.data(HTML)
    source = decode_page(html, outline.name) if html else message.text(HTML)
    packed = message.data(PACKED_RTF)
    if source.strip():
        add_markup(outline, parse(source))
    elif (text := message.text(BODY)).strip():
        add_text(outline, text)
    elif packed:
        outline.include(rich_text.load(BytesIO(unpack_rtf(packed)), outline.name, limits))


def add_attachment(outline: Outline, item: Folder, limits: Limits, level: int) -> None:
    """Add a file or a mail that is attached; what is only linked or drawn is noted."""
    name = fold(item.text(FILE_NAME) or item.text(SHORT_NAME) or item.text(NAME))
    data = item.data(DATA)
    if data is not None:
        add_file(outline, name, data, limits, level)
        return
    path = [*item.path, f"__substg1.0_{DATA:04X}{FOLDER:04X}"]
    if not item.ole.exists([*path, PROPERTIES]):
        outline.miss("attachment", "unsupported", name)
    elif level > MAX_DEPTH:
        outline.miss("attachment", "too_large", name)
    else:
        inner = Folder(item.ole, path, item.name, head_bytes=HEAD_BYTES[False])
        add_message(outline, inner, limits, level)

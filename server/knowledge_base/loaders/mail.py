"""E-mail. Does not know the formats of what is attached."""

from collections.abc import Iterator, Mapping
from email import message_from_binary_file, policy
from email.message import EmailMessage, MIMEPart
from io import BytesIO
from typing import BinaryIO, cast

from server.datatypes import Document, GapReason
from server.errors import TooLarge, UnreadableDocument, UnsupportedFormat, ZhiwenError
from server.knowledge_base.loaders import find_loader
from server.knowledge_base.loaders.encoding import decode, try_decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.ocr import CannotRead
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.txt import add_text

SHOWN = ("From", "To", "Cc", "Date")
TOLD_BY = ("From", "To", "Subject", "Date", "Received", "Message-ID")  # one of them at least
MAX_DEPTH = 5  # mails in mails


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the head, the text and the attachments, each of these under its name."""
    message = read_message(file, name)
    outline = Outline(name, max_chars=limits.max_chars)
    add_message(outline, message, limits)
    return outline.document()


def read_message(file: BinaryIO, name: str) -> EmailMessage:
    """Return the message in a file.

    Raises:
        UnreadableDocument: it has none of the headers that all messages have.
    """
    message = message_from_binary_file(file, policy=policy.default)
    if not any(message.get(header) for header in TOLD_BY):
        raise UnreadableDocument(
            name=name,
            reason_en="it has no sender, subject or date, so it is no e-mail.",
            reason_zh="文件中没有发件人、主题或日期，不是电子邮件。",
        )
    return message


def add_message(outline: Outline, message: EmailMessage, limits: Limits, depth: int = 0) -> None:
    """Add a message under its subject."""
    heads = {header: str(message.get(header, "")) for header in SHOWN}
    add_head(outline, str(message.get("Subject", "")), heads, depth)
    body = message.get_body(("html", "plain"))
    if body is not None:
        add_body(outline, body)
    for part in attachments(message, body):
        add_attachment(outline, part, limits, depth + 1)


def add_head(outline: Outline, subject: str, heads: Mapping[str, str], level: int) -> None:
    """Add the subject as a heading, and the headers that are not empty."""
    outline.heading(level, subject)
    lines = (f"{header}: {fold(value)}" for header, value in heads.items() if value.strip())
    outline.add("\n".join(lines))


def attachments(message: EmailMessage, body: MIMEPart | None) -> Iterator[MIMEPart]:
    """Yield what has a name of its own, or is a message."""
    inside_message = 0
    for part in message.walk():
        if inside_message:
            inside_message -= 1
        elif part.get_content_type() == "message/rfc822":
            inside_message = sum(1 for _ in part.walk()) - 1
            yield cast(MIMEPart, part)
        elif part.get_filename() and part is not body and not part.is_multipart():
            yield cast(MIMEPart, part)


def add_body(outline: Outline, part: MIMEPart) -> None:
    """Add a text as HTML or as plain text."""
    text = text_of(part, outline.name)
    if part.get_content_subtype() == "html":
        add_markup(outline, parse(text))
    else:
        add_text(outline, text)


def text_of(part: MIMEPart, name: str) -> str:
    """Return the text of a part, in the encoding that it declares if that is true."""
    data = cast(bytes, part.get_payload(decode=True) or b"")
    try:
        text = try_decode(data, part.get_content_charset() or "utf-8")
    except LookupError:
        text = None
    return decode(data, name) if text is None else text


def add_attachment(outline: Outline, part: MIMEPart, limits: Limits, level: int) -> None:
    """Add an attachment under its name; one that cannot be read costs only itself.

    Raises:
        TooLarge: the text of all together is too long.
    """
    name = fold(part.get_filename() or "")
    if part.get_content_type() == "message/rfc822":
        inner = next(iter(part.iter_parts()), None)
        if isinstance(inner, EmailMessage):
            if level <= MAX_DEPTH:
                add_message(outline, inner, limits, level)
            else:
                outline.miss("attachment", "too_large", str(inner.get("Subject", "")) or name)
            return
    data = cast(bytes, part.get_payload(decode=True) or b"")
    add_file(outline, name, data, limits, level)


def add_file(outline: Outline, name: str, data: bytes, limits: Limits, level: int) -> None:
    """Add an attached file under its name; one that cannot be read is noted.

    Raises:
        TooLarge: the text of all together is too long.
    """
    outline.heading(level, name)
    try:
        outline.include(find_loader(name)(BytesIO(data), name, limits))
    except TooLarge:
        raise
    except ZhiwenError as error:
        outline.miss("attachment", reason_of(error), name)


def reason_of(error: ZhiwenError) -> GapReason:
    """Return why an attachment cannot be read."""
    if isinstance(error.__cause__, CannotRead):
        return error.__cause__.reason
    is_missing = isinstance(error.__cause__, FileNotFoundError)  # a program that would read it
    return "unsupported" if is_missing or isinstance(error, UnsupportedFormat) else "damaged"

"""Web pages. Does not know what their tags mean."""

from typing import BinaryIO

from bs4.dammit import EncodingDetector

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import BOMS, decode, try_decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse, text_of
from server.knowledge_base.loaders.outline import Outline

# Browsers read these names as the larger encoding, since pages use its characters.
READ_AS = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "big5": "big5hkscs"}


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the visible text of a page."""
    source = decode_page(file.read(), name)
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        soup = parse(source)
        add_markup(outline, soup)
    except RecursionError as error:
        raise UnreadableDocument(
            name=name,
            reason_en="its tags are nested too deeply.",
            reason_zh="标签嵌套过深。",
        ) from error
    title = soup.title
    return outline.document(text_of(title) if title else "")


def decode_page(data: bytes, name: str) -> str:
    """Return the page as text, in the encoding that it declares if that is true."""
    declared = EncodingDetector.find_declared_encoding(data, is_html=True)
    if declared and not any(data.startswith(mark) for mark, _ in BOMS):
        text = try_declared(data, READ_AS.get(declared.lower(), declared))
        if text is not None:
            return text
    return decode(data, name)


def try_declared(data: bytes, encoding: str) -> str | None:
    """Return the text, None where the page declares an encoding that is unknown or wrong."""
    if b"\0" in data:
        return None
    try:
        return try_decode(data, encoding)
    except LookupError:
        return None

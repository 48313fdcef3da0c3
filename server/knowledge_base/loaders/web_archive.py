"""Web pages saved with what belongs to them (MHTML). Does not know what their tags mean."""

from typing import BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.mail import read_message, text_of
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.markup import text_of as line_of
from server.knowledge_base.loaders.outline import Outline


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the visible text of the page itself, the first one in the file."""
    pages = (part for part in read_message(file, name).walk() if is_page(part.get_content_type()))
    page = next(pages, None)
    if page is None:
        raise UnreadableDocument(
            name=name,
            reason_en="it holds no web page.",
            reason_zh="文件中没有网页。",
        )
    outline = Outline(name, max_chars=limits.max_chars)
    soup = parse(text_of(page, name))
    add_markup(outline, soup)
    return outline.document(line_of(soup.title) if soup.title else "")


def is_page(kind: str) -> bool:
    """Tell whether a part of this type is a page."""
    return kind in ("text/html", "application/xhtml+xml")

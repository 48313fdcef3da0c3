"""Pictures of text: photographs, scans, screenshots."""

from typing import BinaryIO

from server.datatypes import Document
from server.knowledge_base.loaders.layout import add_pages
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.ocr import CannotRead, cannot_read, read_picture
from server.knowledge_base.loaders.outline import Outline


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the text in a picture."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        lines = read_picture(file.read(), limits)
    except CannotRead as error:
        raise cannot_read(name, error.reason) from error
    outline.pages_ocr = 1
    add_pages(outline, [lines])
    return outline.document()

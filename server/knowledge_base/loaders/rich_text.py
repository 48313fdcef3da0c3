"""RTF. Does not know headings: only what numbers say is one."""

from typing import BinaryIO

from striprtf.striprtf import rtf_to_text

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.txt import add_text, title_line


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the text; cells of tables stand on one line."""
    data = file.read()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise UnreadableDocument(
            name=name,
            reason_en="it is not an RTF document.",
            reason_zh="它不是 RTF 文档。",
        )
    try:
        text = rtf_to_text(data.decode("latin-1"))  # type: ignore[no-untyped-call]
    except (IndexError, LookupError, OverflowError, ValueError) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the RTF document is damaged. Save it again in the program that it is from.",
            reason_zh="RTF 文档已损坏。请用原程序重新保存后再上传。",
        ) from error
    outline = Outline(name, max_chars=limits.max_chars)
    add_text(outline, text)
    return outline.document(title_line(text.splitlines()))

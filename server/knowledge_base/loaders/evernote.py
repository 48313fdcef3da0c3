"""Notes exported from Evernote. Does not know tags of HTML."""

from typing import BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.xml_tree import parse_xml

NOTE_LEVEL = 0  # above all headings inside a note


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read all notes, each under its title, with its tags."""
    root = parse_xml(file.read(), name)
    if root.tag != "en-export":
        raise UnreadableDocument(
            name=name,
            reason_en="it is not an export of Evernote.",
            reason_zh="它不是印象笔记（Evernote）的导出文件。",
        )
    outline = Outline(name, max_chars=limits.max_chars)
    notes = list(root.iterchildren("note"))
    for note in notes:
        outline.heading(NOTE_LEVEL, fold(note.findtext("title") or ""))
        add_markup(outline, parse(note.findtext("content") or ""))
        outline.add(", ".join(fold(tag.text or "") for tag in note.iterchildren("tag")))
    return outline.document("" if len(notes) == 1 else outline.stem)

"""Notes exported from Evernote. Does not know tags of HTML."""

import re
from typing import BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.xml_tree import parse_xml

NOTE_LEVEL = 0  # above all headings inside a note
ATTACHMENT = re.compile(rb"<(data|alternate-data)\b[^<>]*>[\w+/=\s]*+</\1\s*>")  # in base64


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read all notes, each under its title, with its tags and tasks."""
    # One attachment may be longer than any text that the parser takes.
    root = parse_xml(ATTACHMENT.sub(b"", file.read()), name)
    if root.tag != "en-export":
        raise UnreadableDocument(
            name=name,
            reason_en="it is not an export of Evernote.",
            reason_zh="它不是印象笔记（Evernote）的导出文件。",
        )
    outline = Outline(name, max_chars=limits.max_chars)
    notes = list(root.iterchildren("note"))
    for note in notes:
        outline.heading(NOTE_LEVEL, note.findtext("title") or "")
        outline.add(", ".join(fold(tag.text or "") for tag in note.iterchildren("tag")))
        content = parse(note.findtext("content") or "")
        for secret in content.find_all("en-crypt"):
            if not secret.decomposed:  # with one that it was in
                secret.decompose()
        add_markup(outline, content)
        tasks = (fold(task.findtext("title") or "") for task in note.iterchildren("task"))
        outline.add("\n".join(f"- {task}" for task in tasks if task), "list")
    return outline.document("" if len(notes) == 1 else outline.stem)

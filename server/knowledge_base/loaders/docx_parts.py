"""What stands beside the body of a Word document: notes, comments, pictures, charts, headers.

Does not know styles, lists and tables.
"""

from collections.abc import Callable, Iterator
from typing import Any

from docx.oxml.ns import qn
from lxml import etree

from server.knowledge_base.loaders.drawings import FALLBACK
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.equations import EQUATION, linear
from server.knowledge_base.loaders.office_parts import (
    GRAPHICS,
    add_graphic,
    find_part,
    parts_of_kind,
    read_xml,
)
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.running_heads import RunningHeads

PARAGRAPH, TEXT = qn("w:p"), qn("w:t")
SIGNS = {
    PARAGRAPH: "\n",  # a paragraph in a paragraph is that of a text box
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
# Text that is there twice or no more: moved away, deleted, or a drawing for programs that cannot
# show the other one.
COPIES = {qn("w:moveFrom"), qn("w:del"), FALLBACK}
NOTES = {qn("w:footnoteReference"): "footnote", qn("w:endnoteReference"): "endnote"}
COMMENT = qn("w:commentReference")
RUNNING = (qn("w:headerReference"), qn("w:footerReference"))


class Beside:
    """Finds what the elements of a document call up; each note and comment is told once."""

    def __init__(self, part: Any, root: etree._Element, pictures: Pictures) -> None:
        """Number the notes in the order that ``root``, the body, calls them, by their marks."""
        self.part = part
        self.pictures = pictures
        self.texts: dict[tuple[str, str], str] = {}  # by kind and number
        for kind in ("footnote", "endnote", "comment"):
            for found in parts_of_kind(part, f"/{kind}s"):
                self.read_texts(kind, found)
        count = 0
        for element in shown(root):
            if element.tag in NOTES and self.text(element):
                count += 1
                element.text = f"[{count}]"  # empty in the file; text_of reads it in its place

    def read_texts(self, kind: str, part: Any) -> None:
        """Keep the notes or comments of a part."""
        root = read_xml(part, self.pictures.outline)
        for element in () if root is None else root.iter(qn(f"w:{kind}")):
            text = fold(text_of(element))
            author = fold(element.get(qn("w:author"), ""))
            if text:
                key = (kind, element.get(qn("w:id"), ""))
                self.texts[key] = f"{author}: {text}" if author else text

    def text(self, reference: etree._Element) -> str:
        """Return the note or comment that is called, "" where it is missing."""
        return self.texts.get(
            (NOTES.get(reference.tag, "comment"), reference.get(qn("w:id"), "")), ""
        )

    def add(self, element: etree._Element, part: Any, add_line: Callable[[str], None]) -> None:
        """Add what an element of ``part`` calls up, the notes and comments as lines.

        Before a graphic, the caller's list must be over: lines come first.
        """
        graphics = []
        for called in shown(element):
            if called.tag in NOTES and called.text:
                add_line(f"{called.text} {self.text(called)}")
            elif called.tag == COMMENT and (text := self.text(called)):
                add_line(text)
            elif called.tag in GRAPHICS:
                graphics.append(called)
        for graphic in graphics:
            add_graphic(graphic, part, self.pictures)

    def running_heads(self, root: etree._Element) -> Iterator[tuple[Any, etree._Element]]:
        """Yield the headers and footers of all sections that say something new, with their parts.

        Of the others, the pictures are read.
        """
        heads = RunningHeads()
        for reference in root.iter(*RUNNING):
            part = find_part(self.part, reference.get(qn("r:id")))
            head = None if part is None else read_xml(part, self.pictures.outline)
            if head is None:
                continue
            if heads.is_news(text_of(head)):
                yield part, head
            else:
                self.add(head, part, lambda line: None)


def shown(root: etree._Element) -> Iterator[etree._Element]:
    """Yield the elements under one in their order, without what is there twice."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag not in COPIES:
            yield element
            waiting.extend(reversed(element))


def text_of(element: etree._Element, *, are_notes_marked: bool = True) -> str:
    """Return the text under an element, text boxes on lines of their own."""
    parts: list[str] = []
    for child in element.iterchildren():
        if child.tag == TEXT or (child.tag in NOTES and are_notes_marked):
            parts.append(child.text or "")
        elif child.tag == EQUATION:
            parts.append(linear(child))
        elif child.tag not in COPIES:
            parts += SIGNS.get(child.tag, ""), text_of(child, are_notes_marked=are_notes_marked)
    return "".join(parts)

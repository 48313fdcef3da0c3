"""Comments on slides, as PowerPoint stored them and stores them now. Knows nothing else of them."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from server.knowledge_base.loaders.drawings import paragraph_lines
from server.knowledge_base.loaders.office_parts import parts_of_kind, read_xml
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.xml_tree import local_name

AUTHORS = ("/commentAuthors", "/authors")
COMMENTS = "/comments"
SAID = ("cm", "comment", "reply")


class Comments:
    """Reads comments with the names of who wrote them."""

    def __init__(self, show: Any, outline: Outline) -> None:
        """Read the authors from the main part of a presentation."""
        self.outline = outline
        self.authors: dict[str, str] = {}
        for part in (part for kind in AUTHORS for part in parts_of_kind(show, kind)):
            root = read_xml(part, outline)
            for author in () if root is None else root:
                self.authors[author.get("id", "")] = fold(author.get("name", ""))

    def on(self, slide: Any) -> Iterator[str]:
        """Yield the comments on a slide and the replies, each as one line."""
        for part in parts_of_kind(slide, COMMENTS):
            root = read_xml(part, self.outline)
            for element in () if root is None else root.iter():
                text = text_of(element) if local_name(element) in SAID else ""
                author = self.authors.get(element.get("authorId", ""), "")
                if text:
                    yield f"{author}: {text}" if author else text


def text_of(comment: etree._Element) -> str:
    """Return what a comment says, without its replies."""
    parts = [part for part in comment if local_name(part) in ("text", "txBody")]
    texts = (part.text or " ".join(paragraph_lines(part)) for part in parts)
    return fold(" ".join(texts))

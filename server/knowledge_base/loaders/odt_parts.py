"""What stands beside the text of an OpenDocument: comments, pictures, charts and equations in it.

Does not know paragraphs, lists and tables.
"""

import posixpath
from zipfile import ZipFile

from lxml import etree

from server.errors import UnreadableDocument
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml

CALLED = ("annotation", "image", "object")
COPIES = "ObjectReplacements/"  # pictures of charts and equations
LINK = "{http://www.w3.org/1999/xlink}href"


class Beside:
    """Finds what the paragraphs of a document call up; each object in it is read once."""

    def __init__(self, archive: ZipFile, pictures: Pictures) -> None:
        self.archive = archive
        self.parts = frozenset(archive.namelist())
        self.pictures = pictures
        self.outline = pictures.outline
        self.opened: set[str] = set()

    def add_picture(self, image: etree._Element) -> None:
        """Add the text in a picture of the archive; links to other places are not followed."""
        place = place_of(image)
        if place in self.parts and not place.startswith(COPIES):
            self.pictures.add(self.archive.read(place), place)
        elif place.startswith("Pictures/"):
            self.outline.miss("picture", "damaged", posixpath.basename(place))

    def open_object(self, frame: etree._Element) -> etree._Element:
        """Return the root of a document in the document; that of an equation is added."""
        place = place_of(frame)
        part = f"{place}/content.xml"
        nothing = etree.Element("nothing")
        if place in self.opened:
            return nothing
        self.opened.add(place)
        try:
            root = parse_xml(self.archive.read(part), self.outline.name)
        except (KeyError, UnreadableDocument):
            if place:
                self.outline.miss("part", "damaged", posixpath.basename(place))
            return nothing
        if local_name(root) != "math":
            return root
        self.outline.add(equation_of(root))
        return nothing


def place_of(element: etree._Element) -> str:
    """Return the place of a part in the archive, "" for none."""
    link = element.get(LINK, "")
    return posixpath.normpath(link) if link else ""


def comment_of(annotation: etree._Element, text: str) -> str:
    """Return a comment with the name of who wrote it; ``text`` is what it says."""
    names = [each.text or "" for each in annotation if local_name(each) == "creator"]
    author = fold(names[0]) if names else ""
    return f"{author}: {text}" if author and text else text


def equation_of(math: etree._Element) -> str:
    """Return an equation as it was typed, or its signs if that is not stored."""
    typed = [each for each in math.iter() if local_name(each) == "annotation"]
    return fold(typed[0].text or "") if typed else fold(" ".join(math.itertext()))

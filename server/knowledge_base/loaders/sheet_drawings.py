"""Drawings on the sheets of a workbook: text boxes, pictures, titles of charts. Knows no cells."""

import posixpath
import re
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from lxml import etree

from server.errors import UnreadableDocument
from server.knowledge_base.loaders.charts import chart_titles
from server.knowledge_base.loaders.drawings import RELATED, choose, paragraph_lines
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.office_parts import BLIP, CHART
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml

BOOK = "xl/workbook.xml"
ANCHORS = ("twoCellAnchor", "oneCellAnchor", "absoluteAnchor")
FAR = 1 << 21  # below the last row of a sheet
LIST = re.compile(r"xl/(?:worksheets|chartsheets)/_rels/[^/]*\.rels")
DRAWING = re.compile(rb"<Relationship\b[^<>]*/drawing[\"'][^<>]*/>")  # an entry of such a list
DRAWN = ("xl/drawings/", "xl/media/", "xl/charts/")
Related = dict[str, tuple[str, str]]  # by key: what kind of part it is, and its place


def without_drawings(archive: ZipFile) -> BytesIO | None:
    """Return the workbook without its drawings, None where it has none.

    openpyxl would keep all pictures in memory, and refuse a workbook for one damaged drawing.
    """
    lists = {name: archive.read(name) for name in archive.namelist() if LIST.fullmatch(name)}
    if not any(DRAWING.search(content) for content in lists.values()):
        return None
    copy = BytesIO()
    with ZipFile(copy, "w", ZIP_DEFLATED, compresslevel=1) as new:
        for name in dict.fromkeys(archive.namelist()):
            if not name.startswith(DRAWN):
                listed = lists.get(name)
                content = archive.read(name) if listed is None else DRAWING.sub(b"", listed)
                new.writestr(name, content)
    copy.seek(0)
    return copy


class Drawings:
    """Finds the drawings of the sheets in an archive."""

    def __init__(self, archive: ZipFile, pictures: Pictures) -> None:
        self.archive = archive
        self.parts = frozenset(archive.namelist())
        self.outline = pictures.outline
        self.pictures = pictures
        sheets = self.related(BOOK)
        self.sheets = {
            sheet.get("name", ""): sheets.get(sheet.get(f"{RELATED}id", ""), ("", ""))[1]
            for sheet in self.read(BOOK).iter()
            if local_name(sheet) == "sheet"
        }

    def read(self, part: str) -> etree._Element:
        """Return the root of a part; one that is damaged or missing is noted, and empty."""
        try:
            return parse_xml(self.archive.read(part), self.outline.name)
        except (KeyError, UnreadableDocument):
            self.outline.miss("part", "damaged", posixpath.basename(part))
            return etree.Element("nothing")

    def related(self, part: str) -> Related:
        """Return the parts that a part names."""
        folder, name = posixpath.split(part)
        place = f"{folder}/_rels/{name}.rels"
        found: Related = {}
        for each in self.read(place) if place in self.parts else ():
            if each.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, each.get("Target", "")))
                found[each.get("Id", "")] = (each.get("Type", ""), target.lstrip("/"))
        return found

    def add(self, sheet: str) -> None:
        """Add what is drawn on a sheet, from the top to the bottom."""
        for kind, place in self.related(self.sheets.get(sheet, "")).values():
            if kind.endswith("/drawing"):
                related = self.related(place)
                for anchor in in_order(self.read(place)):
                    self.add_shape(anchor, related)

    def add_shape(self, anchor: etree._Element, related: Related) -> None:
        """Add the text, the pictures and the titles of the charts at one place."""
        self.outline.add("\n".join(paragraph_lines(anchor)))
        for element in anchor.iter(BLIP, CHART):
            key = element.get(f"{RELATED}{'embed' if element.tag == BLIP else 'id'}", "")
            place = related.get(key, ("", ""))[1]
            if place not in self.parts:
                if place:
                    self.outline.miss("picture", "damaged", posixpath.basename(place))
            elif element.tag == BLIP:
                self.pictures.add(self.archive.read(place), place)
            else:
                self.outline.add("\n".join(chart_titles(self.read(place))))


def in_order(drawing: etree._Element) -> Iterator[etree._Element]:
    """Yield the places of a drawing from the top to the bottom."""
    choose(drawing)
    yield from sorted((each for each in drawing if local_name(each) in ANCHORS), key=row_of)


def row_of(anchor: etree._Element) -> int:
    """Return the row at which a shape begins, a far one where the file does not say so."""
    begins = next((each for each in anchor.iter() if local_name(each) == "row"), None)
    text = "" if begins is None else begins.text or ""
    return int(text[:7]) if text.isdecimal() else FAR

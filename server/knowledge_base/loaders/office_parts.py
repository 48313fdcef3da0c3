"""The parts that a part of a Word or PowerPoint package names. Knows no format inside."""

import posixpath
from collections.abc import Iterator
from typing import Any

from lxml import etree

from server.errors import UnreadableDocument
from server.knowledge_base.loaders.charts import add_chart
from server.knowledge_base.loaders.drawings import DIAGRAM, RELATED, diagram_lines
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.xml_tree import parse_xml

# Any: the packages of python-docx and python-pptx look alike, and have no types.
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
NEW_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"  # such as waterfalls
DIAGRAM_PARTS = f"{DIAGRAM}relIds"
BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
OLD_PICTURE = "{urn:schemas-microsoft-com:vml}imagedata"
GRAPHICS = frozenset({CHART, NEW_CHART, DIAGRAM_PARTS, BLIP, OLD_PICTURE})


def find_part(part: Any, key: str | None) -> Any | None:
    """Return the part that another one names by a key, None where it is outside of the file."""
    found = part.rels.get(key) if key else None
    return None if found is None or found.is_external else found.target_part


def parts_of_kind(part: Any, ending: str) -> Iterator[Any]:
    """Yield the parts that another one names whose kind has this ending."""
    for found in part.rels.values():
        if not found.is_external and found.reltype.endswith(ending):
            yield found.target_part


def name_of(part: Any) -> str:
    """Return the name of a part without its folders."""
    return posixpath.basename(str(part.partname))


def read_xml(part: Any, outline: Outline) -> etree._Element | None:
    """Return the root of a part; one that is damaged is noted."""
    try:
        return parse_xml(part.blob, outline.name)
    except UnreadableDocument:
        outline.miss("part", "damaged", name_of(part))
        return None


def add_graphic(
    element: etree._Element, part: Any, pictures: Pictures, *, page: int | None = None
) -> None:
    """Add what one of ``GRAPHICS`` shows: a picture, a chart or SmartArt of the part it is in."""
    outline = pictures.outline
    if element.tag == NEW_CHART:
        outline.miss("part", "unsupported", "chart")
        return
    attribute = {BLIP: "embed", DIAGRAM_PARTS: "dm"}.get(element.tag, "id")
    key = element.get(f"{RELATED}{attribute}")
    shown = find_part(part, key)
    if shown is None:
        if key and key not in part.rels:
            outline.miss("part", "damaged", key)
        return
    if element.tag in (BLIP, OLD_PICTURE):
        pictures.add(shown.blob, str(shown.partname), page=page)
        return
    root = read_xml(shown, outline)
    if root is None:
        return
    if element.tag == CHART:
        add_chart(outline, root, page=page)
    else:
        outline.add("\n".join(diagram_lines(root)), "list", page=page)

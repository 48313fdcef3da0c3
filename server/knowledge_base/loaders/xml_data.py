"""XML of any vocabulary. Does not know what its elements mean."""

from collections.abc import Iterator
from itertools import groupby
from typing import BinaryIO

from lxml import etree

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.records import Object, add_value
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml

MAX_DEPTH = 100


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the texts and attributes: mixed text as paragraphs, the rest as fields and rows."""
    root = parse_xml(file.read(), name)
    outline = Outline(name, max_chars=limits.max_chars)
    if depth(root) > MAX_DEPTH:
        raise UnreadableDocument(
            name=name,
            reason_en=f"its elements are nested more than {MAX_DEPTH} deep.",
            reason_zh=f"元素嵌套超过 {MAX_DEPTH} 层。",
        )
    add_value(outline, value_of(root))
    return outline.document(outline.stem)


def depth(root: etree._Element) -> int:
    """Return how deeply the elements are nested."""
    deepest = level = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        level += 1 if event == "start" else -1
        deepest = max(deepest, level)
    return deepest


def value_of(element: etree._Element) -> "str | Object":
    """Return an element as a value of ``records``; neighbours of one name are a list."""
    attributes = [(etree.QName(key).localname, value) for key, value in element.items()]
    children = [child for child in element if local_name(child)]
    if not children or is_mixed(element, children):
        text = fold("".join(element.itertext()))
        return (*attributes, *([("text", text)] if text else [])) if attributes else text
    return (*attributes, *group(children))


def group(children: list[etree._Element]) -> Iterator[tuple[str, object]]:
    """Yield children by their name, neighbours of one name together."""
    for name, same in groupby(children, local_name):
        values = [value_of(child) for child in same]
        yield name, values if len(values) > 1 else values[0]


def is_mixed(element: etree._Element, children: list[etree._Element]) -> bool:
    """Tell whether there is text beside the children: they mark words in a paragraph."""
    beside = [element.text, *(child.tail for child in children)]
    return any(text and text.strip() for text in beside)

"""XML of any vocabulary. Does not know what its elements mean."""

import re
from collections.abc import Iterable, Iterator
from html.entities import name2codepoint
from itertools import groupby
from typing import BinaryIO

from lxml import etree

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.records import Object, add_value, field
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml

MAX_DEPTH = 100
HTML_DOCTYPE = re.compile(rb"<!DOCTYPE\s+html\b", re.IGNORECASE)
ENTITY = re.compile(rb"&(\w+);")
OF_XML = {"amp", "lt", "gt", "quot"}  # the entities that need no DTD


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the texts and attributes: mixed text as paragraphs, the rest as fields and rows."""
    data = file.read()
    if HTML_DOCTYPE.search(data):
        data = ENTITY.sub(by_number, data)
    root = parse_xml(data, name)
    outline = Outline(name, max_chars=limits.max_chars)
    if depth(root) > MAX_DEPTH:
        raise UnreadableDocument(
            name=name,
            reason_en=f"its elements are nested more than {MAX_DEPTH} deep.",
            reason_zh=f"元素嵌套超过 {MAX_DEPTH} 层。",
        )
    add_value(outline, value_of(root))
    return outline.document(outline.stem)


def by_number(entity: re.Match[bytes]) -> bytes:
    """Return an entity that the DTD of XHTML defines by its number, another as it is."""
    name = entity.group(1).decode("ascii", "replace")
    code = None if name in OF_XML else name2codepoint.get(name)
    return b"&#%d;" % code if code else entity.group()


def depth(root: etree._Element) -> int:
    """Return how deeply the elements are nested."""
    deepest = level = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        level += 1 if event == "start" else -1
        deepest = max(deepest, level)
    return deepest


def value_of(element: etree._Element) -> "str | Object | list[str | Object]":
    """Return an element as a value of ``records``.

    A list where text that is no prose stands beside its children.
    """
    attributes = attributes_of(element)
    if is_prose(element):
        text = fold(prose(element))
        return (*attributes, *([("text", text)] if text else [])) if attributes else text
    if not texts_beside(element):
        return (*attributes, *group(element))
    return [*([attributes] if attributes else []), *items(element)]


def attributes_of(element: etree._Element) -> Object:
    """Return the attributes, without their namespaces."""
    return tuple((etree.QName(key).localname, value) for key, value in element.items())


def group(children: Iterable[etree._Element]) -> Iterator[tuple[str, object]]:
    """Yield children by their name, neighbours of one name together as a list."""
    for name, same in groupby(children, local_name):
        values = [value_of(child) for child in same]
        yield name, values if len(values) > 1 else values[0]


def items(element: etree._Element) -> Iterator[str | Object]:
    """Yield the texts of an element, and between them the children that nothing parts."""
    if text := fold(element.text or ""):
        yield text
    run: list[etree._Element] = []
    for child in element:
        run.append(child)
        if text := fold(child.tail or ""):
            yield tuple(group(run))
            yield text
            run = []
    if run:
        yield tuple(group(run))


def is_prose(element: etree._Element) -> bool:
    """Tell whether an element is one text, in which its children mark words.

    They do where there is text beside most of them: one stray character makes no sentence of data.
    """
    if not len(element):
        return True
    kinds = len(set(map(local_name, element)))
    is_most = 2 * texts_beside(element) >= len(element) + (kinds > 1)  # <i>A</i> or <i>B</i>
    return is_most and all(map(is_mark, element))


def is_mark(element: etree._Element) -> bool:
    """Tell whether an element could mark words: there is no more than a further mark inside."""
    is_flat = all(not len(child) for child in element)
    return is_flat and (len(element) < 2 or bool(texts_beside(element)))


def texts_beside(element: etree._Element) -> int:
    """Return how many texts that are not blank stand before, between and after the children."""
    texts = (element.text, *(child.tail for child in element))
    return sum(bool(text and text.strip()) for text in texts)


def prose(element: etree._Element) -> str:
    """Return the whole text; a mark has its attributes behind it, and an empty one ends a line."""
    parts = [element.text or ""]
    for child in element:
        text = prose(child)
        fields = "; ".join(field(key, value) for key, value in attributes_of(child))
        parts += [text, f" [{fields}]" if fields else "", "" if text else "\n"]
        parts.append(child.tail or ("" if child.getnext() is None else "\n"))
    return "".join(parts)

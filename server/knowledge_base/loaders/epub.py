"""Electronic books. Does not know the tags of their pages."""

import posixpath
import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import unquote
from zipfile import ZipFile

from bs4 import BeautifulSoup
from lxml import etree

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.embedded_pictures import Pictures
from server.knowledge_base.loaders.html import decode_page
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.xml_tree import local_name, parse_xml
from server.knowledge_base.loaders.zipped import DAMAGED, open_package

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
ADDRESS = re.compile(r"[a-z]+:|//", re.IGNORECASE)  # outside of the book, or in the page itself
FONTS = ("idpf.org/2008/embedding", "adobe.com/pdf/enc#RC")  # only fonts are made unreadable so


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the pages in the order of reading."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        with open_package(file, name, limits) as archive:
            require_readable(archive, name)
            place, package = read_package(archive, name)
            add_pages(outline, archive, limits, list(dict.fromkeys(pages(package, place))))
    except DAMAGED as error:
        raise UnreadableDocument(
            name=name,
            reason_en="the book is damaged or not an EPUB.",
            reason_zh="电子书已损坏，或不是 EPUB 文件。",
        ) from error
    titles = (element.text for element in package.iter() if local_name(element) == "title")
    return outline.document(next(filter(None, titles), ""))


def add_pages(outline: Outline, archive: ZipFile, limits: Limits, hrefs: list[str]) -> None:
    """Add the pages; those that are missing are noted, if there are others.

    Raises:
        LookupError: all of them are missing.
    """
    parts = set(archive.namelist())
    names = [href if href in parts else unquote(href) for href in hrefs]
    if names and parts.isdisjoint(names):
        raise LookupError("no page of the book is in it")
    pictures = Pictures(outline, limits)
    for page in dict.fromkeys(names):
        if page not in parts:
            outline.end_headings()
            outline.miss("part", "damaged", posixpath.basename(page))
            continue
        soup = parse(decode_page(archive.read(page), outline.name))
        before = len(outline.blocks)
        add_markup(outline, soup)
        if len(outline.blocks) == before:
            for place in pictures_on(soup, page):
                if place in parts:
                    pictures.add(archive.read(place), place)
                else:
                    outline.miss("picture", "damaged", posixpath.basename(place))


def pictures_on(soup: BeautifulSoup, page: str) -> Iterator[str]:
    """Yield the places of the pictures in the book that a page shows."""
    for tag in soup.find_all(["img", "image"]):
        link = next((str(tag[key]) for key in ("src", "xlink:href", "href") if tag.get(key)), "")
        path = unquote(link.partition("#")[0])
        if path and not ADDRESS.match(path):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(page), path))


def require_readable(archive: ZipFile, name: str) -> None:
    """Refuse a book whose text is encrypted."""
    if ENCRYPTION not in archive.namelist():
        return
    root = parse_xml(archive.read(ENCRYPTION), name)
    methods = [
        element.get("Algorithm", "")
        for element in root.iter()
        if local_name(element) == "EncryptionMethod"
    ]
    if any(not any(font in method for font in FONTS) for method in methods):
        raise UnreadableDocument(
            name=name,
            reason_en="it has a copy protection.",
            reason_zh="它带有版权保护（DRM）。",
        )


def read_package(archive: ZipFile, name: str) -> tuple[str, etree._Element]:
    """Return where the list of what the book holds lies, and that list."""
    container = parse_xml(archive.read(CONTAINER), name)
    files = (element for element in container.iter() if local_name(element) == "rootfile")
    place = next((file.get("full-path", "") for file in files), "")
    return place, parse_xml(archive.read(place), name)


def pages(package: etree._Element, place: str) -> Iterator[str]:
    """Yield the places of the parts that hold text as they are written, in the order of reading."""
    elements = [element for element in package.iter() if local_name(element)]
    items = {item.get("id"): item for item in elements if local_name(item) == "item"}
    for reference in elements:
        if local_name(reference) != "itemref":
            continue
        item = items.get(reference.get("idref"))
        if item is None or "nav" in item.get("properties", "").split():
            continue
        page = readable(item, items)
        if page is not None:
            folder = posixpath.dirname(place)
            yield posixpath.normpath(posixpath.join(folder, page.get("href", "")))


def readable(
    item: etree._Element, items: dict[str | None, etree._Element]
) -> etree._Element | None:
    """Return an item that is a page, or the first page among what may stand for it."""
    passed = set()
    found: etree._Element | None = item
    while found is not None and found not in passed:
        if found.get("media-type", "").partition(";")[0].strip().lower() in PAGES:
            return found
        passed.add(found)
        found = items.get(found.get("fallback"))
    return None

"""Counts the words of a file without its loader, so that what a loader forgets shows.

Takes the shortest way to the text of a format and does not know its structure. Where loaders leave
something out on purpose, or what is text cannot be told, it rather counts too little: a mark at an
ordinary file would teach people to overlook marks.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from email import message_from_binary_file, policy
from email.message import MIMEPart
from io import BytesIO
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, cast
from zipfile import ZipFile

from server.datatypes import Coverage, Document, heading_changes
from server.errors import ZhiwenError
from server.knowledge_base.loaders.encoding import decode, try_decode
from server.knowledge_base.loaders.prose import HAN
from server.knowledge_base.loaders.running_heads import PAGE_NUMBER
from server.knowledge_base.loaders.stripping import (
    chart_texts,
    html_text,
    markdown_text,
    note_texts,
    odt_text,
    office_text,
    restructured_text,
    subtitle_text,
    xml_text,
)
from server.knowledge_base.loaders.zipped import DAMAGED_OFFICE

if TYPE_CHECKING:
    import pypdfium2

logger = logging.getLogger(__name__)

# A counter yields the text of a file in pieces, none of which ends inside a word.
TextsOf = Callable[[BinaryIO, str], Iterable[str]]
# What counters raise on files that loaders could read all the same.
UNCOUNTABLE = (*DAMAGED_OFFICE, MemoryError, ZhiwenError)

WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
NOT_CHINESE = re.compile(rf"[^{HAN}]+")
OTHER_WORD = re.compile(rf"[^\W_{HAN}]+")
PIECE = re.compile(rf".{{1,65536}}[^\W_{HAN}]*", re.DOTALL)  # words of a long text need memory
LINES_AT_ONCE = 1000
UNSEEN = re.compile("[\xad\u200b\u2060\ufeff]")

DOCX_PARTS = re.compile(
    r"word/(?:(?:document|footnotes|endnotes|comments)\d*|diagrams/data\d*)\.xml"
)
PPTX_PARTS = re.compile(r"ppt/(?:slides/slide|notesSlides/notesSlide|diagrams/data)\d*\.xml")
XLSX_PARTS = re.compile(
    r"xl/(?:sharedStrings|comments\d*|comments/comment\d*|worksheets/\w+|drawings/drawing\d*)\.xml"
)
HEAD_PARTS = re.compile(r"word/(?:header|footer)\d*\.xml")
CHART_PARTS = re.compile(r"(?:word|ppt|xl)/charts/chart\w*\.xml")
PAGE_PARTS = re.compile(r".*\.x?html?", re.IGNORECASE)
LITERAL = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?+)(\s*:)?|(-?\d[\d.eE+-]*)', re.DOTALL)

# Words at the end of a line: loaders join some of them, and some not.
HYPHENATED = re.compile("(?<![A-Za-z])[A-Za-z]+[-\x02\ufffe]\\s*[a-z]+")
NUMBER = re.compile(r"\W*(\d{1,4})\W*")
DIGITS = re.compile(r"\d+")
EDGE_LINES = 3
MIN_REPEATS = 3
MIN_TITLE = 4  # characters of a word that may stand for a running head


def count_words(document: Document, path: Path, name: str) -> Coverage:
    """Return the coverage of a document with the words of its file, if they can be counted."""
    texts_of = COUNTERS.get(PurePath(name).suffix.lower())
    if texts_of is None:
        return document.coverage
    try:
        with path.open("rb") as file:
            words, words_read = measure(document, texts_of(file, name))
    except UNCOUNTABLE as error:
        logger.warning("The words of %r could not be counted: %r", name, error)
        return document.coverage
    return replace(document.coverage, words=words, words_read=words_read)


def measure(document: Document, texts: Iterable[str]) -> tuple[int, int]:
    """Return how many words the texts of a file have, and how many of them the document has.

    Lines that both have are only measured, which is faster and does not change the numbers.
    """
    there = Counter(line for text in texts for line in lines_of(text))
    read = Counter(line for text in texts_in(document) for line in lines_of(text))
    both = there & read
    same = sum(map(number_of_words, pieces(both)))
    words, words_read = (tally(pieces(lines - both)) for lines in (there, read))
    found = sum(min(number, words_read[word]) for word, number in words.items())
    return same + words.total(), same + found


def texts_in(document: Document) -> Iterator[str]:
    """Yield all texts of a document."""
    yield document.title
    for block, (_, further) in zip(document.blocks, heading_changes(document.blocks), strict=True):
        yield block.text
        yield from further


def lines_of(text: str) -> Iterator[str]:
    """Return the lines that are not blank, without what nobody sees."""
    return filter(None, map(str.strip, UNSEEN.sub("", text).splitlines()))


def pieces(lines: Counter[str]) -> Iterator[str]:
    """Yield lines together as long as the words of a piece need little memory."""
    for some in batched(lines.elements(), LINES_AT_ONCE):
        for piece in PIECE.finditer("\n".join(some)):
            yield piece[0]


def batched(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield so many lines at a time."""
    left = iter(lines)
    while some := list(islice(left, size)):
        yield some


def tally(texts: Iterable[str]) -> Counter[str]:
    """Return how often each word is there."""
    words = Counter[str]()
    for text in texts:
        words.update(WORD.findall(text))
    return words


def number_of_words(text: str) -> int:
    """Return how many words a text has: a Chinese character is one, as is a run of others."""
    return len(NOT_CHINESE.sub("", text)) + len(OTHER_WORD.findall(text))


def decoded(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield a text as it is."""
    yield decode(file.read(), name)


def stripped(strip: Callable[[str], str]) -> TextsOf:
    """Return the counter of a format whose text is markup."""

    def texts_of(file: BinaryIO, name: str) -> Iterator[str]:
        yield strip(decode(file.read(), name))

    return texts_of


def notes(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the titles and contents of notes."""
    yield from note_texts(decode(file.read(), name))


def office(parts: re.Pattern[str]) -> TextsOf:
    """Return the counter of a package, given how the parts are named that hold text."""

    def texts_of(file: BinaryIO, name: str) -> Iterator[str]:
        heads: dict[str, None] = {}  # the lines of headers and footers, which differ by page
        with ZipFile(file) as archive:
            for part in archive.namelist():
                is_chart = CHART_PARTS.fullmatch(part)
                is_head = HEAD_PARTS.fullmatch(part)
                if not (is_chart or is_head or parts.fullmatch(part)):
                    continue
                source = decode(archive.read(part), name)
                text = office_text(source)
                if is_head:
                    heads |= dict.fromkeys(lines_of(text))
                else:
                    yield text
                if is_chart:
                    yield from chart_texts(source)
        yield "\n".join(line for line in heads if not PAGE_NUMBER.fullmatch(line))

    return texts_of


def odt(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the body of a text."""
    with ZipFile(file) as archive:
        yield odt_text(decode(archive.read("content.xml"), name))


def epub(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield all pages, also those that are in no order of reading."""
    with ZipFile(file) as archive:
        for part in archive.namelist():
            if PAGE_PARTS.fullmatch(part):
                yield html_text(decode(archive.read(part), name))


def json_values(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the strings and numbers; a key is shown as often as its values, or not at all."""
    found = LITERAL.findall(decode(file.read(), name))
    yield " ".join(number for _, _, number in found if number)
    literals = ",".join(literal for literal, is_key, _ in found if literal and not is_key)
    yield from json.loads(f"[{literals}]")


def notebook(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield what is in the cells; of what they put out, some is there in several forms."""
    content = json.loads(decode(file.read(), name), parse_int=str, parse_float=str)
    for sheet in content.get("worksheets") or [content]:
        for cell in sheet["cells"]:
            source = "".join(cell.get("source", cell.get("input", "")))
            yield source if cell["cell_type"] == "code" else markdown_text(source)


def mail(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the texts and what can be counted of the attachments."""
    yield from part_texts(message_from_binary_file(file, policy=policy.default), name)


def part_texts(part: MIMEPart, name: str) -> Iterator[str]:
    """Yield the texts in a part of a mail; of the same in several forms, one."""
    kind = part.get_content_type()
    if part.is_multipart():
        inside = cast(list[MIMEPart], part.get_payload())
        if kind == "multipart/alternative":
            of_pages = [each for each in inside if holds_page(each)]
            inside = (of_pages or inside)[:1]
        for each in inside:
            yield from part_texts(each, name)
    elif attached := part.get_filename():
        texts_of = COUNTERS.get(PurePath(attached).suffix.lower())
        if texts_of is not None:
            yield from texts_of(BytesIO(bytes_of(part)), attached)
    elif kind in ("text/html", "application/xhtml+xml"):
        yield html_text(text_of(part, name))
    elif kind == "text/plain":
        yield text_of(part, name)


def holds_page(part: MIMEPart) -> bool:
    """Tell whether there is a web page in a part."""
    return any(each.get_content_type() == "text/html" for each in part.walk())


def bytes_of(part: MIMEPart) -> bytes:
    """Return the content of a part."""
    return cast(bytes, part.get_payload(decode=True) or b"")


def text_of(part: MIMEPart, name: str) -> str:
    """Return the text of a part, in the encoding that it declares if that is true."""
    data = bytes_of(part)
    charset = part.get_content_charset()
    text = try_decode(data, charset) if charset else None
    return decode(data, name) if text is None else text


def pdf(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the text of all pages without their running heads."""
    import pypdfium2  # by the one format that needs it

    from server.knowledge_base.loaders.pdf import PDFIUM

    pages: list[list[str]] = []
    with PDFIUM:
        document = pypdfium2.PdfDocument(file)
        try:
            for index in range(len(document)):
                text = page_text(document, index)
                pages.append([line for line in text.splitlines() if line.strip()])
        finally:
            document.close()
    yield from without_heads(pages)


def page_text(document: "pypdfium2.PdfDocument", index: int) -> str:
    """Return the text of a page, "" of one that is damaged: the loader tells that."""
    try:
        page = document[index]
    except RuntimeError:  # all errors of PDFium are
        return ""
    try:
        text_page = page.get_textpage()
        try:
            return HYPHENATED.sub(" ", text_page.get_text_range())
        finally:
            text_page.close()
    finally:
        page.close()


def without_heads(pages: list[list[str]]) -> Iterator[str]:
    """Yield the lines of pages but those at their edges that are alike on half of the pages."""
    keys = [list(page_keys(page, number)) for number, page in enumerate(pages)]
    counts = Counter(key for page in keys for key in set().union(*page))
    least = max(MIN_REPEATS, sum(map(bool, pages)) / 2)
    for lines, of_page in zip(pages, keys, strict=True):
        pairs = zip(lines, of_page, strict=True)
        yield "\n".join(line for line, own in pairs if all(counts[key] < least for key in own))


def page_keys(lines: list[str], page: int) -> Iterator[set[tuple[str, int]]]:
    """Yield for each line of a page what may be the same on all pages, nothing inside of it.

    The line itself; of the outermost ones also the first and the last word, or their number: the
    title of the book often stands beside that of the chapter.
    """
    for index, line in enumerate(lines):
        place = min(index, len(lines) - 1 - index)
        found = {(DIGITS.sub("#", line).strip(), 0)} if place < EDGE_LINES else set()
        words = line.split() if place == 0 else []
        for word in (*words[:1], *words[-1:]):
            if number := NUMBER.fullmatch(word):
                found.add(("", int(number[1]) - page))
            elif len(word) >= MIN_TITLE:
                found.add((word, 0))
        yield found


COUNTERS: dict[str, TextsOf] = {  # not: pictures; RTF, whose words its control words hide
    **dict.fromkeys((".csv", ".py", ".toml", ".tsv", ".txt"), decoded),
    **dict.fromkeys((".htm", ".html"), stripped(html_text)),
    **dict.fromkeys((".json", ".jsonl"), json_values),
    **dict.fromkeys((".markdown", ".md"), stripped(markdown_text)),
    **dict.fromkeys((".eml", ".mhtml"), mail),
    ".docx": office(DOCX_PARTS),
    ".enex": notes,
    ".epub": epub,
    ".ipynb": notebook,
    ".odt": odt,
    ".pdf": pdf,
    ".pptx": office(PPTX_PARTS),
    ".rst": stripped(restructured_text),
    ".srt": stripped(subtitle_text),
    ".xlsx": office(XLSX_PARTS),
    ".xml": stripped(xml_text),
}

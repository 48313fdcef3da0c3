"""What stands beside the text of an OpenDocument, and pages of books that are pictures."""

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZipFile

import pytest
from PIL import Image

from server.datatypes import Document, Gap
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.packages import SPACES, make_epub, make_odt
from tests.unit.knowledge_base.loaders.pictures import encode
from tests.unit.knowledge_base.loaders.test_open_formats import ONE, lists

LINK = 'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href'
PICTURE = encode(Image.new("RGB", (99, 99)), "PNG")


def with_parts(content: bytes, parts: Mapping[str, str | bytes]) -> bytes:
    buffer = BytesIO(content)
    with ZipFile(buffer, "a") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def styles(inside: str) -> dict[str, str | bytes]:
    return {"styles.xml": f"<styles {SPACES}>{inside}</styles>"}


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def test_comments_stand_after_their_paragraph_with_who_wrote_them(read: Read) -> None:
    note = (
        "<office:annotation><creator>张三</creator><date>2024-05-01</date>"
        "<text:p>请核对</text:p></office:annotation>"
    )
    body = f"<text:p>保修{note}三年</text:p><text:p>next</text:p>"
    assert texts(read("a.odt", make_odt(body))) == ["保修三年", "张三: 请核对", "next"]


def test_headers_and_footers_are_told_once_without_page_numbers(read: Read) -> None:
    page = (
        "<master-page><header><text:p>公司机密</text:p></header>"
        "<footer><text:p>第 <text:page-number>1</text:page-number> 页</text:p></footer>"
        "</master-page>"
    )
    content = with_parts(make_odt("<text:h>保养</text:h>"), styles(page * 2))
    document = read("a.odt", content)
    assert texts(document) == ["保养", "公司机密"]
    assert document.blocks[1].headings == ()


def test_lists_count_by_a_style_of_the_whole_document(read: Read) -> None:
    named = (
        '<text:list-style text:name="N1"><text:list-level-style-number text:level="1"/>'
        "</text:list-style>"
    )
    body = lists(ONE, ONE, attributes="text:style-name='N1'")
    assert read("a.odt", with_parts(make_odt(body), styles(named))).text == "1. one\n2. one"


@pytest.mark.parametrize(
    ("place", "gaps"),
    [
        ("Pictures/a.png", (Gap("picture", "no_ocr", "a.png"),)),
        ("Pictures/b.png", (Gap("picture", "damaged", "b.png"),)),
        ("http://example.org/a.png", ()),
        ("../../etc/passwd", ()),
    ],
)
def test_pictures_are_noted_where_they_are_not_read(
    read: Read, place: str, gaps: tuple[Gap, ...]
) -> None:
    body = f'<text:p>word<frame><image {LINK}="{place}"/></frame></text:p>'
    document = read("a.odt", with_parts(make_odt(body), {"Pictures/a.png": PICTURE}))
    assert document.text == "word"
    assert document.coverage.gaps == gaps


def test_equations_and_charts_in_a_document_are_read_once(read: Read) -> None:
    frame = (
        '<frame><object {link}="./{name}"/><image {link}="./ObjectReplacements/{name}"/></frame>'
    )
    math = "<math><mi>x</mi><annotation>x^2 over 3</annotation></math>"
    chart = (
        f"<chart {SPACES}><title><text:p>Sales</text:p></title><table:table>"
        "<table:table-header-rows><table:table-row><table:table-cell/><table:table-cell>"
        "<text:p>pumps</text:p></table:table-cell></table:table-row></table:table-header-rows>"
        "<table:table-rows><table:table-row><table:table-cell><text:p>2023</text:p>"
        "</table:table-cell><table:table-cell><text:p>7</text:p></table:table-cell>"
        "</table:table-row></table:table-rows></table:table></chart>"
    )
    frames = [frame.format(link=LINK, name=f"Object {n}") for n in (1, 2, 1, 3)]
    parts: dict[str, str | bytes] = {
        "Object 1/content.xml": math,
        "Object 2/content.xml": chart,
        "ObjectReplacements/Object 1": b"x",
    }
    body = f"<text:p>word{''.join(frames)}</text:p>"
    document = read("a.odt", with_parts(make_odt(body), parts))
    assert texts(document) == ["word", "x^2 over 3", "Sales", "2023; pumps: 7"]
    assert document.coverage.gaps == (Gap("part", "damaged", "Object 3"),)


def test_an_object_that_shows_itself_is_read_once(read: Read) -> None:
    frame = f'<text:p>word<frame><object {LINK}="./Object 1"/></frame></text:p>'
    inner = {"Object 1/content.xml": f"<a {SPACES}>{frame}</a>"}
    assert texts(read("a.odt", with_parts(make_odt(frame), inner))) == ["word", "word"]


def test_only_pages_of_a_book_that_are_pictures_are_read_as_such(read: Read) -> None:
    pages = {
        "a.xhtml": '<svg><image xlink:href="../b%20c.png"/></svg>',
        "b.xhtml": '<p>word</p><img src="../d.png"/>',
        "c.xhtml": '<img src="../no.png"/><img src="data:x"/>',
    }
    parts = {"OPS/b c.png": PICTURE, "OPS/d.png": PICTURE + b"x"}
    document = read("a.epub", with_parts(make_epub(pages), parts))
    assert document.text == "word"
    assert document.coverage.gaps == (
        Gap("picture", "no_ocr", "b c.png"),
        Gap("picture", "damaged", "no.png"),
    )

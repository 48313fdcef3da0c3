"""OpenDocument texts and electronic books."""

import re
from collections.abc import Mapping

import pytest

from server.datatypes import Gap
from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.packages import make_epub, make_odt, zip_up

NUMBERED = (
    '<text:list-style text:name="L1"><text:list-level-style-number text:level="1"/>'
    "</text:list-style>"
)


def item(content: str) -> str:
    return f"<text:list-item>{content}</text:list-item>"


def test_headings_paragraphs_and_notes_of_odt(read: Read) -> None:
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:h text:outline-level="1">保养</text:h><text:h text:outline-level="2">换油</text:h>'
        "<text:p>每年<text:s text:c='2'/>一次<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>或每 5000 小时</text:p></text:note-body></text:note>。</text:p>"
        "<text:section><text:p>one<text:line-break/>two</text:p></text:section>"
    )
    document = read("a.odt", make_odt(body))
    assert document.title == "保养"
    assert [(block.text, block.headings) for block in document.blocks[2:]] == [
        ("每年  一次 [或每 5000 小时]。", ("保养", "换油")),
        ("one\ntwo", ("保养", "换油")),
    ]


def test_lists_of_odt_keep_their_marks(read: Read) -> None:
    inner = f"<text:list>{item('<text:p>red</text:p>')}</text:list>"
    body = (
        f"<text:list text:style-name='L1'>{item('<text:p>one</text:p>')}"
        f"{item('<text:p>two</text:p>')}</text:list>"
        f"<text:list>{item('<text:p>pump</text:p>' + inner)}</text:list>"
    )
    first, second = read("a.odt", make_odt(body, styles=NUMBERED)).blocks
    assert (first.kind, first.text) == ("list", "1. one\n2. two")
    assert second.text == "- pump\n  - red"


def test_tables_of_odt_keep_labels_and_merged_cells(read: Read) -> None:
    def row(*cells: str) -> str:
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    def cell(text: str, attributes: str = "") -> str:
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    covered = "<table:covered-table-cell/>"
    body = (
        "<table:table><table:table-header-rows>"
        + row(cell("部件"), cell("尺寸", 'table:number-columns-spanned="2"'), covered)
        + row(cell(""), cell("宽"), cell("高"))
        + "</table:table-header-rows>"
        + row(cell("泵", 'table:number-rows-spanned="2"'), cell("3"), cell("4"))
        + row(covered, cell("5"), cell("6"))
        + "</table:table>"
    )
    (block,) = read("a.odt", make_odt(body)).blocks
    assert block.text == "部件：泵；尺寸 宽：3；尺寸 高：4\n部件：泵；尺寸 宽：5；尺寸 高：6"


def nest(levels: int) -> str:
    """Return a paragraph in a cell in a cell."""
    begin = "<table:table><table:table-rows><table:table-row><table:table-cell>"
    end = "</table:table-cell></table:table-row></table:table-rows></table:table>"
    return begin * levels + "<text:p>pump</text:p>" + end * levels


def test_tables_in_tables_are_read_once(read: Read) -> None:
    assert read("a.odt", make_odt(nest(60))).text == "pump"
    with pytest.raises(UnreadableDocument, match="256"):
        read("a.odt", make_odt(nest(10_000)))


def test_a_table_in_a_cell_comes_after_the_table(read: Read) -> None:
    def table(left: str, right: str) -> str:
        cells = "".join(f"<table:table-cell>{x}</table:table-cell>" for x in (left, right))
        return f"<table:table><table:table-row>{cells}</table:table-row></table:table>"

    inner = table("<text:p>colour</text:p>", "<text:p>red</text:p>")
    outer = table("<text:p>pump</text:p>", f"<text:p>big</text:p>{inner}")
    first, second = read("a.odt", make_odt(outer)).blocks
    assert (first.text, second.text) == ("pump: big", "colour: red")


FRAME = "<draw:frame xmlns:draw='d'><draw:text-box>{}</draw:text-box></draw:frame>"


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (
            "<text:p>before"
            + FRAME.format("<text:p>BOX ONE</text:p><text:p>BOX TWO</text:p>")
            + "after</text:p>",
            ["before\nBOX ONE\nBOX TWO\nafter"],
        ),
        (
            "<text:p>see"
            + FRAME.format(
                "<table:table><table:table-row><table:table-cell><text:p>c1</text:p>"
                "</table:table-cell><table:table-cell><text:p>c2</text:p></table:table-cell>"
                "</table:table-row></table:table>"
            )
            + "here</text:p>",
            ["see\nhere", "c1: c2"],
        ),
        (
            "<text:p>a<text:note><text:note-body><text:p>p1</text:p><text:p>p2</text:p>"
            "</text:note-body></text:note></text:p>",
            ["a [p1 p2]"],
        ),
        (
            "<table:table><table:table-row><table:table-cell><text:p>k</text:p></table:table-cell>"
            f"<table:table-cell><text:list>{item('<text:p>l1</text:p>')}"
            f"{item('<text:p>l2</text:p>')}</text:list></table:table-cell></table:table-row>"
            "</table:table>",
            ["k: l1 l2"],
        ),
        (
            "<text:p><text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>kan"
            "</text:ruby-text></text:ruby>字</text:p>",
            ["漢字"],
        ),
        ("<text:h text:outline-level='" + "9" * 5000 + "'>pump</text:h>", ["pump"]),
    ],
    ids=["boxes", "table in a frame", "note", "list in a cell", "ruby", "level"],
)
def test_paragraphs_inside_paragraphs_of_odt_stay_apart(
    read: Read, body: str, texts: list[str]
) -> None:
    assert [block.text for block in read("a.odt", make_odt(body)).blocks] == texts


LEVELS = (
    '<text:list-style text:name="L2">'
    '<text:list-level-style-number text:level="1" text:start-value="3"/>'
    '<text:list-level-style-bullet text:level="2"/></text:list-style>'
)


def lists(*contents: str, attributes: str = "text:style-name='L2'") -> str:
    return f"<text:list {attributes}>{''.join(contents)}</text:list>"


ONE = item("<text:p>one</text:p>")


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (lists(ONE, ONE), ["3. one", "4. one"]),
        (lists(ONE) + lists(ONE), ["3. one", "3. one"]),
        (
            lists(ONE)
            + "<text:p>between</text:p>"
            + lists(ONE, attributes="text:style-name='L2' text:continue-numbering='true'"),
            ["3. one", "between", "4. one"],
        ),
        (
            lists(ONE, "<text:list-item text:start-value='9'><text:p>x</text:p></text:list-item>"),
            ["3. one", "9. x"],
        ),
        (
            lists(
                "<text:list-header><text:p>head</text:p></text:list-header>",
                item(f"<text:p>one</text:p><text:p>more</text:p>{lists(ONE, attributes='')}"),
                ONE,
            ),
            ["head", "3. one", "   more", "  - one", "4. one"],
        ),
    ],
    ids=["start", "again", "continued", "item", "levels"],
)
def test_lists_of_odt_count_as_they_say(read: Read, body: str, lines: list[str]) -> None:
    text = read("a.odt", make_odt(body, styles=LEVELS)).text
    assert text.replace("\n\n", "\n").split("\n") == lines


def test_a_heading_in_a_list_is_a_heading(read: Read) -> None:
    heading = item("<text:h text:outline-level='1'>Oil</text:h><text:p>Change it.</text:p>")
    body = lists(ONE, heading) + "<text:p>Yearly.</text:p>"
    assert [
        (block.text, block.kind, block.headings)
        for block in read("a.odt", make_odt(body, styles=LEVELS)).blocks
    ] == [
        ("3. one", "list", ()),
        ("Oil", "heading", ()),
        ("4. Change it.", "list", ("Oil",)),
        ("Yearly.", "text", ("Oil",)),
    ]


def test_an_odt_with_a_password_says_so(read: Read) -> None:
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    parts = {"content.xml": "\x01\x02", "META-INF/manifest.xml": manifest}
    with pytest.raises(UnreadableDocument, match="has a password"):
        read("a.odt", zip_up(parts))


def test_a_cell_that_is_repeated_without_end_costs_nothing(read: Read) -> None:
    body = (
        "<table:table><table:table-row><table:table-cell><text:p>pump</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="999999999"/></table:table-row>'
        "<table:table-row><table:table-cell><text:p>lamp</text:p></table:table-cell>"
        "<table:table-cell><text:p>red</text:p></table:table-cell></table:table-row></table:table>"
    )
    assert "lamp" in read("a.odt", make_odt(body)).text


def test_pages_of_a_book_are_read_in_order(read: Read) -> None:
    pages = {"b.xhtml": "<h1>One</h1><p>The pump.</p>", "a.xhtml": "<h1>Two</h1><p>The lamp.</p>"}
    document = read("a.epub", make_epub(pages, title="The Book"))
    assert document.title == "The Book"
    assert [block.text for block in document.blocks] == ["One", "The pump.", "Two", "The lamp."]


def test_a_protected_book_is_refused_one_with_hidden_fonts_is_not(read: Read) -> None:
    method = '<encryption><EncryptionMethod Algorithm="{}"/></encryption>'
    pages = {"a.xhtml": "<p>pump</p>"}
    with pytest.raises(UnreadableDocument, match="copy protection"):
        read("a.epub", make_epub(pages, encryption=method.format("http://w3.org/aes128-cbc")))
    fonts = method.format("http://www.idpf.org/2008/embedding")
    assert read("a.epub", make_epub(pages, encryption=fonts)).text == "pump"


def make_book(items: str, parts: Mapping[str, str], spine: str = "") -> bytes:
    ids = spine or "".join(
        f'<itemref idref="{found}"/>' for found in re.findall(' id="(.*?)"', items)
    )
    container = '<container><rootfile full-path="a.opf"/></container>'
    package = f"<package><manifest>{items}</manifest><spine>{ids}</spine></package>"
    return zip_up({"META-INF/container.xml": container, "a.opf": package, **parts})


@pytest.mark.parametrize(
    "media",
    ["text/x-oeb1-document", "application/xhtml+xml; charset=utf-8", 'image/x" fallback="b'],
    ids=["oeb", "charset", "fallback"],
)
def test_pages_of_a_book_are_known_by_all_their_types(read: Read, media: str) -> None:
    items = (
        f'<item id="a" href="a.xhtml" media-type="{media}"/>'
        '<item id="b" href="b.xhtml" media-type="image/y" fallback="c"/>'
        '<item id="c" href="a.xhtml" media-type="application/xhtml+xml" fallback="a"/>'
    )
    book = make_book(items, {"a.xhtml": "<p>pump</p>"}, '<itemref idref="a"/>')
    assert read("a.epub", book).text == "pump"


@pytest.mark.parametrize("stored", ["a%20b.xhtml", "a b.xhtml"])
def test_names_of_pages_are_read_as_they_are_stored(read: Read, stored: str) -> None:
    items = '<item id="a" href="a%20b.xhtml" media-type="text/html"/>'
    assert read("a.epub", make_book(items, {stored: "<p>pump</p>"})).text == "pump"


def test_a_page_that_is_missing_is_noted(read: Read) -> None:
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="text/html"/>' for name in "abc"
    )
    pages = {"a.xhtml": "<p>one</p>", "c.xhtml": "<p>three</p>"}
    document = read("a.epub", make_book(items, pages))
    assert [block.text for block in document.blocks] == ["one", "three"]
    assert document.coverage.gaps == (Gap("part", "damaged", "b.xhtml"),)
    with pytest.raises(UnreadableDocument, match="damaged"):
        read("a.epub", make_book(items, {}))


def test_a_page_that_comes_twice_is_read_once(read: Read) -> None:
    items = '<item id="a" href="a.xhtml" media-type="text/html"/>'
    book = make_book(items, {"a.xhtml": "<p>pump</p>"}, '<itemref idref="a"/>' * 20_000)
    assert read("a.epub", book).text == "pump"


@pytest.mark.parametrize("name", ["a.docx", "a.epub", "a.odt", "a.pptx", "a.xlsx"])
def test_a_zip_with_encrypted_parts_is_refused(read: Read, name: str) -> None:
    content = bytearray(zip_up({"something.xml": "<a/>"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1  # the flag of an encrypted part
    with pytest.raises(UnreadableDocument):
        read(name, bytes(content))


@pytest.mark.parametrize("name", ["a.odt", "a.epub"])
def test_a_zip_of_other_things_is_refused(read: Read, name: str) -> None:
    with pytest.raises(UnreadableDocument):
        read(name, zip_up({"something.txt": "else"}))

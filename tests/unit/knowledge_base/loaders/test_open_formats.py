"""OpenDocument texts and electronic books."""

import pytest

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


@pytest.mark.parametrize("name", ["a.odt", "a.epub"])
def test_a_zip_of_other_things_is_refused(read: Read, name: str) -> None:
    with pytest.raises(UnreadableDocument):
        read(name, zip_up({"something.txt": "else"}))

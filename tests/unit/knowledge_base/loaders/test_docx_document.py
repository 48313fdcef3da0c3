import struct
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from docx.document import Document as DocxDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from server.datatypes import Block
from server.errors import TooLarge, UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import make_docx


def fill_table(document: DocxDocument, rows: list[list[str]]) -> None:
    table = document.add_table(len(rows), len(rows[0]))
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text


def append(document: DocxDocument, xml: str) -> None:
    document.element.body.insert(0, parse_xml(xml))


def test_headings_head_what_follows_in_the_order_of_the_body(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        document.add_heading("产品手册", 0)
        document.add_heading("保修", 1)
        fill_table(document, [["部件", "期限", "备注"], ["整机", "24 个月", ""]])
        document.add_paragraph("见下文。")

    document = read("a.docx", make_docx(fill))
    assert document.title == "产品手册"
    assert document.blocks == (
        Block("产品手册", "heading"),
        Block("保修", "heading", headings=("产品手册",)),
        Block("部件：整机；期限：24 个月", "table", headings=("产品手册", "保修")),
        Block("见下文。", headings=("产品手册", "保修")),
    )


@pytest.mark.parametrize(("title", "expected"), [("年报", "年报"), ("Microsoft Word - x", "首章")])
def test_title_of_the_properties_counts_if_a_person_wrote_it(
    read: Read, title: str, expected: str
) -> None:
    def fill(document: DocxDocument) -> None:
        document.core_properties.title = title
        document.add_heading("首章", 1)

    assert read("a.docx", make_docx(fill)).title == expected


def test_lists_are_one_block_with_markers(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        for text in ("先登录", "再上传"):
            document.add_paragraph(text, style="List Number")
        document.add_paragraph("小文件", style="List Bullet")

    (block,) = read("a.docx", make_docx(fill)).blocks
    assert block == Block("1. 先登录\n2. 再上传\n- 小文件", "list")


def test_merged_cells_are_not_repeated_along_the_row(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        fill_table(document, [["日期", "早班", "晚班"], ["周一", "张三", ""], ["", "李四", "王五"]])
        table = document.tables[0]
        table.cell(1, 1).merge(table.cell(1, 2))
        table.cell(1, 0).merge(table.cell(2, 0))

    assert read("a.docx", make_docx(fill)).text == (
        "日期：周一；早班/晚班：张三\n日期：周一；早班：李四；晚班：王五"
    )


def test_two_columns_of_facts_are_keys_and_values(read: Read) -> None:
    rows = [["姓名", "张三"], ["部门", "研发部"]]
    document = read("a.docx", make_docx(lambda document: fill_table(document, rows)))
    assert document.text == "姓名：张三\n部门：研发部"


def test_frame_of_one_cell_is_read_as_text(read: Read) -> None:
    document = read("a.docx", make_docx(lambda document: fill_table(document, [["注意安全"]])))
    assert document.blocks == (Block("注意安全"),)


@pytest.mark.parametrize(
    "xml",
    [
        "<w:sdt {ns}><w:sdtContent><w:p><w:r><w:t>文字</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        "<w:p {ns}><w:ins><w:r><w:t>文字</w:t></w:r></w:ins><w:del><w:r>"
        "<w:delText>旧</w:delText></w:r></w:del></w:p>",
        "<w:p {ns}><w:hyperlink><w:r><w:t>文字</w:t></w:r></w:hyperlink></w:p>",
        "<w:p {ns}><w:moveFrom><w:r><w:t>旧</w:t></w:r></w:moveFrom>"
        "<w:r><w:t>文字</w:t></w:r></w:p>",
    ],
    ids=["control", "tracked", "link", "moved"],
)
def test_text_is_read_as_it_is_shown(read: Read, xml: str) -> None:
    content = make_docx(lambda document: append(document, xml.format(ns=nsdecls("w"))))
    assert read("a.docx", content).text == "文字"


def test_numbers_that_word_makes_are_read(read: Read) -> None:
    rules = f"""<w:abstractNum {nsdecls("w")} w:abstractNumId="77"><w:lvl w:ilvl="0">
        <w:start w:val="9"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="第%1条"/></w:lvl>
        <w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/></w:lvl>
        </w:abstractNum>"""
    number = f'<w:num {nsdecls("w")} w:numId="78"><w:abstractNumId w:val="77"/></w:num>'
    item = (
        '<w:p {ns}><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="78"/></w:numPr></w:pPr>'
        "<w:r><w:t>{text}</w:t></w:r></w:p>"
    )

    def fill(document: DocxDocument) -> None:
        numbering = document.part.numbering_part.element
        numbering.insert(0, parse_xml(rules))
        numbering.append(parse_xml(number))
        for level, text in ((0, "搬运"), (1, "甲"), (0, "登高"), (1, "乙"), (0, "用电")):
            xml = item.format(ns=nsdecls("w"), level=level, text=text)
            document.element.body.insert_element_before(parse_xml(xml), "w:sectPr")

    assert read("a.docx", make_docx(fill)).text.splitlines() == [
        "第九条 搬运",
        "  a) 甲",
        "第十条 登高",
        "  a) 乙",
        "第十一条 用电",
    ]


def rezip(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    buffer = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(buffer, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


WORD = make_docx(lambda document: document.add_paragraph("文字"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"plain text", "not what its extension says"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "old binary format"),
        (WORD[:-200], "damaged"),
        (WORD[:30] + bytes(300) + WORD[330:], "damaged"),
        (rezip(WORD, lambda name, data: data[:99] if "document" in name else data), "damaged"),
        (rezip(WORD, lambda name, data: b"" if "Types" in name else data), "damaged"),
        (struct.pack("<4s18x", b"PK\x05\x06"), "a zip archive and no document"),
    ],
    ids=["text", "ole", "cut", "zeros", "xml", "types", "empty"],
)
def test_damaged_file_is_refused_with_the_reason(read: Read, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        read("a.docx", content)


def test_zip_bomb_is_refused_before_it_is_unpacked(read: Read) -> None:
    bomb = rezip(WORD, lambda name, data: bytes(20 << 20) if name == "word/document.xml" else data)
    with pytest.raises(TooLarge, match=r"10 MiB.*kb\.max_unpacked_mb"):
        read("a.docx", bomb, max_unpacked_mb=10)

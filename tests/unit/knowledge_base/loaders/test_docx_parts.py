"""What stands beside the body of a Word document."""

from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from docx.document import Document as DocxDocument
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.chart.xmlwriter import ChartXmlWriter
from pptx.enum.chart import XL_CHART_TYPE

from server.datatypes import Document, Gap
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import make_docx
from tests.unit.knowledge_base.loaders.pictures import encode
from tests.unit.knowledge_base.loaders.test_docx_document import append

Fill = Callable[[DocxDocument], object]
NOTE = '<w:r><w:{kind}Reference w:id="{number}"/></w:r>'
DRAWING = (
    "<w:p {ns}><w:r><w:drawing><a:graphic><a:graphicData><{tag}/></a:graphicData></a:graphic>"
    "</w:drawing></w:r></w:p>"
)


def paragraph(content: str) -> str:
    return f"<w:p {nsdecls('w', 'r')}>{content}</w:p>"


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def relate(document: DocxDocument, kind: str, name: str, content: bytes | str) -> str:
    """Add a part to the package, and return the key of its relation."""
    blob = content.encode() if isinstance(content, str) else content
    part = Part(PackURI(f"/word/{name}"), "application/xml", blob, document.part.package)
    return document.part.relate_to(part, kind)


def notes(kind: str, texts: dict[int, str]) -> str:
    inside = "".join(
        f'<w:{kind} w:id="{number}">{paragraph(run(text))}</w:{kind}>'
        for number, text in texts.items()
    )
    return f"<w:{kind}s {nsdecls('w')}>{inside}</w:{kind}s>"


def add_notes(document: DocxDocument) -> None:
    relate(document, RELATIONSHIP_TYPE.FOOTNOTES, "f.xml", notes("footnote", {7: "foot", 2: "two"}))
    relate(document, RELATIONSHIP_TYPE.ENDNOTES, "e.xml", notes("endnote", {7: "end"}))


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def test_notes_stand_after_the_paragraph_that_calls_them(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        add_notes(document)
        append(document, paragraph(run("last") + NOTE.format(kind="footnote", number=2)))
        calls = NOTE.format(kind="footnote", number=7) + NOTE.format(kind="endnote", number=7)
        append(document, paragraph(run("保修") + calls + run("三年")))

    assert texts(read("a.docx", make_docx(fill))) == [
        "保修[1][2]三年",
        "[1] foot",
        "[2] end",
        "last[3]",
        "[3] two",
    ]


def test_notes_in_tables_lists_and_headings(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        add_notes(document)
        table = document.add_table(2, 3)
        for cell, text in zip(table._cells, ["部件", "期限", "备注", "泵", "7", ""], strict=True):
            cell.text = text
        first = document.add_paragraph("先登录", style="List Number")
        document.add_paragraph("再上传", style="List Number")
        heading = document.add_heading("保养", 1)
        for place in (table.cell(1, 0).paragraphs[0], first, heading):
            call = NOTE.format(kind="footnote", number=7)
            place._p.append(parse_xml(call.replace("<w:r>", f"<w:r {nsdecls('w')}>")))

    assert texts(read("a.docx", make_docx(fill))) == [
        "部件：泵[1]；期限：7",
        "[1] foot",
        "1. 先登录[2]\n[2] foot\n2. 再上传",
        "保养",
        "[3] foot",
    ]


def test_notes_that_are_called_in_deleted_text_are_left_out(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        add_notes(document)
        call = NOTE.format(kind="footnote", number=7)
        append(document, paragraph(f"<w:del>{call}</w:del>" + run("now")))

    assert texts(read("a.docx", make_docx(fill))) == ["now"]


def test_comments_stand_after_their_paragraph_with_who_wrote_them(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        first = document.add_paragraph("保修三年")
        document.add_comment(first.runs, "请核对\n合同", author="张三")
        document.add_paragraph("next")

    assert texts(read("a.docx", make_docx(fill))) == ["保修三年", "张三: 请核对合同", "next"]


def test_headers_and_footers_are_told_once_without_page_numbers(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        document.add_heading("保养", 1)
        first, second = document.sections[0], document.add_section()
        second.header.is_linked_to_previous = second.footer.is_linked_to_previous = False
        for section in (first, second):
            section.header.paragraphs[0].text = "公司机密"
        first.footer.paragraphs[0].text = "第 1 页 共 5 页"
        second.footer.paragraphs[0].text = "Rev. B, page 2"

    document = read("a.docx", make_docx(fill))
    assert texts(document) == ["保养", "公司机密", "Rev. B, page 2"]
    assert document.blocks[1].headings == ()


@pytest.mark.parametrize("text", ["- 3 -", "Page 3 of 9", "第3页/共9页", "第 三 页"])
def test_what_counts_as_a_page_number(read: Read, text: str) -> None:
    def fill(document: DocxDocument) -> None:
        document.add_paragraph("word")
        document.sections[0].footer.paragraphs[0].text = text

    kept = ["第 三 页"] if "三" in text else []  # a word that a page may bear
    assert texts(read("a.docx", make_docx(fill))) == ["word", *kept]


def test_equations_are_read_as_they_are_typed(read: Read) -> None:
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    part = "<m:{tag}><m:r><m:t>{text}</m:t></m:r></m:{tag}>"
    xml = (
        f"<m:oMath {math}><m:r><m:t>x=</m:t></m:r><m:f>{part.format(tag='num', text='a+b')}"
        f"<m:den><m:sSup>{part.format(tag='e', text='c')}{part.format(tag='sup', text='2')}"
        f"</m:sSup></m:den></m:f></m:oMath>"
    )
    document = read(
        "a.docx", make_docx(lambda document: append(document, paragraph(run("设 ") + xml)))
    )
    assert document.text == "设 x=(a+b)/(c^2)"


def test_charts_give_the_numbers_behind_them(read: Read) -> None:
    data = CategoryChartData(number_format="0%")
    data.categories = ["2023", "2024"]
    data.add_series("share", (0.4, 0.6))
    xml = ChartXmlWriter(XL_CHART_TYPE.BAR_CLUSTERED, data).xml

    def fill(document: DocxDocument) -> None:
        key = relate(document, RELATIONSHIP_TYPE.CHART, "charts/chart1.xml", xml)
        place = DRAWING.format(ns=nsdecls("w", "a", "c", "r"), tag=f'c:chart r:id="{key}"')
        append(document, place)

    assert read("a.docx", make_docx(fill)).text == "2023; share: 40%\n2024; share: 60%"


def make_diagram() -> str:
    space = (
        'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    )
    point = (
        '<dgm:pt modelId="{}" type="{}"><dgm:t><a:p><a:r><a:t>{}</a:t></a:r></a:p></dgm:t></dgm:pt>'
    )
    link = '<dgm:cxn modelId="{0}{1}" srcId="{0}" destId="{1}" srcOrd="{2}"/>'
    points = [("0", "doc", ""), ("1", "node", "泵"), ("2", "node", "灯"), ("3", "node", "red")]
    return (
        f"<dgm:dataModel {space}><dgm:ptLst>"
        + "".join(point.format(*each) for each in points)
        + "</dgm:ptLst><dgm:cxnLst>"
        + "".join(link.format(*each) for each in ("021", "010", "230", "320"))
        + "</dgm:cxnLst></dgm:dataModel>"
    )


def test_smart_art_is_a_list_in_the_order_of_its_boxes(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        key = relate(document, "urn:x/diagramData", "diagrams/data1.xml", make_diagram())
        place = (
            'dgm:relIds xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
            f'r:dm="{key}"'
        )
        append(document, DRAWING.format(ns=nsdecls("w", "a", "r"), tag=place))

    assert read("a.docx", make_docx(fill)).text == "泵\n灯\n  red"


def test_a_picture_is_noted_once_where_there_is_no_ocr(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        document.add_paragraph("word")
        for _ in range(2):
            document.add_picture(BytesIO(encode(Image.new("RGB", (99, 99)), "PNG")))

    document = read("a.docx", make_docx(fill))
    assert document.coverage.gaps == (Gap("picture", "no_ocr", "image1.png"),)


def with_part(content: bytes, name: str, data: bytes) -> bytes:
    buffer = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(buffer, "w", ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, data if each == name else old.read(each))
    return buffer.getvalue()


def test_a_damaged_part_beside_the_body_is_noted(read: Read) -> None:
    def fill(document: DocxDocument) -> None:
        document.add_paragraph("word")
        add_notes(document)

    document = read("a.docx", with_part(make_docx(fill), "word/f.xml", b"<w:footnotes"))
    assert document.text == "word"
    assert document.coverage.gaps == (Gap("part", "damaged", "f.xml"),)

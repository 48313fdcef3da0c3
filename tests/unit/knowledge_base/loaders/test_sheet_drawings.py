"""Text boxes, pictures and titles of charts on sheets."""

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl.chart import LineChart, Reference
from openpyxl.drawing.image import Image as SheetImage
from openpyxl.workbook import Workbook
from PIL import Image

from server.datatypes import Gap
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.packages import make_xlsx
from tests.unit.knowledge_base.loaders.pictures import encode

MAIN = "http://schemas.openxmlformats.org/drawingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
BOX = (
    "<xdr:twoCellAnchor><xdr:from><xdr:row>{row}</xdr:row></xdr:from><xdr:sp><xdr:txBody><a:p><a:r>"
    "<a:t>{text}</a:t></a:r></a:p></xdr:txBody></xdr:sp></xdr:twoCellAnchor>"
)


def with_parts(content: bytes, parts: Mapping[str, str]) -> bytes:
    buffer = BytesIO(content)
    with ZipFile(buffer, "a", ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def draw_on_first(drawing: str, target: str = "../drawings/drawing7.xml") -> dict[str, str]:
    return {
        "xl/drawings/drawing7.xml": f'<xdr:wsDr xmlns:xdr="{SHEET}" xmlns:a="{MAIN}">{drawing}'
        "</xdr:wsDr>",
        "xl/worksheets/_rels/sheet1.xml.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship '
        f'Id="rId1" Type="{OFFICE}/drawing" Target="{target}"/></Relationships>',
    }


def test_text_boxes_are_read_from_the_top_under_the_name_of_their_sheet(read: Read) -> None:
    drawing = BOX.format(row=9, text="second") + BOX.format(row=2, text="first")
    content = with_parts(make_xlsx(lambda book: None), draw_on_first(drawing))
    document = read("a.xlsx", content)
    assert [block.text for block in document.blocks] == ["Sheet", "first", "second"]
    assert document.blocks[-1].headings == ("Sheet",)


def test_a_drawing_that_is_missing_is_noted(read: Read) -> None:
    parts = draw_on_first("", target="/xl/drawings/other.xml")
    content = with_parts(make_xlsx(lambda book: book.active.append(["word"])), parts)
    document = read("a.xlsx", content)
    assert document.text == "Sheet\n\nword"
    assert document.coverage.gaps == (Gap("part", "damaged", "other.xml"),)


def test_titles_of_charts_are_read(read: Read) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        for row in (["year", "pumps"], [2023, 7], [2024, 8]):
            sheet.append(row)
        chart = LineChart()
        chart.title, chart.y_axis.title = "Sales", "pieces"
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart, "D2")

    document = read("a.xlsx", make_xlsx(fill))
    assert document.blocks[-1].text == "Sales\npieces"


def test_pictures_are_noted_where_there_is_no_ocr(read: Read) -> None:
    def fill(book: Workbook) -> None:
        book.active.append(["word"])
        picture = encode(Image.new("RGB", (99, 99)), "PNG")
        book.active.add_image(SheetImage(BytesIO(picture)), "D2")

    document = read("a.xlsx", make_xlsx(fill))
    assert document.coverage.gaps == (Gap("picture", "no_ocr", "image1.png"),)

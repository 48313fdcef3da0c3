"""Pictures, SmartArt, equations, alternatives and comments on slides."""

from io import BytesIO
from zipfile import ZipFile

import pytest
from lxml import etree
from PIL import Image
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.oxml import parse_xml
from pptx.presentation import Presentation
from pptx.slide import Slide
from pptx.util import Inches

from server.datatypes import Document, Gap
from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.packages import make_pptx
from tests.unit.knowledge_base.loaders.pictures import encode
from tests.unit.knowledge_base.loaders.test_docx_parts import make_diagram

BOX = (Inches(1), Inches(1))
SPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
)
SHAPE = (
    "<p:sp><p:nvSpPr><p:cNvPr id='9' name='x'/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/><p:txBody>"
    "<a:bodyPr/><a:p><a:r><a:t>{}</a:t></a:r>{}</a:p></p:txBody></p:sp>"
)
FRAME = (
    "<p:graphicFrame {spaces}><p:nvGraphicFramePr><p:cNvPr id='9' name='x'/><p:cNvGraphicFramePr/>"
    "<p:nvPr/></p:nvGraphicFramePr><p:xfrm><a:off x='0' y='0'/><a:ext cx='9' cy='9'/></p:xfrm>"
    "<a:graphic><a:graphicData uri='{uri}'>{inside}</a:graphicData></a:graphic></p:graphicFrame>"
)


def blank(show: Presentation) -> Slide:
    return show.slides.add_slide(show.slide_layouts[6])


def put(slide: Slide, xml: str) -> None:
    slide.shapes._spTree.append(parse_xml(xml))


def relate(slide: object, kind: str, name: str, xml: str) -> str:
    part = slide.part  # type: ignore[attr-defined]
    made = Part(PackURI(f"/ppt/{name}"), "application/xml", part.package, xml.encode())
    return part.relate_to(made, kind)


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def test_of_alternatives_the_one_is_read_that_is_shown(read: Read) -> None:
    def fill(show: Presentation) -> None:
        both = (
            f"<mc:AlternateContent {SPACES}><mc:Choice Requires='p14'>{SHAPE.format('new', '')}"
            f"</mc:Choice><mc:Fallback>{SHAPE.format('old', '')}</mc:Fallback>"
            "</mc:AlternateContent>"
        )
        put(blank(show), both)

    assert texts(read("a.pptx", make_pptx(fill))) == ["new"]


def test_equations_are_read_in_their_place(read: Read) -> None:
    math = (
        "<mc:AlternateContent><mc:Choice Requires='a14'><a14:m><m:oMath><m:rad><m:deg/><m:e><m:r>"
        "<m:t>x</m:t></m:r></m:e></m:rad></m:oMath></a14:m></mc:Choice></mc:AlternateContent>"
        "<a:r><a:t> follows</a:t></a:r>"
    )

    def fill(show: Presentation) -> None:
        put(blank(show), SHAPE.format("From ", math).replace("<p:sp>", f"<p:sp {SPACES}>", 1))

    assert texts(read("a.pptx", make_pptx(fill))) == ["From √(x) follows"]


def test_smart_art_is_read(read: Read) -> None:
    def fill(show: Presentation) -> None:
        slide = blank(show)
        key = relate(slide, "urn:x/diagramData", "diagrams/data1.xml", make_diagram())
        uri = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
        put(slide, FRAME.format(spaces=SPACES, uri=uri, inside=f"<dgm:relIds r:dm='{key}'/>"))

    document = read("a.pptx", make_pptx(fill))
    assert texts(document) == ["泵\n灯\n  red"]
    assert document.blocks[0].page == 1


def test_smart_art_whose_boxes_hold_themselves_is_read_once(read: Read) -> None:
    diagram = make_diagram().replace('destId="1"', 'destId="3"').replace('srcId="0"', 'srcId="3"')

    def fill(show: Presentation) -> None:
        slide = blank(show)
        key = relate(slide, "urn:x/diagramData", "diagrams/data1.xml", diagram)
        put(slide, FRAME.format(spaces=SPACES, uri="x", inside=f"<dgm:relIds r:dm='{key}'/>"))

    (text,) = texts(read("a.pptx", make_pptx(fill)))
    assert sorted(line.strip() for line in text.split("\n")) == ["red", "泵", "灯"]


@pytest.mark.parametrize(
    ("title", "shown"), [("Prices", "Prices (hidden)"), ("价格", "价格（隐藏）")]
)
def test_hidden_slides_say_so(read: Read, title: str, shown: str) -> None:
    def fill(show: Presentation) -> None:
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = title
        slide._element.set("show", "0")

    assert texts(read("a.pptx", make_pptx(fill))) == [shown]


def test_comments_are_read_with_who_wrote_them(read: Read) -> None:
    space = SPACES.split(" ")[1]

    def fill(show: Presentation) -> None:
        slide = blank(show)
        relate(slide, "urn:x/comments", "comments/c1.xml", (
            f'<p:cmLst {space}><p:cm authorId="0"><p:text>请核对</p:text></p:cm></p:cmLst>'
        ))  # fmt: skip
        relate(show, "urn:x/commentAuthors", "commentAuthors.xml", (
            f'<p:cmAuthorLst {space}><p:cmAuthor id="0" name="张三"/></p:cmAuthorLst>'
        ))  # fmt: skip
        new = 'xmlns="http://schemas.microsoft.com/office/powerpoint/2018/8/main"'
        said = "<txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></txBody>"
        relate(blank(show), "urn:y/comments", "comments/modernComment_1.xml", (
            f'<cmLst {new} {SPACES}><cm authorId="{{7}}"><replyLst><reply authorId="{{8}}">'
            f"{said.format('done')}</reply></replyLst>{said.format('check')}</cm></cmLst>"
        ))  # fmt: skip
        relate(show, "urn:y/authors", "authors.xml", (
            f'<authorLst {new}><author id="{{7}}" name="Åsa"/></authorLst>'
        ))  # fmt: skip

    assert [(block.text, block.page) for block in read("a.pptx", make_pptx(fill)).blocks] == [
        ("张三: 请核对", 1),
        ("Åsa: check", 2),
        ("done", 2),
    ]


def test_charts_name_their_axes(read: Read) -> None:
    def fill(show: Presentation) -> None:
        data = CategoryChartData()
        data.categories = ["2023", "2024"]
        data.add_series("pumps", (10, 12.5))
        chart = blank(show).shapes.add_chart(XL_CHART_TYPE.LINE, *BOX, *BOX, data).chart
        chart.chart_title.text_frame.text = "Sales"
        chart.category_axis.axis_title.text_frame.text = "year"
        chart.value_axis.axis_title.text_frame.text = "pieces"
        points = XyChartData()
        points.add_series("pumps").add_data_point(0.7, 2.7)
        chart = blank(show).shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, *BOX, *BOX, points).chart
        chart.category_axis.axis_title.text_frame.text = "flow"
        chart.value_axis.axis_title.text_frame.text = "head"

    assert texts(read("a.pptx", make_pptx(fill))) == [
        "Sales (pieces)",
        "year: 2023; pumps: 10\nyear: 2024; pumps: 12.5",
        "pumps; flow: 0.7; head: 2.7",
    ]


def test_charts_of_kinds_that_python_pptx_does_not_know_are_read(read: Read) -> None:
    def fill(show: Presentation) -> None:
        data = CategoryChartData()
        data.categories = ["2023"]
        data.add_series("pumps", (10,))
        chart = blank(show).shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, *BOX, data).chart
        bars = chart._chartSpace.find(".//{*}barChart")
        bars.tag = bars.tag.replace("barChart", "bar3DChart")

    assert texts(read("a.pptx", make_pptx(fill))) == ["2023; pumps: 10"]


def test_a_chart_of_a_new_kind_is_noted(read: Read) -> None:
    new = "http://schemas.microsoft.com/office/drawing/2014/chartex"

    def fill(show: Presentation) -> None:
        slide = blank(show)
        put(slide, f"{SHAPE.format('word', '')}".replace("<p:sp>", f"<p:sp {SPACES}>"))
        put(slide, FRAME.format(spaces=SPACES, uri=new, inside=f"<x:chart xmlns:x='{new}'/>"))

    document = read("a.pptx", make_pptx(fill))
    assert document.coverage.gaps == (Gap("part", "unsupported", "chart"),)


def test_pictures_are_noted_where_there_is_no_ocr(read: Read) -> None:
    def fill(show: Presentation) -> None:
        show.core_properties.title = "known"
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = "known"
        for _ in range(2):
            picture = encode(Image.new("RGB", (99, 99)), "PNG")
            slide.shapes.add_picture(BytesIO(picture), *BOX)
        etree.SubElement(slide._element, "{x}unknown")

    document = read("a.pptx", make_pptx(fill))
    assert texts(document) == ["known"]
    assert document.coverage.gaps == (Gap("picture", "no_ocr", "image1.png"),)


def test_a_relation_without_a_target_is_refused_as_damaged(read: Read) -> None:
    content, buffer = make_pptx(blank), BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(
                name, data.replace(b"Target=", b"x=") if "slide1.xml.rels" in name else data
            )
    with pytest.raises(UnreadableDocument, match="damaged"):
        read("a.pptx", buffer.getvalue())

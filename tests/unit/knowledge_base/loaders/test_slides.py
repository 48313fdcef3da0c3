from datetime import date

from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml.ns import qn
from pptx.presentation import Presentation
from pptx.util import Inches

from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.packages import make_pptx

BOX = (Inches(1), Inches(1))


def test_slides_are_pages_with_their_titles_texts_and_notes(read: Read) -> None:
    def fill(show: Presentation) -> None:
        first = show.slides.add_slide(show.slide_layouts[1])
        first.shapes.title.text = "保养"
        body = first.placeholders[1].text_frame
        body.text = "每年一次"
        body.add_paragraph().text = "换油"
        body.paragraphs[1].level = 1
        first.notes_slide.notes_text_frame.text = "Mention the warranty."
        show.slides.add_slide(show.slide_layouts[6]).shapes.add_textbox(
            *BOX, *BOX
        ).text_frame.text = "The end"

    document = read("a.pptx", make_pptx(fill))
    assert document.title == "保养"
    assert [(block.text, block.page, block.headings) for block in document.blocks] == [
        ("保养", 1, ()),
        ("每年一次\n  换油", 1, ("保养",)),
        ("Mention the warranty.", 1, ("保养",)),
        ("The end", 2, ()),
    ]


def test_shapes_are_read_from_the_top_those_of_a_group_together(read: Read) -> None:
    def fill(show: Presentation) -> None:
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        shapes.add_textbox(0, Inches(5), *BOX).text_frame.text = "third"
        shapes.add_textbox(Inches(3), 0, *BOX).text_frame.text = "first"
        group = shapes.add_group_shape()
        group.shapes.add_textbox(0, Inches(2), *BOX).text_frame.text = "second"

    blocks = read("a.pptx", make_pptx(fill)).blocks
    assert [block.text for block in blocks] == ["first", "second", "third"]


def test_tables_keep_labels_and_merged_cells(read: Read) -> None:
    def fill(show: Presentation) -> None:
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        table = shapes.add_table(3, 3, *BOX, *BOX).table
        texts = [["部件", "重量", "价格"], ["泵", "3 kg", "12"], ["", "4 kg", "15"]]
        for row, cells in zip(table.rows, texts, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
        table.cell(1, 0).merge(table.cell(2, 0))

    (block,) = read("a.pptx", make_pptx(fill)).blocks
    assert block.kind == "table"
    assert block.text == "部件：泵；重量：3 kg；价格：12\n部件：泵；重量：4 kg；价格：15"


def test_charts_give_the_numbers_behind_them(read: Read) -> None:
    def fill(show: Presentation) -> None:
        data = CategoryChartData()
        data.categories = ["2023", "2024"]
        data.add_series("pumps", (10, 12.5))
        data.add_series("lamps", (7, None))
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, *BOX, data)

    (block,) = read("a.pptx", make_pptx(fill)).blocks
    assert block.text == "2023; pumps: 10; lamps: 7\n2024; pumps: 12.5"


def test_points_of_charts_are_rows(read: Read) -> None:
    def fill(show: Presentation) -> None:
        data = XyChartData()
        series = data.add_series("pumps")
        series.add_data_point(0.7, 2.7)
        series.add_data_point(1.8, 3.2)
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, *BOX, *BOX, data)

    (block,) = read("a.pptx", make_pptx(fill)).blocks
    assert block.text == "pumps; x: 0.7; y: 2.7\npumps; x: 1.8; y: 3.2"


def test_categories_of_two_levels_and_shares(read: Read) -> None:
    def fill(show: Presentation) -> None:
        data = CategoryChartData(number_format="0%")
        for year in ("2023", "2024"):
            category = data.add_category(year)
            category.add_sub_category("Q1")
        data.add_series("share", (0.4, 0.6))
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, *BOX, data)

    (block,) = read("a.pptx", make_pptx(fill)).blocks
    assert block.text == "2023 Q1; share: 40%\n2024 Q1; share: 60%"


def test_dates_of_charts(read: Read) -> None:
    def fill(show: Presentation) -> None:
        data = CategoryChartData()
        data.categories = [date(2024, 1, 1)]
        data.add_series("pumps", (7,))
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        shapes.add_chart(XL_CHART_TYPE.LINE, *BOX, *BOX, data)

    assert read("a.pptx", make_pptx(fill)).text == "2024-01-01; pumps: 7"


def test_no_text_is_under_the_title_of_another_slide(read: Read) -> None:
    def fill(show: Presentation) -> None:
        for title, body in (("One", "first"), ("", "second"), ("x" * 300, "third")):
            slide = show.slides.add_slide(show.slide_layouts[1])
            slide.shapes.title.text = title
            slide.placeholders[1].text_frame.text = body

    headings = {block.text: block.headings for block in read("a.pptx", make_pptx(fill)).blocks}
    assert headings["first"] == ("One",)
    assert headings["second"] == headings["third"] == ()


def test_odd_shapes_cost_no_text(read: Read) -> None:
    def fill(show: Presentation) -> None:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = "Title"
        body = slide.placeholders[1]
        body.text_frame.text = "same number"
        body._element.nvSpPr.cNvPr.set("id", str(slide.shapes.title.shape_id))
        box = slide.shapes.add_textbox(*BOX, *BOX)
        box.text_frame.text = "no kind"
        box._element.nvSpPr.cNvSpPr.attrib.pop("txBox")
        box._element.spPr.remove(box._element.spPr.find(qn("a:prstGeom")))

    text = read("a.pptx", make_pptx(fill)).text
    assert "same number" in text
    assert "no kind" in text

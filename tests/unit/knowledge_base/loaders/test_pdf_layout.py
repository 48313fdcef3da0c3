"""Paragraphs and rows of PDFs that headings, columns and pages part."""

import math
from io import BytesIO

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from server.knowledge_base.loaders.limits import OcrTime
from server.knowledge_base.parsing import tell_nobody
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import Rule, Text, make_pdf
from tests.unit.knowledge_base.loaders.pictures import draw, make_scan

LEFT, RIGHT = 72.0, 320.0  # where columns begin
HALF = "某市轨道交通一号线于去年底开通运营全长三十"  # as wide as a column
ROW = "公里，设站二十六座，其中换乘站四座，地下站二"


def lines(*texts: str, left: float = LEFT, top: float = 700, size: float = 10) -> list[Text]:
    return [(left, top - 16 * index, size, text) for index, text in enumerate(texts)]


def columns(left: list[str], right: list[str], *, top: float = 700) -> list[Text]:
    return lines(*left, top=top) + lines(*right, left=RIGHT, top=top)


def table(
    rows: list[tuple[str, ...]], *, top: float, width: float = 240
) -> tuple[list[Text], list[Rule]]:
    """Return the texts and rules of a table, its rows 24 points high."""
    high = len(rows) * 24
    wide = len(rows[0]) * width
    texts = [
        (LEFT + width * column + 4, top - 24 * row - 16, 10.0, cell)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
        if cell
    ]
    levels = [top - 24 * row for row in range(len(rows) + 1)]
    edges = [LEFT + width * column for column in range(len(rows[0]) + 1)]
    rules = [(LEFT, level, LEFT + wide, level) for level in levels]
    return texts, rules + [(edge, top, edge, top - high) for edge in edges]


def test_a_heading_longer_than_the_body_leaves_its_paragraphs_whole(read: Read) -> None:
    page = [
        (LEFT, 780.0, 24.0, "某市轨道交通一号线去年运营情况的说明"),
        *lines(HALF, ROW, "十二座。", top=740),
    ]
    assert read("a.pdf", make_pdf([page])).blocks[-1].text == f"{HALF}{ROW}十二座。"


def test_a_larger_line_that_is_no_heading_leaves_paragraphs_whole(read: Read) -> None:
    page = [
        (LEFT, 780.0, 14.0, "某市轨道交通一号线去年的运营情况由运营公司说明如下。"),
        *lines(HALF, ROW, "十二座。", top=740),
    ]
    assert read("a.pdf", make_pdf([page])).blocks[-1].text == f"{HALF}{ROW}十二座。"


def test_a_line_over_both_columns_leaves_their_paragraphs_whole(read: Read) -> None:
    notice = "本文由运营公司编写，" + "供各单位在工作中参照执行，" * 2 + "如有疑问请联系编写人"
    body = [HALF, ROW, "十二座。", "", HALF, ROW, "十二座。"]
    page = [(LEFT, 740.0, 10.0, notice), *columns(body, body)]
    blocks = read("a.pdf", make_pdf([page])).blocks
    assert [block.text for block in blocks] == [notice, *[f"{HALF}{ROW}十二座。"] * 4]


def test_short_lines_of_a_small_size_are_no_paragraph(read: Read) -> None:
    page = [*lines(HALF, ROW, "十二座。"), *lines("某市地铁公司", "人民路三号", top=600, size=8)]
    blocks = read("a.pdf", make_pdf([page])).blocks
    assert [block.text for block in blocks[1:]] == ["某市地铁公司", "人民路三号"]


PARAMETERS = [("参数", "数值"), ("车速", "80 km/h"), ("车辆", "六节编组")]


def test_a_heading_under_two_columns_heads_the_table_below_it(read: Read) -> None:
    texts, rules = table(PARAMETERS, top=560)
    body = [HALF, ROW, HALF, ROW, "十二座。"]
    page = [
        (LEFT, 740.0, 14.0, "运营情况"),
        *columns(body, body),
        (LEFT, 575.0, 14.0, "车辆参数"),
        *texts,
    ]
    blocks = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    kinds = [(block.kind, block.headings) for block in blocks if block.kind != "heading"]
    text, parameters = ("text", ("运营情况",)), ("table", ("车辆参数",))
    assert kinds == [text, text, parameters]


def test_the_last_line_of_a_longer_column_stays_in_it(read: Read) -> None:
    texts, rules = table(PARAMETERS, top=600)
    page = [*columns([HALF, ROW, HALF, ROW, "十二座。"], [HALF, ROW, HALF, "完。"]), *texts]
    blocks = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert [block.text for block in blocks[:2]] == [
        f"{HALF}{ROW}{HALF}{ROW}十二座。",
        f"{HALF}{ROW}{HALF}完。",
    ]


def test_a_cell_that_pdfium_takes_for_a_line_stays_in_its_row(read: Read) -> None:
    rows = [("站名", "里程", "换乘"), ("东门", "1.2", "二号线"), ("西门", "3.4", "无")]
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    canvas.setFont("STSong-Light", 10)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            canvas.drawString(LEFT + 120 * column, 700 - 20 * row, cell)
    canvas.save()
    (block,) = read("a.pdf", buffer.getvalue()).blocks
    assert (block.kind, block.text.split("\n")) == ("table", ["  ".join(row) for row in rows])


HEAD, TAIL = "巡检中检查了轨道道岔和信号，均未发现异常情", "况，后续每季复查一次。"


def test_a_paragraph_goes_on_in_the_next_column(read: Read) -> None:
    left = [HALF, ROW, "十二座。", "", ROW, HEAD]
    page = columns(left, [TAIL, "", HALF, ROW, HALF, "完。"])
    texts = [block.text for block in read("a.pdf", make_pdf([page])).blocks]
    assert texts == [f"{HALF}{ROW}十二座。", f"{ROW}{HEAD}{TAIL}", f"{HALF}{ROW}{HALF}完。"]


def test_notes_at_the_foot_of_a_column_part_no_paragraph(read: Read) -> None:
    page = columns([HALF, ROW, "十二座。", "", ROW, HEAD], [TAIL, "", HALF, ROW, HALF, "完。"])
    note: Text = (LEFT, 590, 7, "注：数据由运营公司提供，截至去年年底，未经审计")
    texts = [block.text for block in read("a.pdf", make_pdf([[*page, note]])).blocks]
    assert texts[1:3] == [f"{ROW}{HEAD}{TAIL}", note[-1]]


def test_a_sentence_that_a_page_parts_counts_to_its_first_page(read: Read) -> None:
    rest = "下一句从这里开始说另一件事情。"
    pages = [lines(HALF, ROW, HEAD), lines(TAIL + rest, "", HALF + "。")]
    blocks = read("a.pdf", make_pdf(pages)).blocks
    assert [(block.text, block.page) for block in blocks] == [
        (f"{HALF}{ROW}{HEAD}{TAIL}", 1),
        (rest, 2),
        (f"{HALF}。", 2),
    ]


def test_page_numbers_and_notes_part_no_sentence(read: Read) -> None:
    pages = [
        [*lines(HALF, ROW, HEAD), (LEFT, 90.0, 7.0, "注：未经审计"), (290.0, 40.0, 8.0, "- 1 -")],
        [(LEFT, 800.0, 8.0, "运营报告"), *lines(TAIL, "", HALF + "。")],
    ]
    blocks = read("a.pdf", make_pdf(pages)).blocks
    assert (blocks[0].text, blocks[0].page) == (f"{HALF}{ROW}{HEAD}{TAIL}", 1)


@pytest.mark.parametrize(
    ("end", "start"),
    [
        (HEAD[:-1] + "。", TAIL),  # the sentence is at its end
        (HEAD[:-4], TAIL),  # the line is not full
        (HEAD, "第二章 复查"),
        (HEAD, "1. " + TAIL),
    ],
)
def test_a_new_paragraph_on_the_next_page_is_one(read: Read, end: str, start: str) -> None:
    pages = [lines(HALF, ROW, end), lines(start, HALF + "。")]
    blocks = read("a.pdf", make_pdf(pages)).blocks
    assert blocks[0].text == f"{HALF}{ROW}{end}"
    assert blocks[1].text.startswith(start)


def test_an_indented_line_on_the_next_page_begins_a_paragraph(read: Read) -> None:
    pages = [lines(HALF, ROW, HEAD), [*lines(TAIL, left=LEFT + 20), *lines("", HALF + "。")]]
    assert read("a.pdf", make_pdf(pages)).blocks[0].text == f"{HALF}{ROW}{HEAD}"


WHOLE = "步骤：检查；内容：目测管路和接头有无渗漏痕迹并记录在册。"
STEPS = [("步骤", "内容"), ("检查", "目测管路和接头有无渗漏痕迹并")]


def two_pages(first: list[tuple[str, ...]], after: list[tuple[str, ...]], width: float) -> bytes:
    texts, rules = table(first, top=160, width=width)
    further, further_rules = table(after, top=780, width=width)
    return make_pdf([texts, further], rules=[rules, further_rules])


def test_a_cell_that_a_page_parts_is_one(read: Read) -> None:
    content = two_pages(STEPS, [STEPS[0], ("", "记录在册。"), ("清洗", "更换滤芯。")], 160)
    begun, continued = read("a.pdf", content).blocks
    assert (begun.text, begun.page) == (WHOLE, 1)
    assert (continued.text, continued.page) == ("步骤：清洗；内容：更换滤芯。", 2)


def test_a_page_with_nothing_but_the_rest_of_a_cell_adds_no_rows(read: Read) -> None:
    content = two_pages(STEPS, [STEPS[0], ("", "记录在册。")], 160)
    (block,) = read("a.pdf", content).blocks
    assert block.text == WHOLE


@pytest.mark.parametrize(
    ("last", "row"),
    [
        (("检查", "管路"), ("", "接头")),  # the cell was not full
        (("检查", "目测管路和接头有无渗漏痕迹。"), ("", "接头")),
        (("检查", "一二三四五六七八九十一二三四"), ("", "550")),
    ],
)
def test_a_row_without_a_key_that_begins_anew_stays_one(
    read: Read, last: tuple[str, str], row: tuple[str, str]
) -> None:
    content = two_pages([STEPS[0], last], [row, ("清洗", "更换滤芯。")], 160)
    assert read("a.pdf", content).blocks[1].text.split("\n")[0] == f"内容：{row[1]}"


def test_labels_of_a_form_begin_lines(read: Read) -> None:
    form = [
        "出租方：东门物业公司",
        "承租方：西门商贸公司",
        "租期：三年零六个月整",
        "押金：二万四千元整",
    ]
    text = read("a.pdf", make_pdf([lines(*form)])).text
    assert text.split("\n\n") == form


def test_a_label_in_the_middle_of_a_paragraph_begins_none(read: Read) -> None:
    page = lines(HALF + "有", "事项：" + HALF[3:], "完毕。")
    assert read("a.pdf", make_pdf([page])).text == "".join(text for *_, text in page)


def read_scan(read: Read, texts: list[str]) -> list[str]:
    drawn = [(120, 150 + 50 * number, 30, text) for number, text in enumerate(texts)]
    ocr = OcrTime(math.inf, tell_nobody)
    return [block.text for block in read("a.pdf", make_scan(draw(drawn)), ocr=ocr).blocks]


def test_short_lines_of_a_scan_are_no_paragraph(read: Read) -> None:
    form = ["东门物业管理公司", "西山贸易责任公司", "某市人民路三十号", "去年十二月三十日"]
    assert read_scan(read, form) == form


def test_full_lines_of_a_scan_are_a_paragraph(read: Read) -> None:
    texts = [HALF + "四公里设站二十六座共", "换乘站四座。"]
    assert read_scan(read, texts) == ["".join(texts)]

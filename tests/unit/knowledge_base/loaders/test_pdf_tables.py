"""Tables with rules in PDFs, and text in columns."""

from collections.abc import Sequence

import pytest

from server.datatypes import Block
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import Rule, Text, make_pdf

WIDE = 120
HIGH = 24
Cell = tuple[int, int, int, int, str]  # row, column, rows and columns that it reaches over, text


def grid(rows: Sequence[Sequence[str]]) -> list[Cell]:
    return [
        (number, column, 1, 1, text)
        for number, row in enumerate(rows)
        for column, text in enumerate(row)
    ]


def draw(cells: Sequence[Cell], *, top: float = 700) -> tuple[list[Text], list[Rule]]:
    """Return the texts and rules of a table."""
    texts: list[Text] = []
    rules: list[Rule] = []
    for row, column, high, wide, text in cells:
        left, right = 72 + WIDE * column, 72 + WIDE * (column + wide)
        upper, lower = top - HIGH * row, top - HIGH * (row + high)
        texts.append((left + 4, upper - 16, 11, text))
        rules += [
            (left, upper, right, upper),
            (left, lower, right, lower),
            (left, upper, left, lower),
            (right, upper, right, lower),
        ]
    return texts, rules


def tables(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if block.kind == "table"]


SALES = [
    (0, 0, 2, 1, "产品"),
    (0, 1, 1, 2, "销量"),
    (1, 1, 1, 1, "一季度"),
    (1, 2, 1, 1, "二季度"),
    *[(row + 2, *rest) for row, *rest in grid([["水泵", "12", "15"], ["阀门", "7", "9"]])],
]


def test_merged_cells_and_two_header_rows_label_each_value(read: Read) -> None:
    texts, rules = draw(SALES)
    (table,) = read("a.pdf", make_pdf([texts], rules=[rules])).blocks
    assert table.kind == "table"
    assert table.text.split("\n") == [
        "产品：水泵；销量 一季度：12；销量 二季度：15",
        "产品：阀门；销量 一季度：7；销量 二季度：9",
    ]


def test_a_cell_merged_down_counts_for_each_of_its_rows(read: Read) -> None:
    cells = [
        *grid([["城市", "住宿"]]),
        (1, 0, 2, 1, "北京"),
        (1, 1, 1, 1, "550"),
        (2, 1, 1, 1, "600"),
    ]
    texts, rules = draw(cells)
    (table,) = read("a.pdf", make_pdf([texts], rules=[rules])).blocks
    assert table.text.split("\n") == ["城市：北京；住宿：550", "城市：北京；住宿：600"]


def test_text_around_a_table_keeps_its_place(read: Read) -> None:
    texts, rules = draw(grid([["名称", "价格"], ["水泵", "12"], ["阀门", "7"]]))
    page = [(72, 740, 11, "表格之前的说明文字。"), *texts, (72, 600, 11, "表格之后的说明文字。")]
    blocks = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert [block.kind for block in blocks] == ["text", "table", "text"]
    assert blocks[1].text == "名称：水泵；价格：12\n名称：阀门；价格：7"


def test_a_caption_heads_the_rows(read: Read) -> None:
    texts, rules = draw(grid([["名称", "价格"], ["水泵", "12"], ["阀门", "7"]]))
    page = [(72, 710, 11, "表 3 价目"), *texts]
    caption, table = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert caption.text == "表 3 价目"
    assert table.headings == ("表 3 价目",)


def test_a_caption_does_not_go_on_with_the_full_line_above_it(read: Read) -> None:
    texts, rules = draw(grid([["名称", "价格"], ["水泵", "12"], ["阀门", "7"]]))
    page = [(72, 730, 11, "价格自三月起生效，"), (72, 710, 11, "表 3 价目"), *texts]
    blocks = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert [block.text for block in blocks[:2]] == ["价格自三月起生效，", "表 3 价目"]


def test_rows_on_the_next_page_keep_labels_and_caption(read: Read) -> None:
    first, first_rules = draw(SALES, top=160)
    after, after_rules = draw(grid([["法兰", "3", "4"], ["水箱", "5", "6"]]), top=780)
    end = [(72, 600, 11, "以上数据由销售部提供。")]
    pages = [[(72, 170, 11, "表 1 各产品销量"), *first], [*after, *end]]
    document = read("a.pdf", make_pdf(pages, rules=[first_rules, after_rules]))
    begun, continued = tables(document.blocks)
    assert (begun.page, continued.page) == (1, 2)
    assert continued.headings == ("表 1 各产品销量",)
    assert continued.text.split("\n")[0] == "产品：法兰；销量 一季度：3；销量 二季度：4"
    assert document.text.count("各产品销量") == 1


def test_a_header_that_is_printed_again_is_no_row(read: Read) -> None:
    first, rules = draw(SALES, top=160)
    again = [*SALES[:4], *[(row + 2, *rest) for row, *rest in grid([["法兰", "3", "4"]])]]
    after, after_rules = draw(again, top=780)
    document = read("a.pdf", make_pdf([first, after], rules=[rules, after_rules]))
    assert tables(document.blocks)[1].text == "产品：法兰；销量 一季度：3；销量 二季度：4"


def test_another_table_on_the_next_page_begins_anew(read: Read) -> None:
    first, rules = draw(grid([["名称", "价格"], ["水泵", "12"], ["阀门", "7"]]), top=160)
    cells = grid([["城市", "住宿", "餐费"], ["北京", "550", "100"], ["上海", "500", "90"]])
    after, after_rules = draw(cells, top=780)
    document = read("a.pdf", make_pdf([first, after], rules=[rules, after_rules]))
    assert tables(document.blocks)[1].text.startswith("城市：北京；住宿：550")


def test_a_frame_around_a_paragraph_is_no_table(read: Read) -> None:
    texts, rules = draw([(0, 0, 1, 3, "警告：检修前必须断开电源并挂牌。")])
    (block,) = read("a.pdf", make_pdf([texts], rules=[rules])).blocks
    assert (block.kind, block.text) == ("text", "警告：检修前必须断开电源并挂牌。")


def frame(left: float, top: float, right: float, bottom: float) -> list[Rule]:
    """Return the rules of a rectangle."""
    return [
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ]


PRICES = grid([["名称", "价格"], ["水泵", "12"], ["阀门", "7"]])
PRICES_READ = "名称：水泵；价格：12\n名称：阀门；价格：7"
TALL = [*grid([["名称", "价格", "备注"]]), *PRICES[2:]]  # its other rows have no third cell


def test_text_beside_the_short_rows_of_a_table_is_no_part_of_it(read: Read) -> None:
    texts, rules = draw(TALL)
    beside = [(332.0, 660.0, 11.0, "价格均含运费。"), (332.0, 636.0, 11.0, "另有折扣。")]
    blocks = read("a.pdf", make_pdf([[*texts, *beside]], rules=[rules])).blocks
    assert [block.text for block in blocks] == [PRICES_READ, "价格均含运费。另有折扣。"]


def test_text_close_to_a_full_cell_is_no_part_of_it(read: Read) -> None:
    cells = [cell for cell in TALL if cell[-1] != "12"]
    texts, rules = draw([*cells, (1, 1, 1, 1, "一百二十元整共十个字")])
    page = [*texts, (72 + 2 * WIDE + 4, 660, 11, "价格均含运费。")]
    table, note = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert table.text == PRICES_READ.replace("12", "一百二十元整共十个字")
    assert note.text == "价格均含运费。"


def test_text_on_both_sides_of_a_narrow_cell_is_not_lost(read: Read) -> None:
    texts, rules = draw([*PRICES, (3, 0, 1, 1, "泵盖")])
    for row in range(4):
        rules += frame(72 + 2 * WIDE, 700 - HIGH * row, 82 + 2 * WIDE, 676 - HIGH * row)
    beside = [(262.0, 612.0, 11.0, "左侧说明"), (326.0, 612.0, 11.0, "右侧说明")]
    document = read("a.pdf", make_pdf([[*texts, *beside]], rules=[rules]))
    assert [block.text for block in document.blocks] == [
        f"{PRICES_READ}\n名称：泵盖",
        "左侧说明 右侧说明",
    ]


@pytest.mark.parametrize(
    "corners",
    [
        (72, 780, 552, 628),  # around the page, with the table in its lower left corner
        (50, 780, 560, 50),
        (66, 706, 318, 622),
    ],
)
def test_a_frame_around_a_table_is_no_cell_of_it(read: Read, corners: Rule) -> None:
    texts, rules = draw(PRICES)
    page = [(80, 740, 11, "表格之前的说明文字。"), *texts]
    document = read("a.pdf", make_pdf([page], rules=[[*rules, *frame(*corners)]]))
    assert [block.text for block in document.blocks] == ["表格之前的说明文字。", PRICES_READ]


def test_a_frame_with_a_title_block_does_not_take_in_the_page(read: Read) -> None:
    head, head_rules = draw([(0, 0, 1, 2, "设备说明书"), (0, 2, 1, 1, "版本"), (0, 3, 1, 1, "乙")])
    body, body_rules = draw([(0, 0, 1, 1, "名称"), *PRICES[1:]], top=600)
    shifted = [(left + 20, height, size, text) for left, height, size, text in body]
    inner = [(left + 20, top, right + 20, low) for left, top, right, low in body_rules]
    page = [*head, (80, 640, 11, "表格之前的说明文字。"), *shifted]
    rules = [*head_rules, *inner, *frame(72, 676, 552, 50)]
    blocks = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert [block.text for block in blocks][-2:] == ["表格之前的说明文字。", PRICES_READ]
    assert "".join(block.text for block in blocks).count("水泵") == 1


def test_a_box_to_tick_leaves_its_cell_in_the_table(read: Read) -> None:
    texts, rules = draw(PRICES)
    rules += frame(120, 672, 130, 662)
    (table,) = read("a.pdf", make_pdf([texts], rules=[rules])).blocks
    assert table.text == PRICES_READ


def test_a_double_frame_around_prose_is_no_table(read: Read) -> None:
    page = [(90.0, 700.0 - 60 * number, 11.0, f"说明文字第 {number} 段。") for number in range(4)]
    rules = [*frame(50, 780, 545, 50), *frame(56, 774, 539, 56)]
    blocks = read("a.pdf", make_pdf([page], rules=[rules])).blocks
    assert [(block.kind, block.text) for block in blocks] == [
        ("text", f"说明文字第 {number} 段。") for number in range(4)
    ]


def test_two_columns_written_line_by_line_are_read_one_after_another(read: Read) -> None:
    left = [f"左栏第{number}行的文字内容用来测试阅读顺序" for number in "一二三四五六"]
    right = [line.replace("左", "右") for line in left]
    page: list[Text] = [(72, 780, 20, "通栏标题")]
    for number, pair in enumerate(zip(left, right, strict=True)):
        page += [(72, 720 - 20 * number, 10, pair[0]), (320, 720 - 20 * number, 10, pair[1])]
    text = read("a.pdf", make_pdf([page])).text
    places = [text.index(line) for line in ["通栏标题", *left, *right]]
    assert places == sorted(places)


def test_a_page_that_is_damaged_costs_only_itself(read: Read) -> None:
    content = make_pdf([[(72, 700, 11, "第一页的文字")], [(72, 700, 11, "第二页的文字")]])
    broken = content.replace(b"8 0 obj\n<< /Type /Page ", b"8 0 obj\n<< /Type /Nope ")
    assert broken != content
    document = read("a.pdf", broken)
    assert document.blocks[0].text == "第一页的文字"
    assert [(gap.kind, gap.reason, gap.name) for gap in document.coverage.gaps] == [
        ("page", "damaged", "2")
    ]

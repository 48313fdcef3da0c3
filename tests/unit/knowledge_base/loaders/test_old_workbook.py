"""Workbooks of the old binary format."""

from datetime import date

import pytest

from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.ole import make_ole, make_xls
from tests.unit.knowledge_base.loaders.packages import make_xlsx


def test_rows_carry_their_labels_under_the_names_of_sheets(read: Read) -> None:
    rows = [["名称", "价格", "日期"], ["泵", 12.5, date(2024, 5, 1)], ["灯", 8, None]]
    sheets = {"价格": rows, "空": [], "旧价": [["secret", "pump"]]}
    document = read("a.xls", make_xls(sheets, hidden=["旧价"]))
    assert document.title == "a"
    assert [block.text for block in document.blocks] == [
        "价格",
        "名称：泵；价格：12.5；日期：2024-05-01\n名称：灯；价格：8",
        "旧价（隐藏）",
        "secret: pump",
    ]


def test_values_are_shown_as_excel_shows_them(read: Read) -> None:
    rows = [["share", "price", "number", "ok"], [0.125, 3.5, 7, True]]
    forms = {(1, 0): "0.00%", (1, 1): '"¥"#,##0.00', (1, 2): "00000"}
    text = read("a.xls", make_xls({"s": rows}, forms=forms)).text
    assert text.endswith("share: 12.50%; price: ¥3.5; number: 00007; ok: TRUE")


def test_merged_cells_reach_over_columns_and_rows(read: Read) -> None:
    rows = [
        ["Region", "2023", None, "2024", None],
        [None, "Q1", "Q2", "Q1", "Q2"],
        ["North", 1, 2, 3, 4],
        [None, 5, 6, 7, 8],
    ]
    merged = [(0, 1, 0, 0), (0, 0, 1, 2), (0, 0, 3, 4), (2, 3, 0, 0)]
    text = read("a.xls", make_xls({"s": rows}, merged=merged)).text
    assert text.endswith(
        "Region: North; 2023 Q1: 1; 2023 Q2: 2; 2024 Q1: 3; 2024 Q2: 4\n"
        "Region: North; 2023 Q1: 5; 2023 Q2: 6; 2024 Q1: 7; 2024 Q2: 8"
    )


def test_cells_merged_over_all_of_a_sheet_are_refused(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="merged"):
        read("a.xls", make_xls({"s": [["a"]]}, merged=[(0, 65535, 0, 255)]))


def test_a_cell_at_the_far_end_costs_nothing(read: Read) -> None:
    rows = [["near"], *[[]] * 60_000, [*[None] * 255, "far"]]
    assert read("a.xls", make_xls({"s": rows})).text == "s\n\nnear\n\nfar"


def test_the_new_format_under_the_old_name_is_read(read: Read) -> None:
    content = make_xlsx(lambda book: book.active.append(["名称", "泵"]))
    assert read("a.xls", content).text.endswith("名称：泵")


@pytest.mark.parametrize(
    "content",
    [
        b"name\tprice\n",
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000),
        make_ole({"Other": b"x" * 5000}),
        make_xls({"s": [["a"]]})[:-3000],
    ],
    ids=["text", "zeros", "other", "cut"],
)
def test_other_and_damaged_files_are_refused(read: Read, content: bytes) -> None:
    with pytest.raises(UnreadableDocument):
        read("a.xls", content)


def test_a_workbook_with_a_password_says_so(read: Read) -> None:
    plain = make_xls({"s": [["a"]]})
    mark = bytes.fromhex("42000200b004")  # the code page, where a file pass may stand as well
    assert plain.count(mark) == 1
    with pytest.raises(UnreadableDocument, match="has a password"):
        read("a.xls", plain.replace(mark, bytes.fromhex("2f000200b004")))

import re
from datetime import date, datetime
from io import BytesIO
from zipfile import ZipFile

import pytest
from openpyxl.comments import Comment
from openpyxl.workbook import Workbook

from server.datatypes import Gap
from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.packages import make_xlsx


def lines(read: Read, fill: object) -> list[str]:
    return read("a.xlsx", make_xlsx(fill)).text.split("\n")  # type: ignore[arg-type]


def test_each_row_carries_its_labels_under_the_name_of_its_sheet(read: Read) -> None:
    def fill(book: Workbook) -> None:
        book.active.title = "价格"
        for row in (["名称", "价格", "日期"], ["泵", 12.5, date(2024, 5, 1)], ["灯", 8, None]):
            book.active.append(row)
        book.create_sheet("空")
        hidden = book.create_sheet("old")
        hidden.append(["secret", "pump"])
        hidden.sheet_state = "hidden"

    document = read("a.xlsx", make_xlsx(fill))
    assert document.title == "a"
    assert [block.text for block in document.blocks] == [
        "价格",
        "名称：泵；价格：12.5；日期：2024-05-01\n名称：灯；价格：8",
        "old (hidden)",
        "secret: pump",
    ]
    assert document.blocks[1].headings == ("价格",)


def test_values_are_shown_as_excel_shows_them(read: Read) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        sheet.append(["share", "price", "when", "ok", "long"])
        when = datetime(2024, 5, 1, 13, 30)  # noqa: DTZ001  # Excel knows no zones
        sheet.append([0.125, 3.5, when, True, 0.1 + 0.2])
        sheet["A2"].number_format = "0.0%"
        sheet["B2"].number_format = '"¥"#,##0.00'

    assert lines(read, fill)[-1] == (
        "share: 12.5%; price: ¥3.5; when: 2024-05-01 13:30; ok: TRUE; long: 0.3"
    )


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (100, "[$¥-804]#,##0.00", "¥100"),
        (5210000, "¥#,##0", "¥5,210,000"),
        (-1234567.5, "#,##0.00", "-1,234,567.5"),
        (5210000, "#,##0,", "5210000"),
        (5210000, "0", "5210000"),
        (200, "[$€-407]#,##0", "€200"),
        (5, "[$-409]#,##0", "5"),
        (7, "$#,##0;[Red]-$#,##0", "$7"),
        (0.1234, "0.##%", "12.34%"),
        (0.4, "0%", "40%"),
        (7, "00000", "00007"),
        (3, '0"台"', "3台"),
        (1e21, "General", "1e+21"),
    ],
)
def test_numbers_by_their_format(read: Read, value: float, form: str, shown: str) -> None:
    def fill(book: Workbook) -> None:
        book.active["A1"] = value
        book.active["A1"].number_format = form

    assert lines(read, fill)[-1] == shown


def test_formulas_that_nobody_computed_are_shown_and_counted(read: Read) -> None:
    def fill(book: Workbook) -> None:
        book.active.append(["name", "price"])
        book.active.append(["pump", 7])
        book.active.append(["total", "=SUM(B2:B2)"])
        book.create_sheet("other").append(["twice", "=Sheet!B2*2"])

    document = read("a.xlsx", make_xlsx(fill))
    assert document.text.split("\n") == [
        *("Sheet", "", "name: pump; price: 7", "name: total; price: =SUM(B2:B2)"),
        *("", "other", "", "twice: =Sheet!B2*2"),
    ]
    assert document.coverage.gaps == (Gap("formula", "not_computed", "2"),)


def test_formulas_that_were_computed_are_no_gap(read: Read) -> None:
    buffer = BytesIO()
    content = make_xlsx(lambda book: book.active.append(["sum", "=1+1", '=""']))
    with ZipFile(BytesIO(content)) as old, ZipFile(buffer, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.startswith("xl/worksheets/"):
                computed = b'<c r="B1"><f>1+1</f><v>2</v></c><c r="C1" t="str"><f>""</f><v></v></c>'
                part = re.sub(rb'<c r="B1".*</c>', computed, part)
            new.writestr(name, part)
    document = read("a.xlsx", buffer.getvalue())
    assert document.text == "Sheet\n\nsum: 2"
    assert document.coverage.gaps == ()


def test_forms_with_merged_values_have_no_labels(read: Read) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        for row in (["姓名", "张三"], ["地址", "北京市"], ["电话", "138"]):
            sheet.append(row)
            sheet.merge_cells(
                start_row=sheet.max_row, end_row=sheet.max_row, start_column=2, end_column=4
            )
        other = book.create_sheet("other")
        other.append(["姓名", "张三", "性别", "男"])
        other.append(["地址", "北京市"])
        other.merge_cells("B2:D2")

    text = read("a.xlsx", make_xlsx(fill)).text
    assert "姓名：张三\n地址：北京市\n电话：138" in text
    assert text.endswith("姓名；张三；性别；男\n地址；北京市")


def test_empty_cells_with_a_style_cost_nothing(read: Read) -> None:
    def fill(book: Workbook) -> None:
        for number in range(1, 200):
            book.active.cell(number, 1, f"row {number}")
            book.active.cell(number, 16384).number_format = "0%"

    assert len(lines(read, fill)) == 2 + 199


def test_a_merged_cell_makes_no_rows(read: Read) -> None:
    def fill(book: Workbook) -> None:
        book.active["A1"] = "word"
        book.active.merge_cells("A1:A2000")

    assert lines(read, fill)[2:] == ["word"]


def test_merged_cells_reach_over_columns_and_rows(read: Read) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        sheet.append(["Region", "2023", None, "2024", None])
        sheet.append([None, "Q1", "Q2", "Q1", "Q2"])
        sheet.append(["North", 1, 2, 3, 4])
        sheet.append([None, 5, 6, 7, 8])
        for area in ("A1:A2", "B1:C1", "D1:E1", "A3:A4"):
            sheet.merge_cells(area)

    assert lines(read, fill)[-2:] == [
        "Region: North; 2023 Q1: 1; 2023 Q2: 2; 2024 Q1: 3; 2024 Q2: 4",
        "Region: North; 2023 Q1: 5; 2023 Q2: 6; 2024 Q1: 7; 2024 Q2: 8",
    ]


def test_title_above_a_table_and_tables_below_each_other(read: Read) -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        sheet["B2"] = "Prices 2024"
        for place, value in {"B3": "name", "C3": "kind", "D3": "price"}.items():
            sheet[place] = value
        for place, value in {"B4": "pump", "C4": "red", "D4": 7}.items():
            sheet[place] = value
        for place, value in {"A9": "Key", "B9": "Value", "A10": "city", "B10": "Lund"}.items():
            sheet[place] = value
        sheet["D4"].comment = Comment("without tax", "A")

    assert lines(read, fill)[2:] == [
        "Prices 2024",
        "",
        "name: pump; kind: red; price: 7",
        "",
        "Key: city; Value: Lund",
        "",
        "D4: without tax",
    ]


def test_a_cell_at_the_far_end_costs_nothing(read: Read) -> None:
    def fill(book: Workbook) -> None:
        book.active["A1"] = "near"
        book.active["XFD1048576"] = "far"

    assert lines(read, fill)[2:] == ["near", "", "far"]


def test_old_and_other_files_are_refused(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="old binary format or has a password"):
        read("a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    with pytest.raises(UnreadableDocument, match="not what its extension says"):
        read("a.xlsx", b"name,price\n")


def test_workbook_that_lacks_a_sheet_is_refused(read: Read) -> None:
    buffer = BytesIO()
    with (
        ZipFile(BytesIO(make_xlsx(lambda book: book.active.append(["a"])))) as old,
        ZipFile(buffer, "w") as new,
    ):
        for name in old.namelist():
            if "sheet1" not in name:
                new.writestr(name, old.read(name))
    with pytest.raises(UnreadableDocument, match="damaged"):
        read("a.xlsx", buffer.getvalue())

import pytest

from server.knowledge_base.loaders.tables import Row, has_header, row_lines


def lines(rows: list[Row], header_rows: int) -> list[str]:
    return list(row_lines(rows, header_rows=header_rows))


def test_each_row_names_its_columns() -> None:
    assert lines([["Part", "Mass"], ["Pump", "3 kg"], ["Lamp", ""]], 1) == [
        "Part: Pump; Mass: 3 kg",
        "Part: Lamp",
    ]


def test_chinese_headers_have_chinese_punctuation() -> None:
    assert lines([["项目", "数值："], ["质量", "148 kg"]], 1) == ["项目：质量；数值：148 kg"]


def test_two_columns_without_a_header_are_key_and_value() -> None:
    assert lines([["姓名：", "张三"], ["Age", "30"]], 0) == ["姓名：张三", "Age: 30"]


def test_repeated_header_is_left_out() -> None:
    assert lines([["A", "B"], ["1", "2"], ["A", "B"], ["3", "4"]], 1) == [
        "A: 1; B: 2",
        "A: 3; B: 4",
    ]


def test_two_header_rows_are_joined_for_each_column() -> None:
    rows: list[Row] = [["地区", "2024 年", None], ["地区", "收入", "占比"], ["华东", "248", "39%"]]
    assert lines(rows, 2) == ["地区：华东；2024 年 收入：248；2024 年 占比：39%"]


def test_wide_cell_has_the_labels_of_all_its_columns() -> None:
    assert lines([["Day", "Early", "Late"], ["Mon", "Ann", None]], 1) == [
        "Day: Mon; Early/Late: Ann"
    ]


def test_cell_over_the_whole_row_stands_alone() -> None:
    assert lines([["A", "B"], ["Pumps", None], ["1", "2"]], 1) == ["Pumps", "A: 1; B: 2"]


def test_header_without_rows_is_kept_as_a_row() -> None:
    assert lines([["Part", "Mass", "Price"]], 1) == ["Part; Mass; Price"]


def test_cells_beyond_the_header_are_kept() -> None:
    assert lines([["A", "B"], ["1", "2", "3"]], 1) == ["A: 1; B: 2; 3"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["城市", "类型", "电话"], ["杭州", "总部", "0571-0550"]], True),
        ([["杭州", "总部", "0571-0550"], ["嘉兴", "工厂", "0573-0550"]], False),
        ([["张三", "研发", "北京"], ["李四", "研发", "上海"]], False),
        ([["姓名", "张三"], ["部门", "研发"]], False),
        ([["名称", "张三"], ["部门", "研发"]], True),
        ([["月份", "销量 "], ["一月", "120"], ["二月", "98.5%"]], True),
        ([["A", "B", "C"]], False),
        ([["only"], ["one"]], False),
    ],
)
def test_header_is_guessed_from_the_cells(rows: list[Row], expected: bool) -> None:
    assert has_header(rows) is expected

import pytest

from server.datatypes import Block
from tests.unit.knowledge_base.loaders.conftest import Read


def test_headings_head_what_follows(read: Read) -> None:
    document = read("a.md", "# 手册\n\n总则\n\n## 休假 ##\n\n年假\n\n报销\n---\n\n差旅\n")
    assert document.title == "手册"
    assert document.blocks == (
        Block("手册", "heading"),
        Block("总则", headings=("手册",)),
        Block("休假", "heading", headings=("手册",)),
        Block("年假", headings=("手册", "休假")),
        Block("报销", "heading", headings=("手册",)),
        Block("差旅", headings=("手册", "报销")),
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("**重点**和*强调*以及`code`", "重点和强调以及code"),
        ("尺寸 600*400*300 mm，2**3**4", "尺寸 600*400*300 mm，2**3**4"),
        ("见[说明](http://a.b/c)与![图](x.png)", "见说明与图"),
        ("换行的\n中文", "换行的中文"),
        ("wrapped\nEnglish", "wrapped English"),
        ("one  \ntwo<br>three", "one\ntwo\nthree"),
        ("H<sub>2</sub>O at <host>", "H2O at <host>"),
        ("[注]:这是说明", "[注]:这是说明"),
        ("> 引用的话", "引用的话"),
        ("```python\nprint(1)\n\n  x\n```", "print(1)\n\n  x"),
        ("snake_case_name", "snake_case_name"),
    ],
)
def test_marks_go_and_text_stays(read: Read, source: str, text: str) -> None:
    assert read("a.md", source).text == text


def test_list_is_one_block_with_its_markers(read: Read) -> None:
    (block,) = read("a.md", "3. 登录\n4. 上传\n   继续\n   - 小于 *2* GB\n\n   再一段\n").blocks
    assert block == Block("3. 登录\n4. 上传继续\n  - 小于 2 GB\n    再一段", "list")


def test_table_rows_can_be_read_alone(read: Read) -> None:
    source = "## 规格\n\n| 项目 | 数值 |\n| --- | ---: |\n| **质量** | 148 kg |\n| 层数 | |\n"
    assert read("a.md", source).blocks[-1] == Block(
        "项目：质量；数值：148 kg\n项目：层数", "table", headings=("规格",)
    )


def test_table_with_a_blank_header_is_keys_and_values(read: Read) -> None:
    assert read("a.md", "| | |\n| --- | --- |\n| Mass | 3 kg |\n").text == "Mass: 3 kg"


def test_html_table_in_markdown_is_read_as_a_table(read: Read) -> None:
    source = "<table><tr><th>名称</th><th>价格</th></tr><tr><td>泵</td><td>12</td></tr></table>"
    assert read("a.md", source).blocks == (Block("名称：泵；价格：12", "table"),)


def test_front_matter_gives_the_title_only(read: Read) -> None:
    document = read("a.md", "---\ntitle: 产品手册\ntags: [a, b]\n---\n# 第一章\n\n正文\n")
    assert (document.title, document.text) == ("产品手册", "第一章\n\n正文")


@pytest.mark.parametrize("source", ["---\n正文在两条线之间\n---\n后文", "---\na: [\n---\n后文"])
def test_rules_that_enclose_prose_are_no_front_matter(read: Read, source: str) -> None:
    assert source.split("\n")[1] in read("a.md", source).text


def test_overlong_heading_is_text(read: Read) -> None:
    (block,) = read("a.md", "# " + "很长的标题" * 50).blocks
    assert block.kind == "text"


def test_deep_quotes_do_not_overflow(read: Read) -> None:
    assert "text" in read("a.md", ">" * 5000 + " text\n\ntext").text

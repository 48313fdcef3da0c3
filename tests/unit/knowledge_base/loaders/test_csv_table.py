import pytest

from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(read: Read, delimiter: str) -> None:
    rows = [["name", "price", "note"], ["pump", "1.5", "blue"], ["lamp", "20", "red"]]
    text = "\n".join(map(delimiter.join, rows))
    assert read("a.csv", text).text == (
        "name: pump; price: 1.5; note: blue\nname: lamp; price: 20; note: red"
    )


def test_commas_in_numbers_do_not_hide_semicolons(read: Read) -> None:
    text = "Teil;Preis\nPumpe;1,50\nLampe;20,00\nRohr;7,25\n"
    assert read("a.csv", text).text.splitlines()[0] == "Teil: Pumpe; Preis: 1,50"


def test_quoted_line_breaks_become_spaces(read: Read) -> None:
    assert read("a.csv", '问题,答案,备注\n"保修\n多久",两年,"a, b"\n').text == (
        "问题：保修多久；答案：两年；备注：a, b"
    )


def test_table_is_one_block_of_rows(read: Read) -> None:
    (block,) = read("价格.csv", "名称,价格\n泵,12\n灯,8\n").blocks
    assert (block.kind, block.text) == ("table", "名称：泵；价格：12\n名称：灯；价格：8")


def test_line_above_the_table_is_text(read: Read) -> None:
    document = read("a.csv", "2024 年价格表,,\n名称,价格,单位\n泵,12,台\n")
    assert [block.kind for block in document.blocks] == ["text", "table"]


def test_quotation_mark_that_never_ends_is_refused(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="quotation mark"):
        read("a.csv", 'a,b\n"' + "x,y\n" * 50_000)


def test_single_column_is_read(read: Read) -> None:
    assert read("a.csv", "苹果\n香蕉\n").text == "苹果\n香蕉"


def test_a_stray_quotation_mark_between_tabs_is_a_character(read: Read) -> None:
    text = 'size\tname\tkind\n1\t5" pipe\tred\n2\t"x\tblue\n3\ty\tred\n'
    assert read("a.tsv", text).text.splitlines() == [
        'size: 1; name: 5" pipe; kind: red',
        'size: 2; name: "x; kind: blue',
        "size: 3; name: y; kind: red",
    ]
    quoted = 'a\tb\n"one\ttwo"\t3\n'
    assert "one two" in read("a.tsv", quoted).text

"""JSON, JSON lines, TOML, XML and TSV."""

import json
import re
from pathlib import Path

import pytest

from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read

PUMP = {"name": "泵", "price": 12.50, "size": {"width": 3, "height": 4}, "colours": ["red", "blue"]}


def test_list_of_objects_is_a_table_of_rows_that_need_no_other(read: Read) -> None:
    lamp = {"name": "灯", "on": True, "note": None}
    (block,) = read("a.json", json.dumps([PUMP, lamp])).blocks
    assert block.kind == "table"
    assert block.text.splitlines() == [
        "name：泵；price：12.5；size.width：3；size.height：4；colours：red, blue",
        "name：灯；on：true",
    ]


def test_objects_in_objects_are_headings(read: Read) -> None:
    document = read("库存.json", '{"shop": "Lund", "stock": {"pumps": {"red": 1, "blue": 2}}}')
    assert document.title == "库存"
    assert document.blocks[0].text == "shop: Lund"
    assert document.blocks[-1].text == "red: 1\nblue: 2"
    assert document.blocks[-1].headings == ("stock", "pumps")


def test_records_with_long_lists_are_no_lines(read: Read) -> None:
    owners = [{"name": "Kim", "visits": [{"day": day} for day in range(3000)]}, {"name": "Li"}]
    document = read("a.json", json.dumps(owners))
    assert max(len(line) for line in document.text.split("\n")) < 5000
    assert [(block.text[:9], block.headings) for block in document.blocks] == [
        ("name: Kim", ()),
        ("visits", ()),
        ("day: 0\nda", ("visits",)),
        ("name: Li", ()),
    ]


def test_items_of_a_list_are_not_under_the_keys_of_those_before(read: Read) -> None:
    document = read("a.json", '[{"a": {"b": 1}}, "two", {"c": 3}]')
    assert [(block.text, block.headings) for block in document.blocks] == [
        ("a", ()),
        ("b: 1", ("a",)),
        ("two", ()),
        ("c: 3", ()),
    ]


def test_long_values_are_no_cells(read: Read) -> None:
    story = "Once upon a time. " * 30 + "\n\nThe end."
    first, second = read("a.json", json.dumps([{"n": 1, "story": story}, {"n": 2}])).blocks
    assert first.kind == "text"
    assert first.text.endswith("The end.")
    assert second.text == "n: 2"


@pytest.mark.parametrize("number", ["0.10", "1e400", "9" * 5000, "-0", "12345678901234567890.5"])
def test_numbers_stay_as_they_are_written(read: Read, number: str) -> None:
    assert read("a.json", f'{{"value": {number}}}').text == f"value: {number}"


def test_a_key_that_comes_twice_keeps_both_values(read: Read) -> None:
    assert read("a.json", '{"a": "one", "a": "two"}').text == "a: one\na: two"


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_value_a_line_is_a_row_a_line(read: Read, name: str) -> None:
    assert read(name, '{"a": 1}\n\n{"a": 2}\n').text == "a: 1\na: 2"


def test_lines_of_different_kinds_are_all_read(read: Read) -> None:
    assert read("a.jsonl", '"one"\n{"a": 2}\n[3, 4]\n').text.split("\n\n") == [
        "one",
        "a: 2",
        "- 3\n- 4",
    ]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [("a.json", '{\n"a": 1,\n}', 3), ("a.jsonl", '{"a": 1}\n{"a"}\n', 2), ("a.json", "nothing", 1)],
)
def test_broken_json_is_told_with_its_line(read: Read, name: str, text: str, line: int) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read(name, text)
    assert f"line {line} " in caught.value.message("en")
    assert f"第 {line} 行" in caught.value.message("zh")
    assert not re.search("[A-Z][a-z]", caught.value.message("zh"))


def test_depth_of_json_is_read_or_refused(read: Read) -> None:
    assert read("a.json", '{"a":' * 50 + "1" + "}" * 50).text.endswith("a: 1")
    with pytest.raises(UnreadableDocument, match="nested too deeply"):
        read("a.json", "[" * 100_000)
    with pytest.raises(UnreadableDocument, match="nested too deeply"):
        read("a.json", '{"a":' * 990 + "1" + "}" * 990)


def test_comments_and_tables_of_toml_are_kept(read: Read) -> None:
    text = '# The settings\nname = "pump"\n\n[server.tls] # secure\nport = 8443 # not 443\n'
    first, heading, second = read("设置.toml", text).blocks
    assert first.text == '# The settings\nname = "pump"'
    assert heading.text == "server.tls"
    assert second.text == "# secure\nport = 8443 # not 443"
    assert second.headings == ("server.tls",)


def test_what_only_looks_like_a_table_of_toml_is_none(read: Read) -> None:
    text = (
        'story = """\n[nosection]\nsaid \\"""yes\n"""\nplain = \'\'\'\n[none]\n\'\'\'\n'
        'rows = [\n["one", "]"], # [\n["two"]\n]\n# don\'t [\n[["a.b".c]]\nd = 1\n'
    )
    document = read("a.toml", text)
    headings = [block.text for block in document.blocks if block.kind == "heading"]
    assert headings == ['"a.b".c']
    assert document.text == text.replace('\n[["a.b".c]]\n', '\n\n"a.b".c\n\n').rstrip("\n")


@pytest.mark.parametrize(
    "text", ['a = "\\"' + '\\"' * 200_000, "a = [" + "[" * 400_000, "'" * 400_001]
)
def test_toml_with_strings_and_lists_that_never_end_is_read_in_time(read: Read, text: str) -> None:
    assert len(read("a.toml", f"known = 1\n{text}\n[late]").text) > len(text)


def test_tabs_part_the_cells_of_tsv_even_between_commas(read: Read) -> None:
    text = "name\tparts\tnote\npump\ta, b, c\tx, y\nlamp\td, e, f\tz, z\n"
    assert read("a.tsv", text).text.splitlines()[0] == "name: pump; parts: a, b, c; note: x, y"


def test_xml_records_are_rows_with_their_attributes(read: Read) -> None:
    text = (
        '<shop city="Lund"><pump id="7"><name>泵</name><price unit="EUR">12</price></pump>'
        "<pump id='8'><name>二</name><price unit='SEK'>9</price></pump></shop>"
    )
    first, heading, table = read("a.xml", text).blocks
    assert (first.text, heading.text) == ("city: Lund", "pump")
    assert table.text.splitlines() == [
        "id：7；name：泵；price.unit：EUR；price.text：12",
        "id：8；name：二；price.unit：SEK；price.text：9",
    ]


def test_xml_prose_keeps_its_words_together(read: Read) -> None:
    text = f"<doc><p>The <b>red</b> pump.</p><p>{'It <i>hums</i>. ' * 40}</p><!-- no --></doc>"
    document = read("a.xml", text)
    assert document.blocks[-1].kind == "list"
    assert document.text.startswith("p\n\n- The red pump.\n- It hums. It hums.")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("<d><p>a</p><?pi?>LOST<q>x</q></d>", ["p: a", "LOST", "q: x"]),
        ("<p>Red<lb/>pump<b>one</b><i>two</i></p>", ["Red pumpone two"]),
        ("<p>红<lb/>色<b>大</b><i>泵</i></p>", ["红色大泵"]),
        ("<p><i>One</i> and <i>two</i></p>", ["One and two"]),
        ("<p>H<sub>2</sub>O is <b>very <i>wet</i></b>.</p>", ["H2O is very wet."]),
        (
            '<p>See <a href="b.html" rel="x">here</a>, now.</p>',
            ["See here [href: b.html; rel: x], now."],
        ),
        (
            "<s>x<r><a>1</a><b>2</b></r><r><a>3</a><b>4</b></r></s>",
            ["x", "r", "a: 1; b: 2", "a: 3; b: 4"],
        ),
        (
            "<s id='7'><r><a>1</a><b>2</b></r>between<r><a c='8'>3</a><b>4</b></r>end</s>",
            ["id: 7", "r", "a: 1", "b: 2", "between", "r", "b: 4", "a", "c: 8", "text: 3", "end"],
        ),
    ],
)
def test_text_beside_elements_of_xml_stays_where_it_is(
    read: Read, text: str, lines: list[str]
) -> None:
    assert list(filter(None, read("a.xml", text).text.split("\n"))) == lines


def test_text_after_an_element_of_xml_is_not_under_its_name(read: Read) -> None:
    document = read("a.xml", "<s><r><a>1</a><b>2</b></r>between<r><a>3</a><b>4</b></r></s>")
    (between,) = (block for block in document.blocks if block.text == "between")
    assert between.headings == ()


def test_pages_saved_as_xml_may_name_characters(read: Read) -> None:
    text = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "xhtml1-strict.dtd">'
        "<html><p>5&nbsp;kg &lt; 6&nbsp;kg &eacute;</p></html>"
    )
    assert read("a.xml", text).text == "p: 5 kg < 6 kg é"


def test_broken_xml_is_told_with_its_place_in_one_language(read: Read) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read("a.xml", "<a>\n<b></a>")
    assert "mismatch" in caught.value.message("en")
    assert "<string>" not in caught.value.message("en")
    assert caught.value.message("zh").endswith("第 2 行第 8 列不是格式正确的 XML。")


@pytest.mark.parametrize(
    "text",
    ["x" * 10_500_000, "<![CDATA[" + "x" * 10_500_000 + "]]>", "<b>" * 300 + "</b>" * 300],
    ids=["text", "cdata", "depth"],
)
def test_limits_of_xml_are_told(read: Read, text: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read("a.xml", f"<a>{text}</a>")
    for language in ("en", "zh"):
        assert "256" in caught.value.message(language)
        assert "10 MB" in caught.value.message(language)


@pytest.mark.parametrize("deep", [50, 99, 150, 100_000])
def test_depth_of_xml_is_read_or_refused(read: Read, deep: int) -> None:
    text = "<a>" * deep + "pump" + "</a>" * deep
    if deep < 100:
        assert "pump" in read("a.xml", text).text
    else:
        with pytest.raises(UnreadableDocument):
            read("a.xml", text)


def test_xml_looks_nothing_up_and_is_not_blown_up(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    outside = f'<!DOCTYPE a [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]><a>pump &e;</a>'
    with pytest.raises(UnreadableDocument, match="'e' not defined"):
        read("a.xml", outside)
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(UnreadableDocument):
        read("a.xml", f'<!DOCTYPE a [<!ENTITY e0 "ha">{laughs}]><a>&e9;</a>')

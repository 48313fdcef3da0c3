import pytest

from server.datatypes import Block
from tests.unit.knowledge_base.loaders.conftest import Read


def test_headings_and_paragraphs_are_read(read: Read) -> None:
    document = read("a.html", "<h1>手册</h1><p>总则</p><h2>休假<br>规定</h2><div>年<b>假</b></div>")
    assert document.blocks == (
        Block("手册", "heading"),
        Block("总则", headings=("手册",)),
        Block("休假 规定", "heading", headings=("手册",)),
        Block("年假", headings=("手册", "休假 规定")),
    )


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("<title> User\n manual </title><h1>A</h1>", "User manual"),
        ("<h1>A320</h1><p>x", "A320"),
        ("<p>x</p>", "page"),
    ],
)
def test_title_is_that_of_the_page(read: Read, source: str, title: str) -> None:
    assert read("page.html", source).title == title


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>secret()</script>",
        "<style>.secret{}</style>",
        "<nav>secret</nav>",
        "<template><p>secret</p></template>",
        "<noscript>secret</noscript>",
        "<p hidden>secret</p>",
        '<div style="display: none"><p>secret</p></div>',
        "<!-- secret -->",
        "<footer>secret</footer>",
        "<select><option>secret</option></select>",
    ],
)
def test_what_is_not_shown_or_not_content_is_left_out(read: Read, hidden: str) -> None:
    assert read("a.html", f"<p>before</p>{hidden}<p>after</p>").text == "before\n\nafter"


def test_footer_of_the_content_is_kept(read: Read) -> None:
    source = "<main><p>text</p><footer>note</footer></main><footer>address</footer>"
    assert read("a.html", source).text == "text\n\nnote"


def test_page_without_block_tags_is_read(read: Read) -> None:
    assert read("a.html", "one <b>two</b><br>three").text == "one two\nthree"


def test_white_space_is_folded_as_in_a_browser(read: Read) -> None:
    assert read("a.html", "<p>\n  two\n  words\n 中文\n换行</p>").text == "two words 中文换行"


def test_preformatted_text_keeps_its_lines(read: Read) -> None:
    assert read("a.html", "<pre>a\n  b</pre>").text == "a\n  b"


def test_list_is_one_block_with_its_markers(read: Read) -> None:
    source = '<ol start="3"><li>登录</li><li><p>上传</p><p>再看</p><ul><li>小文件</ul></ol><p>完'
    assert read("a.html", source).blocks == (
        Block("3. 登录\n4. 上传\n   再看\n  - 小文件", "list"),
        Block("完"),
    )


def test_definitions_follow_their_terms(read: Read) -> None:
    source = "<dl><dt>保修期</dt><dd>24 个月</dd><dt>Mass</dt><dd>3 kg</dd></dl>"
    assert read("a.html", source).text == "保修期：24 个月\n\nMass: 3 kg"


def test_table_rows_can_be_read_alone(read: Read) -> None:
    source = """<h2>规格</h2><table><caption>表 1 尺寸</caption>
    <thead><tr><th>型号</th><th colspan="2">尺寸</th></tr></thead>
    <tr><td rowspan="2">A320</td><td>宽</td><td>1200</td></tr><tr><td>深</td><td>780</td></tr>
    <tr><td>A120</td><td colspan="2">见手册</td></tr></table>"""
    assert read("a.html", source).blocks[1:] == (
        Block("表 1 尺寸", headings=("规格",)),
        Block(
            "型号：A320；尺寸：宽；尺寸：1200\n型号：A320；尺寸：深；尺寸：780\n型号：A120；尺寸：见手册",
            "table",
            headings=("规格", "表 1 尺寸"),
        ),
    )


def test_header_cells_at_the_side_are_keys(read: Read) -> None:
    source = "<table><tr><th>Mass</th><td>3 kg</td></tr><tr><th>Power</th><td>5 W</td></tr></table>"
    assert read("a.html", source).text == "Mass: 3 kg\nPower: 5 W"


def test_table_that_only_arranges_the_page_is_no_table(read: Read) -> None:
    source = "<table><tr><td><h2>News</h2><p>one</p><table><tr><td>two</table></td></tr></table>"
    assert [block.kind for block in read("a.html", source).blocks] == [
        "heading",
        "text",
        "text",
    ]


@pytest.mark.parametrize("encoding", ["gb2312", "big5", "utf-8", "iso-8859-1"])
def test_declared_encoding_is_believed(read: Read, encoding: str) -> None:
    text = "café" if encoding == "iso-8859-1" else "中文"
    page = f'<meta charset="{encoding}"><p>{text}</p>'
    assert read("a.html", page.encode(encoding)).text == text


@pytest.mark.parametrize("declared", ["utf-8", "no-such-encoding"])
def test_wrong_declaration_is_corrected(read: Read, declared: str) -> None:
    page = f'<meta charset="{declared}"><p>本页由服务部维护</p>'
    assert read("a.html", page.encode("gb18030")).text == "本页由服务部维护"


@pytest.mark.parametrize(
    ("tag", "depth"), [("div", 100_000), ("ul", 20_000), ("table", 20_000), ("b", 20_000)]
)
def test_very_deep_nesting_is_read(read: Read, tag: str, depth: int) -> None:
    assert read("a.html", f"<p>start</p>{f'<{tag}>' * depth}deep").text == "start\n\ndeep"


def test_claim_of_a_million_columns_is_bounded(read: Read) -> None:
    cells = '<td colspan="1000000" rowspan="1000000">x</td><td>y</td>'
    assert "x" in read("a.html", f"<table>{f'<tr>{cells}</tr>' * 50}</table>").text

import pytest

from webui_pages.markup import cited_numbers, mark, no_citations, plain, quoted, split_code, written


def cite(number: int) -> str | None:
    return f"#source-m-{number}" if number < 3 else None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b_c", r"a\*b\_c"),
        ("![x](y)", r"\!\[x\]\(y\)"),
        (":red[x] $5$", r"\:red\[x\] \$5\$"),
        ("two\n lines ", "two lines"),
        ("# 知识库", r"\# 知识库"),
    ],
)
def test_plain_text_has_no_markdown_left(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("text", ["http://evil.example", "WWW.evil.example", "a@evil.example"])
def test_plain_text_breaks_what_markdown_would_make_a_link(text: str) -> None:
    assert "\u2060" in plain(text)


def test_a_quotation_is_escaped_but_for_its_citations() -> None:
    html = quoted("<b>x</b> [1] [7] [x](y)", cite)
    assert html == '&lt;b&gt;x&lt;/b&gt; <a href="#source-m-1">1</a> [7] [x](y)'


def test_an_index_in_quoted_code_opens_nothing() -> None:
    html = quoted("`<b> = row[1]` [1]\n```\na[2]\n```\n[2]", cite)
    assert html == (
        '`&lt;b&gt; = row[1]` <a href="#source-m-1">1</a>\n```\na[2]\n```\n'
        '<a href="#source-m-2">2</a>'
    )


def test_a_model_may_format_and_cite_but_show_no_images() -> None:
    assert written("**a** ![x](y) [1][2] [9]", cite) == (
        "**a** !\u2060[x](y) [1](#source-m-1)[2](#source-m-2) [9]"
    )


def test_several_numbers_in_a_bracket_are_as_many_citations() -> None:
    assert written("So [1, 2], not [1, 9].", cite) == (
        "So [1](#source-m-1)[2](#source-m-2), not [1, 9]."
    )
    assert cited_numbers("So [1, 2]") == {1, 2}


@pytest.mark.parametrize(
    "text",
    [r"\`![x](/logout)`", "``` ![x](/logout)", "`![x](/y)`", "$$\n```\n$$\n![x](/y)", "![1]"],
)
def test_nothing_of_a_model_can_become_an_image(text: str) -> None:
    assert "![" not in written(text, cite)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a\n```py\n![x]\n```\nb", [("a\n", None), ("![x]\n", "py"), ("\nb", None)]),
        ("```\nunfinished ``` $5", [("", None), ("unfinished ``` $5", ""), ("", None)]),
        ("````\n```\n````", [("", None), ("```\n", ""), ("", None)]),
        ("say ```x``` and ``` y", [("say ```x``` and ``` y", None)]),
    ],
)
def test_blocks_of_code_are_told_from_prose(text: str, parts: list[tuple[str, str | None]]) -> None:
    assert list(split_code(text)) == parts


@pytest.mark.parametrize("code", ["```\n[1] $5\n```", "`[1] $5`"])
def test_code_of_a_model_stays_as_it_is(code: str) -> None:
    assert written(code, cite) == code


def test_an_index_in_code_of_a_model_is_no_citation() -> None:
    assert cited_numbers("`row[1]` is [2] and [3](http://x)\n```\na[4]\n```") == {2}


def test_prices_are_no_formulas() -> None:
    assert written("$5 to $6", no_citations) == r"\$5 to \$6"


def test_a_link_whose_text_is_a_number_is_no_citation() -> None:
    assert written("[1](http://x)", cite) == "[1](http://x)"


def test_marks_escape_the_text_and_let_later_classes_win() -> None:
    html = mark("<a>bcdef", (0, 7), {"passage": [(1, 6)], "quote": [(3, 5)]})
    assert html == (
        '&lt;<mark class="passage">a&gt;</mark><mark class="quote">bc</mark>'
        '<mark class="passage">d</mark>e'
    )


def test_marks_are_cut_at_the_window() -> None:
    assert mark("abcdef", (2, 4), {"passage": [(0, 3)]}) == '<mark class="passage">c</mark>d'

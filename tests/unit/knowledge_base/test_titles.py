"""``zh_title_enhance``: Chinese titles among the headings of the chunks below them."""

import pytest

from server.datatypes import Block, Document
from server.knowledge_base.chunking import Cutting, cut_document
from server.knowledge_base.titles import is_title

BODY = "员工应当遵守考勤制度，按时上下班，不得迟到早退。" * 4


def headings(*blocks: Block | str, size: int = 60) -> list[tuple[str, tuple[str, ...]]]:
    wrapped = tuple(Block(block) if isinstance(block, str) else block for block in blocks)
    cutting = Cutting("recursive", size, 0, zh_title_enhance=True)
    document = Document("t", wrapped)
    chunks = cut_document(document, cutting, lambda text: [])
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    return [(chunk.text, chunk.headings) for chunk in chunks]


@pytest.mark.parametrize("line", ["1. 引言", "第一章 概述", "2023年度总结", "一、总则"])
def test_titles_of_0_2_x_are_titles(line: str) -> None:
    assert is_title(line)


@pytest.mark.parametrize(
    "line",
    ["引言", "一、总则。", "1. Introduction", "2023", "", "第一条 " + "很长" * 10, "1 3.5 -7 元"],
)
def test_other_lines_are_no_titles(line: str) -> None:
    assert not is_title(line)


def test_chunks_below_a_title_carry_it() -> None:
    found = headings(f"一、考勤制度\n{BODY}", f"二、请假制度\n{BODY}")
    assert found[0][1] == ()
    assert found[1][1] == ("一、考勤制度",)
    assert found[-1][1] == ("二、请假制度",)


def test_a_title_comes_behind_the_headings_above_it() -> None:
    path = ("员工手册",)
    found = headings(
        Block("员工手册", "heading"),
        Block("一、考勤", headings=path),
        Block(BODY, headings=path),
        Block("附件：甲\n附件：乙" * 8, "table", headings=(*path, "附表")),
    )
    assert found[1][1] == ("员工手册", "一、考勤")
    assert found[-1][1] == ("员工手册", "一、考勤", "附表")


def test_a_heading_ends_the_title_before_it() -> None:
    found = headings("一、考勤", BODY, Block("附则", "heading"), Block(BODY, headings=("附则",)))
    assert found[-1][1] == ("附则",)


def test_english_text_is_as_without() -> None:
    assert {found for _, found in headings("1. Introduction\n" + "It says something. " * 20)} == {
        ()
    }

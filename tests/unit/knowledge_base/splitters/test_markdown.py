import io
from itertools import pairwise

import docx
import pytest

from server.datatypes import Block, Document
from server.knowledge_base.loaders import find_loader
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.splitters.markdown import split
from tests.unit.knowledge_base.splitters.documents import document, section

LIMITS = Limits(max_chars=10_000, max_pages=10, max_unpacked_mb=10)
LONG_ZH = "整机保修两年，自签收之日起计算。" * 6
LONG_EN = "The warranty covers two years of normal use. " * 3


def texts(cut: Document, *, size: int, overlap: int = 0) -> list[str]:
    return [chunk.text for chunk in split(cut, chunk_size=size, chunk_overlap=overlap)]


@pytest.mark.parametrize("text", [LONG_ZH, LONG_EN])
def test_sections_of_any_level_do_not_share_a_chunk(text: str) -> None:
    blocks = [
        *section("A", text=text),
        *section("A", "B", text=text),
        *section("A", "B", "C", text=text),
        *section("A", "D", text=text),
    ]
    chunks = split(document(*blocks), chunk_size=500, chunk_overlap=100)
    assert [chunk.text[0] for chunk in chunks] == ["A", "B", "C", "D"]


def test_tiny_sections_share_a_chunk() -> None:
    blocks = [
        *section("甲", text="略。"),
        *section("乙", text="略。"),
        *section("丙", text=LONG_ZH),
    ]
    found = texts(document(*blocks), size=80)
    assert found[0] == "甲\n\n略。\n\n乙\n\n略。"
    assert found[1].startswith("丙")


def test_headings_without_text_go_with_the_section_below() -> None:
    blocks = [Block("手册", "heading"), *section("手册", "保修", text=LONG_ZH)]
    assert texts(document(*blocks), size=200) == [f"手册\n\n保修\n\n{LONG_ZH}"]


def test_a_large_section_is_cut_and_overlaps_within_itself_only() -> None:
    blocks = [*section("甲", text=LONG_ZH * 2), *section("乙", text=LONG_ZH * 2)]
    chunks = split(document(*blocks), chunk_size=80, chunk_overlap=40)
    second = next(chunk for chunk in chunks if chunk.text.startswith("乙"))
    before = chunks[chunks.index(second) - 1]
    assert before.end <= second.start
    assert any(left.end > right.start for left, right in pairwise(chunks))


def test_the_path_may_change_without_a_heading() -> None:
    blocks = [Block(LONG_ZH, headings=("甲",)), Block(LONG_ZH, headings=("乙",))]
    assert texts(document(*blocks), size=500) == [LONG_ZH, LONG_ZH]


def test_a_table_with_a_caption_stays_in_its_section() -> None:
    table = Block("项：一\n项：二", "table", headings=("甲", "表1 价格"))
    blocks = [*section("甲", text=LONG_ZH), table, Block(LONG_ZH, headings=("甲",))]
    assert len(texts(document(*blocks), size=500)) == 1


def make_docx(paragraphs: list[tuple[str, str]]) -> bytes:
    made = docx.Document()
    for style, text in paragraphs:
        made.add_paragraph(text, style)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", f"# 手册\n\n## 保修\n\n{LONG_ZH}\n\n## 退货\n\n{LONG_ZH}\n".encode()),
        (
            "a.html",
            f"<h1>手册</h1><h2>保修</h2><p>{LONG_ZH}</p><h2>退货</h2><p>{LONG_ZH}</p>".encode(),
        ),
        (
            "a.docx",
            make_docx(
                [
                    ("Heading 1", "手册"),
                    ("Heading 2", "保修"),
                    ("Normal", LONG_ZH),
                    ("Heading 2", "退货"),
                    ("Normal", LONG_ZH),
                ]
            ),
        ),
    ],
)
def test_it_works_on_every_format_with_headings(name: str, content: bytes) -> None:
    loaded = find_loader(name)(io.BytesIO(content), name, LIMITS)
    chunks = split(loaded, chunk_size=500, chunk_overlap=100)
    assert [chunk.text.split("\n")[0] for chunk in chunks] == ["手册", "退货"]

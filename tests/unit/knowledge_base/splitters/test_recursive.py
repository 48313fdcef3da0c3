from itertools import pairwise

import pytest

from server.datatypes import Block, Chunk, Document
from server.knowledge_base.splitters.recursive import split

SENTENCES = [f"第{number}句话说明了一件重要的事情。" for number in "一二三四五六七八九十"]


def cut(*blocks: Block | str, size: int, overlap: int = 0) -> list[Chunk]:
    wrapped = tuple(Block(block) if isinstance(block, str) else block for block in blocks)
    return list(split(Document("t", wrapped), chunk_size=size, chunk_overlap=overlap))


def texts(*blocks: Block | str, size: int, overlap: int = 0) -> list[str]:
    return [chunk.text for chunk in cut(*blocks, size=size, overlap=overlap)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第一段\n话。\n\n第二段，完。", ["第一段\n话。", "第二段，完。"]),
        ("第一行话。\n第二行，完。", ["第一行话。", "第二行，完。"]),
        ("一句，话完了。第二句，话。", ["一句，话完了。", "第二句，话。"]),
        ("他说：“走吧。”大家走了。", ["他说：“走吧。”", "大家走了。"]),
        ("前一，半话；后一半，话。", ["前一，半话；", "后一半，话。"]),
        ("前一 半句话，后一半话。", ["前一 半句话，", "后一半话。"]),
        ("first second", ["first", "second"]),
        ("一二三四五六七八九十十一十二", ["一二三四五六七八", "九十十一十二"]),
    ],
)
def test_best_border_is_chosen(text: str, expected: list[str]) -> None:
    assert texts(text, size=8) == expected


def test_chunks_end_with_sentences() -> None:
    assert all(text.endswith("。") for text in texts("".join(SENTENCES), size=50))


def test_overlap_begins_with_a_sentence() -> None:
    chunks = cut("".join(SENTENCES), size=50, overlap=20)
    assert all(chunk.text.startswith("第") for chunk in chunks)
    assert all(right.start < left.end for left, right in pairwise(chunks))


def test_overlap_begins_with_a_clause_where_no_sentence_fits() -> None:
    text = "这是一个非常长的句子，它有好几个分句，每个分句都不太短，最后才结束，" * 3
    chunks = cut(text, size=40, overlap=12)
    assert all(text[chunk.start - 1] in "，；" for chunk in chunks[1:])


def test_no_overlap_is_repeated_when_none_is_asked_for() -> None:
    assert "".join(texts("".join(SENTENCES), size=50)) == "".join(SENTENCES)


def test_heading_goes_with_the_text_below_it() -> None:
    blocks = [
        Block("前文内容已经说明。" * 3),
        Block("保修期限", "heading"),
        Block("整机两年。" * 4),
    ]
    assert texts(*blocks, size=36) == ["前文内容已经说明。" * 3, "保修期限\n\n" + "整机两年。" * 4]


def test_headings_in_a_row_stay_together() -> None:
    blocks = [
        Block("前文。" * 10),
        Block("第一章", "heading"),
        Block("第一节", "heading", headings=("第一章",)),
        Block("正文。" * 10, headings=("第一章", "第一节")),
    ]
    assert texts(*blocks, size=45)[1].startswith("第一章\n\n第一节\n\n正文")


def test_chunk_knows_the_headings_in_force_at_its_start() -> None:
    blocks = [
        Block("手册", "heading", page=1),
        Block("保修", "heading", page=2, headings=("手册",)),
        Block("整机两年。" * 10, page=2, headings=("手册", "保修")),
    ]
    first, second = cut(*blocks, size=40)[:2]
    assert (first.page, first.headings) == (1, ())
    assert (second.page, second.headings) == (2, ("手册", "保修"))


def section(title: str, chars: int) -> list[Block]:
    return [Block(title, "heading"), Block("字" * (chars - 1) + "。", headings=(title,))]


def test_large_sections_do_not_share_a_chunk() -> None:
    found = texts(*section("甲", 40), *section("乙", 40), *section("丙", 40), size=100)
    assert [text[0] for text in found] == ["甲", "乙", "丙"]


def test_small_sections_share_a_chunk() -> None:
    blocks = [block for title in "甲乙丙丁戊己庚辛" for block in section(title, 15)]
    assert len(texts(*blocks, size=100)) == 2


def test_sections_below_the_only_title_count_as_the_highest() -> None:
    blocks = [Block("手册", "heading")]
    for title in ("甲", "乙"):
        blocks.append(Block(title, "heading", headings=("手册",)))
        blocks.append(Block("字" * 60, headings=("手册", title)))
    assert [text.split("\n")[0] for text in texts(*blocks, size=100)] == ["手册", "乙"]


def test_sections_do_not_overlap() -> None:
    chunks = cut(*section("甲", 80), *section("乙", 80), size=100, overlap=50)
    assert chunks[0].end < chunks[1].start


def test_rows_are_not_cut() -> None:
    rows = [f"名称：零件{number}号，备用。说明；价格：{number} 元" for number in range(100, 130)]
    found = texts(Block("下表列出价格。"), Block("\n".join(rows), "table"), size=70, overlap=30)
    assert {line for text in found for line in text.split("\n") if "零件" in line} == set(rows)


def test_row_longer_than_a_chunk_is_cut() -> None:
    row = "说明：" + "很长的说明文字，" * 20
    found = texts(Block(f"名称：泵\n{row}\n名称：灯", "table"), size=50)
    assert all(len(text) <= 50 for text in found)
    assert "".join(found).replace("\n", "") == f"名称：泵{row}名称：灯"


def test_last_chunk_is_not_tiny() -> None:
    assert min(map(len, texts("".join(SENTENCES)[:105], size=100))) >= 30


def test_accent_stays_with_its_letter() -> None:
    assert all(text[0] == "e" for text in texts("e\u0301" * 50, size=7))


def test_repeated_text_has_true_offsets() -> None:
    chunks = cut(*["同一句话。"] * 40, size=20)
    assert [chunk.start for chunk in chunks] == sorted({chunk.start for chunk in chunks})


@pytest.mark.parametrize(
    "piece", ["知识库问答。", "word ", "字", "\n", "名称：泵；价格：12\n", "a\u0301", "x. "]
)
def test_time_grows_with_the_text_only(piece: str) -> None:
    class CountingText(str):
        __slots__ = ()
        read = 0

        def __getitem__(self, key: object) -> str:
            CountingText.read += 1
            return super().__getitem__(key)  # type: ignore[index]

    def reads(chars: int) -> int:
        CountingText.read = 0

        class Counted(Document):
            @property
            def text(self) -> str:
                return CountingText(self.blocks[0].text)

        kind = "table" if "\n" in piece else "text"
        text = piece * (chars // len(piece))
        split(Counted("t", (Block(text, kind),)), chunk_size=500, chunk_overlap=100)
        return CountingText.read

    assert reads(400_000) <= 11 * max(reads(40_000), 1)

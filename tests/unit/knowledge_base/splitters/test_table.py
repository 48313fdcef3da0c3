import pytest

from server.datatypes import Block
from server.knowledge_base.splitters.table import split
from tests.unit.knowledge_base.splitters.documents import ROWS_EN, ROWS_ZH, SENTENCES_ZH, document

PROSE = "".join(SENTENCES_ZH) * 3


@pytest.mark.parametrize("rows", [ROWS_ZH, ROWS_EN])
@pytest.mark.parametrize("size", [40, 77, 120, 500])
@pytest.mark.parametrize("overlap", [0, 30])
def test_rows_are_never_cut_and_never_repeated(rows: list[str], size: int, overlap: int) -> None:
    table = Block("\n".join(rows), "table")
    chunks = split(document(PROSE, table, PROSE), chunk_size=size, chunk_overlap=overlap)
    found = [line for chunk in chunks for line in chunk.text.splitlines() if line in rows]
    assert found == rows


def test_a_large_table_shares_no_chunk_with_the_text_around_it() -> None:
    table = Block("\n".join(ROWS_ZH), "table")
    chunks = split(document(PROSE, table, PROSE), chunk_size=200, chunk_overlap=50)
    are_rows = [{line in ROWS_ZH for line in chunk.text.splitlines()} for chunk in chunks]
    assert all(len(kinds) == 1 for kinds in are_rows)


@pytest.mark.parametrize("caption", ["表1 零件价格", "Table 2: parts", "零件价格如下："])
def test_later_chunks_of_a_table_carry_its_caption(caption: str) -> None:
    table = Block("\n".join(ROWS_ZH), "table", headings=("手册",))
    blocks = (Block(PROSE, headings=("手册",)), Block(caption, headings=("手册",)), table)
    chunks = split(document(*blocks), chunk_size=200, chunk_overlap=0)
    first = next(chunk for chunk in chunks if caption in chunk.text)
    assert first.text.startswith(caption)
    assert first.headings == ("手册",)
    later = chunks[chunks.index(first) + 1 :]
    assert later
    assert all(chunk.headings == ("手册", caption) for chunk in later)


def test_a_caption_among_the_headings_is_not_repeated() -> None:
    table = Block("\n".join(ROWS_ZH), "table", headings=("表1 价格",))
    chunks = split(document("表1 价格", table), chunk_size=200, chunk_overlap=0)
    assert {chunk.headings for chunk in chunks[1:]} == {("表1 价格",)}


def test_a_paragraph_before_a_table_is_no_caption() -> None:
    table = Block("\n".join(ROWS_ZH), "table")
    chunks = split(document(PROSE, table), chunk_size=200, chunk_overlap=0)
    assert {chunk.headings for chunk in chunks} == {()}


def test_rows_carry_the_row_of_one_cell_above_them() -> None:
    rows = ["华东仓库", *ROWS_ZH[:10], "华南仓库", *ROWS_ZH[10:]]
    chunks = split(document(Block("\n".join(rows), "table")), chunk_size=120, chunk_overlap=0)
    for chunk in chunks:
        line = chunk.text.splitlines()[0]
        if line in ROWS_ZH:
            assert chunk.headings == (("华东仓库",) if ROWS_ZH.index(line) < 10 else ("华南仓库",))
        else:
            assert chunk.headings == ()


def test_the_caption_of_a_table_is_not_that_of_the_next() -> None:
    table = Block("\n".join(ROWS_ZH), "table", page=1)
    chunks = split(document("表1 价格", table, table), chunk_size=200, chunk_overlap=0)
    assert chunks[-1].headings == ()


def test_a_table_keeps_its_caption_on_the_next_page() -> None:
    pages = [Block("\n".join(ROWS_ZH), "table", page=page) for page in (1, 2)]
    chunks = split(document("表1 价格", *pages), chunk_size=200, chunk_overlap=0)
    assert (chunks[-1].page, chunks[-1].headings) == (2, ("表1 价格",))


def test_a_small_table_stays_with_its_text() -> None:
    table = Block("\n".join(ROWS_ZH[:2]), "table")
    assert len(split(document("前言。", table), chunk_size=200, chunk_overlap=0)) == 1


def test_a_row_longer_than_a_chunk_is_cut() -> None:
    row = "；".join(ROWS_ZH)
    chunks = split(document(Block(row, "table")), chunk_size=100, chunk_overlap=0)
    assert all(len(chunk.text) <= 100 for chunk in chunks)


@pytest.mark.parametrize("caption", [(), ("表1 零件价格",)])
@pytest.mark.parametrize("size", [120, 200])
def test_the_heading_above_a_table_stays_with_it(caption: tuple[str, ...], size: int) -> None:
    top, heading = Block("年度报告", "heading"), "二、各水厂运行数据"
    before = Block(SENTENCES_ZH[0], headings=(top.text,))
    path = (top.text, heading)
    under = [Block(text, headings=path) for text in caption]
    table = Block("\n".join(ROWS_ZH), "table", headings=path)
    part = Block(heading, "heading", headings=(top.text,))
    chunks = split(document(top, before, part, *under, table), chunk_size=size, chunk_overlap=20)
    first = next(chunk for chunk in chunks if heading in chunk.text)
    assert first.text.startswith(heading)
    assert ROWS_ZH[0] in first.text

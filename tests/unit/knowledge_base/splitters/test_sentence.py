from itertools import pairwise

import pytest

from server.datatypes import Block
from server.knowledge_base.splitters.sentence import split
from tests.unit.knowledge_base.splitters.documents import SENTENCES_EN, SENTENCES_ZH, document

ENDS = ("。", ".")


@pytest.mark.parametrize("text", ["".join(SENTENCES_ZH), " ".join(SENTENCES_EN)])
@pytest.mark.parametrize("size", [40, 60, 95])
@pytest.mark.parametrize("overlap", [0, 20, 47])
def test_chunks_are_whole_sentences(text: str, size: int, overlap: int) -> None:
    chunks = split(document(text), chunk_size=size, chunk_overlap=overlap)
    for chunk in chunks:
        assert chunk.text.endswith(ENDS)
        assert not chunk.start or text[: chunk.start].rstrip().endswith(ENDS)


@pytest.mark.parametrize("text", ["".join(SENTENCES_ZH), " ".join(SENTENCES_EN)])
def test_neighbours_share_whole_sentences(text: str) -> None:
    chunks = split(document(text), chunk_size=120, chunk_overlap=40)
    shared = [text[right.start : left.end] for left, right in pairwise(chunks)]
    assert all(shared)
    assert all(each.strip().endswith(ENDS) for each in shared)


def test_a_sentence_that_does_not_fit_beside_the_overlap_stays_whole() -> None:
    text = "短句一。短句二。" + "长" * 60 + "。短句三。"
    chunks = [chunk.text for chunk in split(document(text), chunk_size=64, chunk_overlap=32)]
    assert chunks == ["短句一。短句二。", "长" * 60 + "。", "短句三。"]


def test_only_a_sentence_longer_than_a_chunk_is_cut() -> None:
    text = "短句。" + "这是一个很长的分句，" * 12 + "到此结束。尾句。"
    chunks = split(document(text), chunk_size=50, chunk_overlap=10)
    assert chunks[0].text == "短句。"
    assert all(len(chunk.text) <= 50 for chunk in chunks)
    assert all(left.end <= right.start for left, right in pairwise(chunks))


def test_a_heading_is_cut_off_before_its_sentence_is_cut() -> None:
    sentence = "字" * 38 + "。"
    chunks = split(
        document(Block("标题", "heading"), sentence, sentence), chunk_size=40, chunk_overlap=0
    )
    assert [chunk.text for chunk in chunks] == ["标题", sentence, sentence]


def test_a_sentence_that_just_fits_before_white_space_is_whole() -> None:
    sentence = "字" * 39 + "。"
    chunks = split(document(sentence, sentence), chunk_size=40, chunk_overlap=0)
    assert [chunk.text for chunk in chunks] == [sentence, sentence]


def test_rows_and_items_count_as_sentences() -> None:
    block = Block("- 甲，乙，丙\n- 丁，戊，己\n- 庚，辛，壬", "list")
    chunks = split(document(block), chunk_size=10, chunk_overlap=0)
    assert [chunk.text for chunk in chunks] == ["- 甲，乙，丙", "- 丁，戊，己", "- 庚，辛，壬"]

"""Sentences with their places."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.knowledge_base.sentences import split_sentences


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("第一句。第二句！第三句？第四句", ["第一句。", "第二句！", "第三句？", "第四句"]),
        ("It costs 3.5 million. Cheap.", ["It costs 3.5 million.", "Cheap."]),
        ("Use v0.2.10 or A.3.2 here. Done.", ["Use v0.2.10 or A.3.2 here.", "Done."]),
        ("Dr. Smith met Mr. Lee, e.g. Fig. 3.", ["Dr. Smith met Mr. Lee, e.g. Fig. 3."]),
        ("J. R. R. Tolkien wrote it. Yes.", ["J. R. R. Tolkien wrote it.", "Yes."]),
        ("It was in 1990. Then it ended.", ["It was in 1990.", "Then it ended."]),
        ("He said “Stop.” Then he left.", ["He said “Stop.”", "Then he left."]),
        ("他说：“停。”然后走了。", ["他说：“停。”", "然后走了。"]),
        ("真的！！是吗？？", ["真的！！", "是吗？？"]),
        ("Rinse it.[2] Dry it.[3][4] Go.", ["Rinse it.[2]", "Dry it.[3][4]", "Go."]),
        ("冲洗三次。[2]保存时间为两天。[3]", ["冲洗三次。[2]", "保存时间为两天。[3]"]),
        ("另有五条；均须遵守。", ["另有五条；均须遵守。"]),
    ],
)
def test_punctuation_ends_sentences_but_not_numbers_or_abbreviations(
    text: str, sentences: list[str]
) -> None:
    assert texts(text) == sentences


def test_list_items_and_rows_are_sentences() -> None:
    text = "步骤：\n1. 断电\n2. 等待 5 分钟。再打开\n城市：成都；电话：028"
    assert texts(text) == [
        "步骤：",
        "1. 断电",
        "2. 等待 5 分钟。",
        "再打开",
        "城市：成都；电话：028",
    ]


def test_lines_without_words_are_left_out() -> None:
    assert texts("a\n---\n| | |\n\nb") == ["a", "b"]


@given(st.text(alphabet="aB1 .!?。！？…\n\t”)、，é年"))
def test_sentences_are_the_text_at_their_places_and_lose_no_word(text: str) -> None:
    sentences = split_sentences(text)
    assert all(text[each.start : each.end] == each.text == each.text.strip() for each in sentences)
    assert all(a.end <= b.start for a, b in pairwise(sentences))
    kept = "".join(each.text for each in sentences)
    assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]


def test_a_line_of_nothing_but_stops_is_split_at_once() -> None:
    assert texts("." * 100_000 + "x") == ["." * 100_000 + "x"]

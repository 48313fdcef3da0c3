"""Text to terms."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.datatypes import Chunk, Language, Passage
from server.knowledge_base.analysis import analyze, index_text, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many moons does Jupiter have?", "en"),
        ("木星有多少颗卫星？", "zh"),
        ("FAISS是什么？", "zh"),
        ("OpenAI API key 怎么设置", "zh"),
        ("What does 知识库 mean?", "en"),
        ("Who wrote 三体 (The Three-Body Problem)?", "en"),
        ("NF-A320-B", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_that_of_the_grammar(text: str, language: Language) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("connecting the cabinets", "Connect each cabinet"),
        ("cafe", "Café"),
        ("FULL width １２３", "full　ｗｉｄｔｈ 123"),
        ("臺灣的電腦", "台湾电脑"),
        ("后面", "後面"),
        ("1234 units", "1,234 units"),
        ("the user's key", "the user’s key"),
    ],
)
def test_spellings_of_the_same_words_meet(question: str, text: str) -> None:
    assert set(analyze(question).words) <= set(analyze(text).words)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("bge-large-zh-v1.5", "模型 bge-large-zh-v1.5。"),
        ("v1.5", "bge-large-zh-v1.5"),
        ("A320", "NF-A320-B"),
        ("NF-A320-B", "the cabinet nf-a320-b,"),
        ("A.3.2", "see A.3.2."),
        ("v0.2.10", "Version v0.2.10"),
        ("0.2.10", "v0.2.10"),
        ("0.5 mm", "0.5mm"),
        ("ChatGLM3", "ChatGLM3-6B"),
        ("C++", "C++ and C#"),
        ("7861", "port 7861/tcp"),
        ("snake", "snake_case"),
    ],
)
def test_a_code_is_found_as_a_whole_and_by_its_parts(part: str, code: str) -> None:
    assert set(analyze(part).words) <= set(analyze(code).words)


def test_the_whole_code_is_a_term_of_its_own() -> None:
    assert "v0.2.10" in analyze("v0.2.10").words
    assert "v0.2.10" not in analyze("v0 2.10").words


def test_words_of_grammar_are_left_out() -> None:
    assert analyze("What is the meaning of it?").words == ("mean",)
    assert analyze("请问什么是知识库呢？").words == ("知识", "知识库")


def test_chinese_gives_characters_and_pairs_but_none_across_words_that_ask() -> None:
    assert analyze("年假多少天").grams == ("年", "假", "年假", "天")


def test_english_words_in_chinese_are_among_the_grams() -> None:
    assert analyze("用 FAISS 索引").grams == ("用", "索", "引", "索引", "faiss")


def test_text_without_chinese_has_no_grams() -> None:
    assert analyze("FAISS index").grams == ()


def test_data_that_is_no_word_is_left_out() -> None:
    assert analyze("a1" * 500).words == ()
    assert analyze("data:" + "x" * 500).words == ("data",)


def test_threads_get_the_same_terms() -> None:
    texts = [f"第{number}章 traditional 漢語 connections" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(analyze, texts)) == [analyze(text) for text in texts]


@given(st.text())
def test_any_text_has_terms_without_white_space(text: str) -> None:
    terms = analyze(text)
    assert all(term.split() == [term] for term in (*terms.words, *terms.grams))


def passage(text: str, title: str, headings: tuple[str, ...] = ()) -> Passage:
    return Passage(1, "kb", "a.md", title, 0, Chunk(text, 0, len(text), headings=headings))


def test_title_and_headings_are_indexed_with_the_text() -> None:
    assert index_text(passage("八天。", "手册", ("假期", "年假"))) == "手册\n假期\n年假\n八天。"


def test_a_title_that_the_text_has_is_not_indexed_twice() -> None:
    assert index_text(passage("手册\n八天。", "手册", ("假期",))) == "假期\n手册\n八天。"

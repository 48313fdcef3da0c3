"""What fits into a context window."""

from dataclasses import replace

from server.chat.context import count_tokens, fit_history, fit_passages
from server.chat.events import SourceFound
from server.datatypes import Chunk, Hit, Passage
from server.knowledge_base.neighbours import Neighbours
from server.llm.client import ChatTurn


def source(number: int, text: str) -> SourceFound:
    chunk = Chunk(text, 0, len(text), headings=("Care",))
    passage = Passage(number, "kb", "a.md", "Manual", 0, chunk)
    return SourceFound(number, Hit(passage, score=1, relevance=1))


def widened(number: int, text: str, before: str = "", after: str = "") -> SourceFound:
    return replace(source(number, text), neighbours=Neighbours(before, after))


def test_a_chinese_character_counts_as_a_token_and_three_letters_as_one() -> None:
    assert count_tokens("水泵") == 2
    assert count_tokens("abcdef") == 2
    assert count_tokens("") == 0


def test_passages_are_numbered_and_named() -> None:
    text, shown = fit_passages([source(1, "First."), source(2, "Second.")], 100)
    assert text == "[1] Manual / Care\nFirst.\n\n[2] Manual / Care\nSecond."
    assert [each.number for each in shown] == [1, 2]


def test_only_the_numbers_of_passages_look_like_citations() -> None:
    text, _ = fit_passages([source(1, "Rinse.[2] Use `row[3]`.\n```\nrow[4]\n```\nDry.[5]")], 200)
    assert text == ("[1] Manual / Care\nRinse.〔2〕 Use `row[3]`.\n```\nrow[4]\n```\nDry.〔5〕")


def test_code_stays_as_it_is() -> None:
    found = source(1, "name = sys.argv[1]")
    passage = replace(found.hit.passage, file_name="tool.py", title="tool")
    code = replace(found, hit=replace(found.hit, passage=passage))
    text, _ = fit_passages([code], 200)
    assert text == "[1] tool / Care\nname = sys.argv[1]"


def test_passages_that_do_not_fit_are_left_out() -> None:
    text, shown = fit_passages([source(1, "First."), source(2, "word " * 500)], 50)
    assert [each.number for each in shown] == [1]
    assert count_tokens(text) <= 50


def test_a_first_passage_that_does_not_fit_is_cut() -> None:
    long = widened(1, "字" * 500, before="前", after="后")
    text, shown = fit_passages([long, source(2, "Second.")], 50)
    assert shown == [source(1, "字" * 500)]
    assert text.startswith("[1] Manual")
    assert count_tokens(text) <= 50


def test_what_stands_around_a_passage_is_shown_as_one_text_with_it() -> None:
    found = widened(1, "Dry it.", before="Rinse it.[2]\n\n", after=" Store it.")
    text, shown = fit_passages([found], 100)
    assert text == "[1] Manual / Care\nRinse it.〔2〕\n\nDry it. Store it."
    assert shown == [found]


def test_passages_come_before_what_stands_around_better_ones() -> None:
    found = [widened(1, "First.", before="word " * 20), source(2, "Second.")]
    alone = count_tokens(fit_passages([source(1, "First."), source(2, "Second.")], 999)[0])
    text, shown = fit_passages(found, alone + 1)
    assert text == "[1] Manual / Care\nFirst.\n\n[2] Manual / Care\nSecond."
    assert shown == [source(1, "First."), source(2, "Second.")]


def test_the_best_passage_is_widened_first_and_as_far_as_there_is_room() -> None:
    found = [
        widened(1, "一。", before="甲" * 20, after="乙" * 20),
        widened(2, "二。", before="丙" * 20, after="丁" * 5),
        widened(3, "三。", before="戊" * 20, after="己" * 20),
    ]
    bare = [replace(each, neighbours=Neighbours()) for each in found]
    needed = count_tokens(fit_passages(bare, 999)[0])
    for room in range(1, needed + 120):
        text, shown = fit_passages(found, room)
        assert count_tokens(text) <= room
        assert len(shown) == 3 or room < needed + 2
    assert shown == found
    assert all(each.shown in text for each in found)
    _, shown = fit_passages(found, needed + 30)
    assert [(each.neighbours.before[:1], each.neighbours.after[:1]) for each in shown] == [
        ("", "乙"),
        ("", "丁"),
        ("", ""),
    ]


def test_history_loses_its_oldest_messages_first_and_begins_with_the_user() -> None:
    history = [
        ChatTurn("user", "one " * 50),
        ChatTurn("assistant", "two"),
        ChatTurn("user", "three"),
        ChatTurn("assistant", "four"),
    ]
    assert [turn.content for turn in fit_history(history, 40)] == ["three", "four"]


def test_no_room_leaves_no_history() -> None:
    assert fit_history([ChatTurn("user", "x")], 0) == []

"""Answers quoted from hits."""

import cProfile
import pstats
from dataclasses import replace

import pytest

from server.chat.citations import cited_numbers
from server.chat.extractive import compose, extract, is_supported, refuse
from server.datatypes import Chunk, Hit, Passage, Quote
from server.knowledge_base.analysis import analyze
from server.knowledge_base.indexes import Weights


def hit(
    text: str,
    *,
    file: str = "a.md",
    start: int = 0,
    score: float = 1.0,
    title: str = "",
    headings: tuple[str, ...] = (),
) -> Hit:
    chunk = Chunk(text, start, start + len(text), headings=headings)
    return Hit(Passage(start, "kb", file, title, 0, chunk), score=score, relevance=score)


def ask(question: str, *hits: Hit, limit: int = 3) -> tuple[Quote, ...]:
    terms = analyze(question)
    weights = Weights(dict.fromkeys(terms.words, 1.0), dict.fromkeys(terms.grams, 1.0))
    return extract(question, hits, idf=weights, limit=limit)


HANDBOOK = hit(
    "公司成立于2003年。员工满一年后每年有八天年休假。年休假须提前三天申请。",
    file="手册.md",
    start=120,
)
MANUAL = hit(
    "The cabinet weighs 212 kg. Replace the lamp after 9,000 hours. Clean the tank weekly.",
    file="manual.md",
    score=0.9,
)


def test_the_sentence_that_answers_comes_first() -> None:
    best = ask("每年有几天年休假？", MANUAL, HANDBOOK)[0]
    assert best.text == "员工满一年后每年有八天年休假。"
    assert best.citation == 2


def test_english_is_quoted_too() -> None:
    assert ask("When must I replace the lamp?", MANUAL)[0].text == (
        "Replace the lamp after 9,000 hours."
    )


def test_places_are_those_of_the_document() -> None:
    best = ask("公司成立于哪一年？", HANDBOOK)[0]
    assert (best.start, best.end) == (120, 120 + len("公司成立于2003年。"))


def test_a_clear_answer_is_one_sentence() -> None:
    assert len(ask("公司成立于哪一年？", HANDBOOK)) == 1


def test_at_most_limit_sentences_are_quoted() -> None:
    rows = hit("\n".join(f"灯管型号 L{number}：可用" for number in range(9)))
    assert len(ask("有哪些灯管型号？", rows, limit=2)) <= 2


def test_no_hits_give_no_quotes() -> None:
    assert ask("什么？") == ()


def test_the_cue_decides_between_equal_sentences() -> None:
    text = "The founder opened the plant in Jiaxing. The founder opened the plant in 2003."
    assert ask("When was the plant opened?", hit(text))[0].text.endswith("in 2003.")


def test_the_heading_lends_its_words_to_the_sentences_below() -> None:
    text = "保修期限\n\n压缩机为四十八个月。\n\n退货说明\n\n压缩机不予退货。"
    assert ask("压缩机的保修期限是多长？", hit(text))[0].text == "压缩机为四十八个月。"


def test_a_question_in_the_text_is_answered_by_what_follows() -> None:
    text = "怎样与主机配对？\n长按侧面按键 6 秒。\n\n怎样恢复出厂设置？\n按住两键。"
    assert ask("怎样与主机配对？", hit(text))[0].text == "长按侧面按键 6 秒。"


def test_a_row_is_quoted_whole() -> None:
    text = "城市：上海；负责人：李静。分机 8；电话：021\n城市：成都；负责人：蒋文博；电话：028"
    assert ask("成都的负责人是谁？", hit(text))[0].text == ("城市：成都；负责人：蒋文博；电话：028")


def test_a_lead_in_is_quoted_with_its_short_list() -> None:
    text = "停机步骤如下：\n1. 断开电源\n2. 挂上警示牌\n\n其他内容在此。"
    assert ask("停机步骤有哪些？", hit(text))[0].text == (
        "停机步骤如下：\n1. 断开电源\n2. 挂上警示牌"
    )


def test_a_sentence_cut_by_a_chunk_is_quoted_whole_from_its_neighbour() -> None:
    whole = "The lamp of the steriliser is replaced after 9,000 hours of use."
    cut = hit("of the steriliser is replaced after 9,000 hours of use.", start=9)
    quotes = ask("When is the lamp of the steriliser replaced?", cut, hit(whole, score=0.5))
    assert [(quote.text, quote.citation) for quote in quotes] == [(whole, 2)]


def test_a_sentence_that_two_chunks_share_is_quoted_once() -> None:
    text = "Replace the lamp after 9,000 hours."
    quotes = ask("When must I replace the lamp?", hit(text, start=50), hit(text, start=50))
    assert [quote.citation for quote in quotes] == [1]


def test_the_same_sentence_in_two_files_is_quoted_once() -> None:
    text = "Replace the lamp after 9,000 hours."
    assert len(ask("When must I replace the lamp?", hit(text), hit(text, file="b.md"))) == 1


LEAVE = (
    "司龄：不满 1 年；年休假：无\n司龄：1-5 年；年休假：5 天\n"
    "司龄：6-9 年；年休假：10 天\n司龄：10 年以上；年休假：15 天"
)


def test_rows_that_answer_equally_are_quoted_as_the_whole_small_table() -> None:
    text = f"年休假天数按司龄计算。\n\n{LEAVE}\n\n其他假期另行规定。"
    (table,) = ask("年休假有几天？", hit(text, start=7))
    assert table.text == LEAVE
    assert (table.start, table.end) == (7 + text.index(LEAVE), 7 + text.index(LEAVE) + len(LEAVE))


def test_one_row_of_a_small_table_is_quoted_alone() -> None:
    assert [each.text for each in ask("司龄 6-9 年的年休假？", hit(LEAVE))] == [
        "司龄：6-9 年；年休假：10 天"
    ]


def test_a_row_that_answers_best_is_quoted_before_others() -> None:
    text = "Part: pump strainer; price: 11\nPart: circulation pump; price: 96\nPart: lamp; price: 8"
    quotes = ask("What is the price of the circulation pump?", hit(text))
    assert quotes[0].text == "Part: circulation pump; price: 96"


def test_rows_of_a_large_table_are_quoted_alone() -> None:
    rows = hit("\n".join(f"灯管型号 L{number}：可用" for number in range(9)))
    assert all("\n" not in each.text for each in ask("有哪些灯管型号？", rows))


def test_sentences_of_one_paragraph_are_not_a_table() -> None:
    text = (
        "The lamp is replaced yearly.\nThe lamp is replaced by staff. Never replace the lamp wet."
    )
    assert all("\n" not in each.text for each in ask("How is the lamp replaced?", hit(text)))


def supports(question: str, found: Hit, **rare: float) -> bool:
    """Return whether a hit supports the answer quoted from it; ``rare`` sets idf."""
    terms = analyze(question)
    words = {word: rare.get(word, 1.0) for word in terms.words}
    weights = Weights(words, dict.fromkeys(terms.grams, 1.0))
    quotes = extract(question, [found], idf=weights)
    return is_supported(question, quotes, [found], idf=weights)


@pytest.mark.parametrize(
    ("question", "text", "headings", "expected"),
    [
        ("When must I replace the lamp?", "Replace the lamp after 9,000 hours.", (), True),
        ("When must I replace the lamp?", "After 9,000 hours.", ("Lamp", "Replace"), True),
        ("Does the cabinet support Apple HomeKit?", "The cabinet weighs 212 kg.", (), False),
        ("年休假有几天？", "员工每年有八天年休假。", (), True),
        ("公司食堂的菜单是什么？", "在菜单中打开“门框防露”。", (), False),
    ],
)
def test_an_answer_is_supported_by_a_passage_with_most_of_the_question(
    question: str, text: str, headings: tuple[str, ...], expected: bool
) -> None:
    assert supports(question, hit(text, headings=headings)) == expected


def test_rare_terms_of_the_question_support_more_than_common_ones() -> None:
    found = hit("The cabinet is white.")
    assert supports("Which cabinet has HomeKit?", found, cabinet=3.0)
    assert not supports("Which cabinet has HomeKit?", found, homekit=3.0)


def test_a_passage_far_from_the_question_supports_nothing() -> None:
    found = hit("Stock solution A: price 21.50")
    assert supports("What is the stock price?", found)
    assert not supports("What is the stock price?", replace(found, legs={"dense": 0.2}))


def test_nothing_is_not_supported() -> None:
    assert not is_supported("什么？", (), (), idf=Weights({}, {}))


def calls_of(*hits: Hit) -> int:
    """Return how many functions are called to answer from hits."""
    with cProfile.Profile() as profile:
        ask("How many lamps are in row 7?", *hits)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def rows_of(count: int) -> str:
    return "\n".join(f"Row {number} has {number} lamps." for number in range(count))


def test_four_times_the_text_is_four_times_the_work() -> None:
    calls_of(hit(rows_of(10)))  # fills the caches
    few, many = (
        calls_of(*(hit(rows_of(count), file=f"{number}.md") for number in range(5)))
        for count in (100, 400)
    )
    assert many < 5 * few


def test_only_the_best_hits_are_read() -> None:
    answer = hit("The lamp is replaced after 9,000 hours.", file="last.md", score=0.1)
    others = [hit(f"Nothing on {number}.", file=f"{number}.md", score=0.2) for number in range(8)]
    assert ask("When is the lamp replaced?", *others[:7], answer)[0].citation == 8
    assert all(each.citation < 9 for each in ask("When is the lamp replaced?", *others, answer))


def test_a_cut_sentence_is_told_from_one_that_only_starts_near_it() -> None:
    whole = "The lamp of the steriliser is replaced after 9,000 hours of use."
    other = "The pump is cleaned weekly."
    cut = hit(f"of use. {other}", start=len(whole) - len("of use."))
    quotes = ask("How often is the pump cleaned?", hit(whole), cut)
    assert quotes[0].text == other


def quote(text: str, citation: int = 1) -> Quote:
    return Quote(text, citation, 0, len(text), 1.0)


@pytest.mark.parametrize(
    ("question", "quotes", "answer"),
    [
        ("多少？", (quote("八天。"),), "八天。 [1]"),
        ("多少？", (quote("八天。"), quote("十天。", 3)), "八天。 [1]十天。 [3]"),
        ("How many?", (quote("Eight."), quote("Ten.", 2)), "Eight. [1] Ten. [2]"),
        ("多少？", (quote("城市：成都"), quote("十天。", 2)), "城市：成都 [1]\n十天。 [2]"),
        ("有哪些？", (quote("甲。"), quote("乙。", 2)), "甲。 [1]\n乙。 [2]"),
    ],
)
def test_an_answer_is_its_quotes_with_their_numbers(
    question: str, quotes: tuple[Quote, ...], answer: str
) -> None:
    language = "en" if question.isascii() else "zh"
    assert compose(question, quotes, language, hits=[HANDBOOK] * 3) == answer


def test_footnote_marks_of_a_quote_are_not_citations_of_ours() -> None:
    quotes = (quote("Rinse three times.[2]", 1), quote("It holds 48 hours.[3]", 2))
    assert compose("How long?", quotes, "en", hits=[HANDBOOK] * 2) == (
        "Rinse three times.〔2〕 [1] It holds 48 hours.〔3〕 [2]"
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("name = sys.argv[1]", "`name = sys.argv[1]` [1]\nSo it is. [2]"),
        ("a = row[1]\nb = 2", "```\na = row[1]\nb = 2\n```\n[1]\nSo it is. [2]"),
        ("# see `row`[1]", "```\n# see `row`[1]\n```\n[1]\nSo it is. [2]"),
        ("limit = 24", "limit = 24 [1]\nSo it is. [2]"),
    ],
)
def test_brackets_of_code_stay_and_cite_nothing(text: str, answer: str) -> None:
    quotes = (quote(text, 1), quote("So it is.", 2))
    hits = [hit(text, file="tool.PY"), HANDBOOK]
    assert compose("Which?", quotes, "en", hits=hits) == answer
    assert cited_numbers(answer) == [1, 2]


def test_a_stray_backtick_hides_no_citation() -> None:
    quotes = (quote("Use ` here[7]", 1), quote("And ``` there.", 2), quote("So `a[3]` is.", 3))
    answer = compose("Which?", quotes, "en", hits=[HANDBOOK] * 3)
    assert answer == "Use ˋ here〔7〕 [1] And ˋˋˋ there. [2] So `a[3]` is. [3]"
    assert cited_numbers(answer) == [1, 2, 3]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "How many?",
            "These passages come closest; it is uncertain whether they answer the question:\n"
            "Eight. [1]",
        ),
        ("多少？", "以下是最接近的原文，不确定是否直接回答了该问题：\nEight. [1]"),
    ],
)
def test_an_answer_without_support_says_so_first(question: str, answer: str) -> None:
    language = "en" if question.isascii() else "zh"
    quotes = (quote("Eight."),)
    assert compose(question, quotes, language, hits=[MANUAL], is_supported=False) == answer


def test_a_refusal_is_in_the_language_asked_for() -> None:
    assert refuse("zh").startswith("知识库中没有找到")
    assert refuse("en").startswith("The knowledge base has nothing on this question")

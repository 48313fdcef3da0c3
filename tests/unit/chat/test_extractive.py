"""Answers quoted from hits."""

import cProfile
import pstats

import pytest

from server.chat.extractive import compose, extract, refuse
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
    others = [hit(f"Nothing on {number}.", file=f"{number}.md") for number in range(8)]
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
    assert compose(question, quotes, "en" if question.isascii() else "zh") == answer


def test_a_refusal_is_in_the_language_asked_for() -> None:
    assert refuse("zh").startswith("知识库中没有找到")
    assert refuse("en").startswith("The knowledge base has nothing on this question")

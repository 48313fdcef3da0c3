"""Answers of a model compared with their sources."""

from dataclasses import replace

import pytest

from server.chat.claims import MAX_FINDINGS, Check, check_answer
from server.chat.events import SourceFound
from server.chat.extractive import compose, extract
from server.chat.sources import number_hits
from server.datatypes import Chunk, Hit, Passage
from server.knowledge_base.analysis import analyze
from server.knowledge_base.indexes import Weights
from server.knowledge_base.neighbours import Neighbours
from tests.api.documents import CANTEEN_ZH, GARDEN_EN, LEAVE_ZH, PUMP_EN
from tests.unit.chat.test_context import source

PUMP = source(
    1,
    "The circulation pump P-200 moves 12 litres per minute and weighs 9,000 g. The warranty of "
    "the pump is twenty-four months from delivery. Replace its filter every 2.50 years.",
)
LEAVE = source(
    2, "员工入职满一年后，每年享有十五天带薪年假，從 2024年1月5日 起實行。占比为百分之三十五。"
)
SOURCES = [PUMP, LEAVE]


def check(answer: str, question: str = "How is it?", sources: list[SourceFound] = SOURCES) -> Check:
    return check_answer(answer, sources, question)


def found(answer: str, question: str = "How is it?") -> list[tuple[str, str]]:
    return [(finding.kind, finding.text) for finding in check(answer, question).findings]


@pytest.mark.parametrize(
    "answer",
    [
        "The P-200 weighs 9000 g [1].",
        "It says “the warranty of the PUMP is twenty-four  months” [1].",
        "The warranty is 24 months. [1]",
        "The filter lasts 2.5 years [1].",
        '"The circulation pump … from delivery" [1] is what it says.',
        "「每年享有十五天帶薪年假」[2]。",
        "每年有15天年假，自2024-01-05起，占３５％【参见】[2]。",
        "It pumps 12 litres and gives 15 days [1, 2].",
        "1. It moves 12 litres [1].\n2. It weighs 9,000 g [1].\n\n3) 满一年后有十五天 [2]。",
        "There are 3 facts [1]:\n- It moves 12 litres.\n- It weighs 9,000 g.",
        "步骤3：更换滤芯，见第一条 [1]。",
        "The code is `row[7]` [1].\n```\nvalue[9] = 77\n```",
        "It is called “P-200” or “the old one” [1].",
        "Source 1 says that it moves 12 litres [1].",
        "[1] The pump moves 12 litres. [2] 每年享有十五天带薪年假。",
    ],
)
def test_what_the_sources_hold_is_grounded(answer: str) -> None:
    assert found(answer) == []
    assert check(answer).is_grounded


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        ("It moves 12 litres [1][7].", [("unknown_number", "[7]")]),
        ("It moves 12 litres [1, 7].", [("unknown_number", "[7]")]),
        ("It moves 15 litres [1].", [("figure_not_found", "15")]),
        ("It moves 15 litres. [1]", [("figure_not_found", "15")]),
        ("The P-20 moves 12 litres [1].", [("figure_not_found", "P-20")]),
        ("每年有三十五天年假 [1]。", [("figure_not_found", "三十五")]),
        ("每年有九天年假 [2]。", [("figure_not_found", "九")]),
        ("自2024-02-05起 [2]。", [("figure_not_found", "2024-02-05")]),
        (
            "It is “the finest pump of all the world” [1].",
            [("quote_not_found", "the finest pump of all the world")],
        ),
        (
            "“from delivery … the warranty of the pump” [1]",
            [("quote_not_found", "from delivery … the warranty of the pump")],
        ),
        ("规定是「每年享有十五天无薪年假」[2]。", [("quote_not_found", "每年享有十五天无薪年假")]),
        (
            "It moves 12 litres [1]. It is made of 99 parts.",
            [("figure_not_found", "99"), ("uncited", "It is made of 99 parts.")],
        ),
    ],
)
def test_what_the_sources_do_not_hold_is_found(
    answer: str, findings: list[tuple[str, str]]
) -> None:
    assert found(answer) == findings
    assert not check(answer).is_grounded


def test_a_finding_has_the_place_of_its_sentence_and_what_it_cites() -> None:
    answer = "It moves 12 litres [1]. 每年有九十天年假 [1][2]。"
    [finding] = check(answer).findings
    assert answer[finding.start : finding.end] == "每年有九十天年假 [1][2]。"
    assert finding.citations == (1, 2)


def test_what_stands_in_the_question_may_be_repeated() -> None:
    question = "Is it true that “the seven dwarfs live in here” with 77 others?"
    answer = "That “the seven dwarfs live in here” with 77 others is not said [1]."
    assert found(answer, question) == []


def test_sentences_without_a_source_are_counted_but_do_not_refute_the_answer() -> None:
    checked = check("The pump moves a lot of water [1]. It is a very good pump. Is it? Yes.")
    assert [finding.text for finding in checked.findings] == ["It is a very good pump."]
    assert checked.cited_share == 0.5
    assert checked.is_grounded


def test_saying_that_something_is_not_known_needs_no_source() -> None:
    assert found("The pump moves water [1]. The passages do not say who built it.") == []
    assert found("水泵每分钟输送 12 升 [1]。资料中没有提到它的生产厂家。") == []


def test_an_answer_without_any_citation_is_not_grounded() -> None:
    checked = check("It is a very good pump.")
    assert (checked.findings, checked.cited_share, checked.is_grounded) == ((), 0, False)


def test_what_a_model_was_shown_around_a_chunk_counts_as_its_source() -> None:
    answer = "It runs on 48 volts [1]. “The tank holds a hundred litres” [1]."
    shown = replace(
        PUMP, neighbours=Neighbours("It runs on 48 volts. ", " The tank holds a hundred litres.")
    )
    assert [each.kind for each in check(answer).findings] == ["figure_not_found", "quote_not_found"]
    assert check(answer, sources=[shown, LEAVE]).is_grounded
    assert not check(answer.replace("[1]", "[2]"), sources=[shown, LEAVE]).is_grounded


@pytest.mark.parametrize("document", [PUMP_EN, LEAVE_ZH, CANTEEN_ZH, GARDEN_EN])
def test_quotations_without_a_model_pass_the_check(document: str) -> None:
    chunk = Chunk(document, 0, len(document))
    hit = Hit(Passage(1, "kb", "a.md", "A", 0, chunk), score=1, relevance=1)
    question = document.splitlines()[-1][:20]
    terms = analyze(question)
    weights = Weights(dict.fromkeys(terms.words, 1.0), dict.fromkeys(terms.grams, 1.0))
    quotes = extract(question, [hit], idf=weights)
    answer = compose(question, quotes, "en", hits=[hit])
    assert quotes
    assert check(answer, "?", list(number_hits([hit], quotes))).is_grounded


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "]", "[1]", "[1,", "“", "”", '"', "「", "`", "```", "*", "-", "|", " ", "\n", "."),
        *("…", "。", "(", "1", "1,", "1.", "1-", "十", "一", "万", "A1-", "ab ", "。[1]"),
        *(
            "“a” [1]",
            "“aaaaaaaaaaaa”[1] ",
            "\n- [1]:",
            "\n- it is so very long:",
            "9 ",
            "x. [1] ",
            "[9]",
        ),
    ],
)
def test_hostile_answers_are_checked_in_time(piece: str) -> None:
    answer = (piece * 100_000)[:100_000] + "x"
    assert len(check(answer).findings) <= 4 * MAX_FINDINGS

"""What a model cites."""

import pytest

from server.chat.citations import cited_numbers, describe_findings, without_citations
from server.chat.events import Finding, FindingKind
from server.datatypes import Language


def test_numbers_are_read_once_and_in_order() -> None:
    assert cited_numbers("a [2], b [1][2] c [x] d [12]") == [2, 1, 12]
    assert cited_numbers("a [2, 3], b [1，2]") == [2, 3, 1]


def test_an_index_in_code_is_no_citation() -> None:
    assert cited_numbers("Take `row[1]` [2].\n```\nrow[3]\n```\n") == [2]


def test_marks_of_a_document_are_no_citations_and_keep_their_places() -> None:
    text = "Rinse three times.[2] See [12], [x] and [3](a.md)."
    rewritten = without_citations(text)
    assert rewritten == "Rinse three times.〔2〕 See 〔12〕, [x] and 〔3〕(a.md)."
    assert len(rewritten) == len(text)
    assert not cited_numbers(rewritten)


def finding(kind: FindingKind, text: str) -> Finding:
    return Finding(kind, 0, 9, text, ())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            "The model cited sources that do not exist: [7]. The sources do not hold what is "
            "quoted: so it is. The sources do not hold these figures: 1, 2, 3, …. Sentences "
            "without a source: 2.",
        ),
        (
            "zh",
            "模型引用了不存在的出处：[7]。出处中没有所引的原文：so it is。"
            "出处中没有这些数字：1、2、3、…。未标注出处的句子：2 句。",
        ),
    ],
)
def test_what_was_found_is_told_in_few_words(language: Language, words: str) -> None:
    findings = [
        finding("unknown_number", "[7]"),
        finding("unknown_number", "[7]"),
        finding("quote_not_found", "so it is"),
        *(finding("figure_not_found", figure) for figure in "1234"),
        finding("uncited", "Yes."),
        finding("uncited", "No."),
    ]
    assert describe_findings(findings, language) == words
    assert describe_findings([], language) == ""


def test_what_is_long_is_told_in_part() -> None:
    assert len(describe_findings([finding("quote_not_found", "x" * 300)], "en")) < 100

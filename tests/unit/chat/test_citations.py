"""What a model cites."""

import pytest

from server.chat.citations import check_citations, cited_numbers, without_citations
from tests.unit.chat.test_context import source

SOURCES = [source(1, "First."), source(2, "Second.")]


def test_numbers_are_read_once_and_in_order() -> None:
    assert cited_numbers("a [2], b [1][2] c [x] d [12]") == [2, 1, 12]


def test_an_index_in_code_is_no_citation() -> None:
    assert cited_numbers("Take `row[1]` [2].\n```\nrow[3]\n```\n") == [2]


def test_marks_of_a_document_are_no_citations_and_keep_their_places() -> None:
    text = "Rinse three times.[2] See [12], [x] and [3](a.md)."
    rewritten = without_citations(text)
    assert rewritten == "Rinse three times.〔2〕 See 〔12〕, [x] and 〔3〕(a.md)."
    assert len(rewritten) == len(text)
    assert not cited_numbers(rewritten)


@pytest.mark.parametrize(
    ("text", "is_grounded", "words"),
    [
        ("So it is [1].", True, None),
        ("So it is [1], not so [7].", True, "7"),
        ("So it is [7].", False, "7"),
        ("So it is.", False, "no source"),
    ],
)
def test_an_answer_is_grounded_by_a_source_that_exists(
    text: str, is_grounded: bool, words: str | None
) -> None:
    grounded, problem = check_citations(text, SOURCES, "en")
    assert grounded is is_grounded
    assert (words in problem) if words and problem else problem is words

"""What was measured, in words."""

import pytest

from server.schemas.evaluation import (
    ChangedQuestion,
    Difference,
    Kind,
    NewQuestion,
    Outcome,
    RunQuestion,
)
from webui_pages.evaluation_words import (
    describe_change,
    describe_interval,
    explain,
    name_metric,
    name_rank,
    name_verdict,
)


def differ(difference: float, low: float | None, high: float | None, **claims: bool) -> Difference:
    return Difference(
        before=50,
        after=50 + difference,
        difference=difference,
        low=low,
        high=high,
        is_better=claims.get("is_better", False),
        is_worse=claims.get("is_worse", False),
        questions=9,
        documents=9,
    )


def ask(
    *,
    kind: Kind = "answerable",
    ranks: tuple[int, ...] = (),
    gold: int = 1,
    is_covered: bool = True,
    is_answered: bool | None = None,
) -> RunQuestion:
    files = ["a.md"] if kind == "answerable" else []
    outcome = Outcome(
        ranks=list(ranks),
        gold=gold,
        judged_by="file",
        is_covered=is_covered,
        is_supported=is_covered,
        is_answered=is_answered,
        answer=[],
        found=[],
    )
    expected = NewQuestion(question="Why?", files=files, kind=kind)
    return RunQuestion(question_id=1, expected=expected, outcome=outcome, is_good=False)


@pytest.mark.parametrize(
    ("difference", "verdict", "interval"),
    [
        (differ(4, 1, 7, is_better=True), "better", "+4.0 (+1.0 … +7.0)"),
        (differ(-4, -7, -1, is_worse=True), "worse", "−4.0 (−7.0 … −1.0)"),
        (differ(4, -1, 9), "no clear difference", "+4.0 (−1.0 … +9.0)"),
        (differ(4, None, None), "too few documents to tell", "+4.0"),
        (differ(0, 0, 0), "the same", "0.0"),
    ],
)
def test_a_difference_is_told_with_how_sure_it_is(
    difference: Difference, verdict: str, interval: str
) -> None:
    assert (name_verdict(difference), describe_interval(difference)) == (verdict, interval)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (ask(ranks=(1,), is_answered=True), []),
        (ask(ranks=(1,)), []),
        (ask(ranks=(7,)), ["only at place 7"]),
        (ask(), ["No right passage was found"]),
        (ask(gold=0), ["Nothing right can be found"]),
        (ask(ranks=(1,), is_answered=False), ["does not quote what you expected"]),
        (ask(ranks=(9,), is_covered=False, is_answered=False), ["place 9", "It was refused"]),
        (ask(kind="foreign"), ["must be refused"]),
        (ask(kind="near_miss", is_covered=False), []),
    ],
)
def test_what_went_wrong_is_said(asked: RunQuestion, words: list[str]) -> None:
    told = explain(asked)
    assert len(told) == len(words)
    assert all(word in sentence for word, sentence in zip(words, told, strict=True))


def test_a_question_to_refuse_has_no_place() -> None:
    assert [name_rank(each) for each in (ask(kind="foreign"), ask(), ask(ranks=(3, 8)))] == [
        *("–", "not found", "3")
    ]


def test_a_change_is_told_by_places_and_claims() -> None:
    question = ChangedQuestion(
        question="Why?",
        files=["a.md"],
        before={"mrr@10": 100 / 3, "answered": 100, "false_refusals": 0},
        after={"mrr@10": 0, "answered": 0, "false_refusals": 0},
    )
    assert describe_change(question) == [
        "Found at place: 3 → not in the first 10",
        "Expected answer: yes → no",
    ]


def test_a_metric_without_words_keeps_its_name() -> None:
    assert name_metric("new@7") == "new@7"

"""Two runs are compared question by question, and only what is sure is called so."""

import pytest

from server.errors import RunsDiffer
from server.evaluation.comparison import compare
from server.schemas.evaluation import NewQuestion, Outcome, RunQuestion


def question(number: int, rank: int | None, *, is_covered: bool = True) -> RunQuestion:
    return RunQuestion(
        question_id=number,
        expected=NewQuestion(question=f"q{number}", files=[f"{number}.md"]),
        outcome=outcome(rank, is_covered=is_covered),
        is_good=rank == 1,
    )


def outcome(rank: int | None, *, is_covered: bool = True) -> Outcome:
    return Outcome(
        ranks=[rank] if rank else [],
        gold=1,
        judged_by="file",
        is_covered=is_covered,
        is_supported=is_covered,
        is_answered=None,
        answer=[],
        found=[],
    )


def test_a_loss_on_all_documents_is_sure() -> None:
    before = [question(n, 1) for n in range(10)]
    after = [question(n, 2) for n in range(10)]
    found = compare(before, after)
    hit = found.metrics["hit@1"]
    assert (hit.before, hit.after, hit.difference, hit.low, hit.high) == (100, 0, -100, -100, -100)
    assert (hit.is_better, hit.is_worse, hit.questions, hit.documents) == (False, True, 10, 10)
    assert not found.metrics["hit@3"].is_worse
    assert [each.question for each in found.worse] == [f"q{n}" for n in range(10)]
    assert found.better == []


def test_a_change_on_one_document_of_many_is_not_sure() -> None:
    before = [question(n, 1) for n in range(10)]
    after = [question(0, None), *before[1:]]
    found = compare(before, after)
    hit = found.metrics["hit@1"]
    assert (hit.difference, hit.high, hit.is_worse) == (-10, 0, False)
    assert found.worse[0].before["mrr@10"] == 100
    assert found.worse[0].after["mrr@10"] == 0


def test_few_documents_have_no_interval() -> None:
    found = compare([question(1, 1)], [question(1, None)])
    hit = found.metrics["hit@1"]
    assert (hit.difference, hit.low, hit.high, hit.is_worse) == (-100, None, None, False)


def test_more_false_refusals_are_worse() -> None:
    before = [question(n, 1) for n in range(10)]
    after = [question(n, 1, is_covered=False) for n in range(10)]
    found = compare(before, after).metrics["false_refusals"]
    assert (found.difference, found.is_better, found.is_worse) == (100, False, True)


def test_only_questions_of_both_runs_count() -> None:
    found = compare([question(1, 1), question(2, 1)], [question(2, 3), question(3, 1)])
    assert (found.questions, found.metrics["hit@1"].questions) == (1, 1)


def test_runs_without_a_question_in_common_cannot_be_compared() -> None:
    with pytest.raises(RunsDiffer):
        compare([question(1, 1)], [question(2, 1)])

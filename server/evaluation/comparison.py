"""Two runs question by question: how sure a difference is, and what got better or worse.

Knows no database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from server.errors import RunsDiffer
from server.evaluation.formats import key_of
from server.evaluation.judging import values_of
from server.evaluation.metrics import bootstrap_gain
from server.schemas.evaluation import (
    ChangedQuestion,
    Comparison,
    Difference,
    NewQuestion,
    Outcome,
    RunQuestion,
)

# An interval from fewer documents says nothing: with one it has no width at all.
MIN_DOCUMENTS = 5
LOWER_IS_BETTER = frozenset({"false_refusals", "false_refusals_or_warnings", "unfindable"})
TOLD = ("mrr@10", "answered", "refused", "false_refusals")  # by which a question got better


@dataclass(frozen=True, slots=True)
class Pair:
    """A question that two runs have, with its metrics in both, in percent."""

    expected: NewQuestion
    before: Mapping[str, float]
    after: Mapping[str, float]

    @property
    def document(self) -> str:
        """What questions on the same document have in common; each to refuse is alone."""
        return self.expected.files[0] if self.expected.files else f"?{self.expected.question}"

    @property
    def gain(self) -> float:
        """How much better the later run did, over all that is told, in points."""
        return sum(
            gain_of(name, self.before[name], self.after[name])
            for name in TOLD
            if name in self.before and name in self.after
        )


def gain_of(name: str, before: float, after: float) -> float:
    """Return how much better a metric got."""
    return before - after if name in LOWER_IS_BETTER else after - before


def compare(before: Sequence[RunQuestion], after: Sequence[RunQuestion]) -> Comparison:
    """Compare two runs over the questions that both have, by text and files.

    Raises:
        RunsDiffer: there is none.
    """
    earlier = {key_of(each.expected): each.outcome for each in before}
    pairs = [
        to_pair(each.expected, earlier[key], each.outcome)
        for each in after
        if (key := key_of(each.expected)) in earlier
    ]
    if not pairs:
        raise RunsDiffer
    names = dict.fromkeys(name for pair in pairs for name in pair.after)
    changed = sorted(pairs, key=lambda pair: pair.gain)
    return Comparison(
        questions=len(pairs),
        metrics={name: found for name in names if (found := differ(name, pairs)) is not None},
        better=[describe(pair) for pair in reversed(changed) if pair.gain > 0],
        worse=[describe(pair) for pair in changed if pair.gain < 0],
    )


def to_pair(expected: NewQuestion, before: Outcome, after: Outcome) -> Pair:
    """Return a question with its metrics in both runs."""
    return Pair(expected, values_of(expected, before), values_of(expected, after))


def differ(name: str, pairs: Sequence[Pair]) -> Difference | None:
    """Return how a metric changed, with a paired bootstrap over documents; None: in neither."""
    both = [pair for pair in pairs if name in pair.before and name in pair.after]
    if not both:
        return None
    before = np.array([pair.before[name] for pair in both])
    after = np.array([pair.after[name] for pair in both])
    documents = [pair.document for pair in both]
    low = high = None
    if len(set(documents)) >= MIN_DOCUMENTS:
        interval = bootstrap_gain({name: ((after - before) / 100, documents)})
        low, high = (round(float(end), 4) for end in interval)
    is_up, is_down = low is not None and low > 0, high is not None and high < 0
    is_low_better = name in LOWER_IS_BETTER
    return Difference(
        before=round(float(before.mean()), 4),
        after=round(float(after.mean()), 4),
        difference=round(float((after - before).mean()), 4),
        low=low,
        high=high,
        is_better=is_down if is_low_better else is_up,
        is_worse=is_up if is_low_better else is_down,
        questions=len(both),
        documents=len(set(documents)),
    )


def describe(pair: Pair) -> ChangedQuestion:
    """Return a question as it is shown, with what tells that it changed."""
    return ChangedQuestion(
        question=pair.expected.question,
        files=pair.expected.files,
        before={name: pair.before[name] for name in TOLD if name in pair.before},
        after={name: pair.after[name] for name in TOLD if name in pair.after},
    )

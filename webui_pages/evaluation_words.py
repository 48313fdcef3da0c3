"""What was measured, in words. Asks the API nothing and draws no widget."""

from collections.abc import Mapping

from server.schemas.evaluation import (
    ChangedQuestion,
    Difference,
    Kind,
    NewQuestion,
    Outcome,
    Run,
    RunQuestion,
    TestQuestion,
)
from webui_pages.catalogue import text
from webui_pages.quantities import moment

GOOD_RANK = 5  # what is found later is to be looked at, as the API judges
FIGURES = ("hit@1", "hit@5", "answered", "refused", "false_refusals")  # that are shown large
LOWER_IS_BETTER = frozenset({"false_refusals", "false_refusals_or_warnings", "unfindable"})


def name_metric(metric: str) -> str:
    """Return what a metric measures, in a few words; one that is unknown keeps its name."""
    names = {
        "hit@1": text("evaluation.metric_hit_1"),
        "hit@3": text("evaluation.metric_hit_3"),
        "hit@5": text("evaluation.metric_hit_5"),
        "hit@10": text("evaluation.metric_hit_10"),
        "mrr@10": text("evaluation.metric_mrr"),
        "ndcg@10": text("evaluation.metric_ndcg"),
        "recall@50": text("evaluation.metric_recall"),
        "answered": text("evaluation.metric_answered"),
        "refused": text("evaluation.metric_refused"),
        "refused_foreign": text("evaluation.metric_refused_foreign"),
        "refused_near_miss": text("evaluation.metric_refused_near_miss"),
        "refused_or_warned": text("evaluation.metric_refused_or_warned"),
        "false_refusals": text("evaluation.metric_false_refusals"),
        "false_refusals_or_warnings": text("evaluation.metric_false_refusals_or_warnings"),
        "unfindable": text("evaluation.metric_unfindable"),
    }
    return names.get(metric, metric)


def describe_figure(metric: str, count: int, total: int) -> str:
    """Return a sentence that says what one of the large figures means."""
    sentences = {
        "hit@1": text("evaluation.figure_hit_1", count=count, total=total),
        "hit@5": text("evaluation.figure_hit_5", count=count, total=total),
        "answered": text("evaluation.figure_answered", count=count, total=total),
        "refused": text("evaluation.figure_refused", count=count, total=total),
        "false_refusals": text("evaluation.figure_false_refusals", count=count, total=total),
    }
    return sentences[metric]


def count_of(run: Run, metric: str) -> tuple[int, int]:
    """Return for how many questions a metric of a run holds, and of how many that is."""
    total = (run.counts or {}).get(metric, 0)
    return round((run.metrics or {}).get(metric, 0) * total / 100), total


def name_run(run: Run) -> str:
    """Return a run as lists show it: when it began, its name, and what was different."""
    parts = [moment(run.created_at), run.name, describe_overrides(run)]
    return " · ".join(filter(None, parts))


def name_state(run: Run) -> str:
    """Return how a run ended, or its first figure."""
    if run.status == "failed":
        return text("evaluation.state_failed")
    if run.status == "cancelled":
        return text("evaluation.state_cancelled")
    count, total = count_of(run, "hit@1")
    return text("evaluation.state_done", count=count, total=total) if total else ""


def describe_overrides(run: Run) -> str:
    """Return the settings of a run that differed from those in force then."""
    return ", ".join(f"{name} = {value}" for name, value in run.overrides.items())


def name_kind(kind: Kind) -> str:
    """Return what is right to do with a question."""
    return {
        "answerable": text("evaluation.kind_answerable"),
        "foreign": text("evaluation.kind_foreign"),
        "near_miss": text("evaluation.kind_near_miss"),
    }[kind]


def describe_expected(question: NewQuestion | TestQuestion) -> str:
    """Return on one line what is right for a question."""
    if question.kind != "answerable":
        return name_kind(question.kind)
    return " · ".join([", ".join(question.files), *question.answers[:1]])


def name_rank(asked: RunQuestion) -> str:
    """Return at which place something right was found first."""
    if asked.expected.kind != "answerable":
        return "–"
    ranks = asked.outcome.ranks
    return str(ranks[0]) if ranks else text("evaluation.not_found")


def name_claim(claim: bool | None) -> str:
    """Return yes, no, or a dash where there is nothing to say."""
    if claim is None:
        return "–"
    return text("evaluation.claim_yes") if claim else text("evaluation.claim_no")


def is_late(outcome: Outcome) -> bool:
    """Return whether what is right came so late that somebody should look."""
    return not outcome.ranks or outcome.ranks[0] > GOOD_RANK


def explain(asked: RunQuestion) -> list[str]:
    """Return sentences that say what went wrong with a question; none: all is well."""
    outcome = asked.outcome
    if asked.expected.kind != "answerable":
        return [text("evaluation.wrong_answered")] if outcome.is_covered else []
    reasons = []
    if outcome.gold == 0:
        reasons.append(text("evaluation.wrong_unfindable"))
    elif not outcome.ranks:
        reasons.append(text("evaluation.wrong_not_found"))
    elif is_late(outcome):
        reasons.append(text("evaluation.wrong_late", rank=outcome.ranks[0]))
    if not outcome.is_covered:
        reasons.append(text("evaluation.wrong_refused"))
    elif outcome.is_answered is False:
        reasons.append(text("evaluation.wrong_answer"))
    return reasons


def name_verdict(difference: Difference) -> str:
    """Return whether a metric is better, worse, or too close to tell."""
    if difference.is_better:
        return text("evaluation.verdict_better")
    if difference.is_worse:
        return text("evaluation.verdict_worse")
    if difference.difference == 0:
        return text("evaluation.verdict_same")
    return text(
        "evaluation.verdict_few" if difference.low is None else "evaluation.verdict_unclear"
    )


def describe_interval(difference: Difference) -> str:
    """Return a difference in points, with its interval if there is one."""
    told = name_points(difference.difference)
    if difference.low is None or difference.high is None or difference.low == difference.high:
        return told
    return f"{told} ({name_points(difference.low)} … {name_points(difference.high)})"


def name_points(points: float) -> str:
    """Return a difference with its sign; a zero has none."""
    return f"{points:+.1f}".replace("-", "−") if round(points, 1) else "0.0"


def describe_change(question: ChangedQuestion) -> list[str]:
    """Return in words what changed between two runs of a question."""
    before, after = question.before, question.after
    changes = {
        "mrr@10": (name_place(before), name_place(after)),
        "answered": words_of("answered", before, after),
        "refused": words_of("refused", before, after),
        "false_refusals": words_of("false_refusals", before, after),
    }
    names = {
        "mrr@10": text("evaluation.column_rank"),
        "answered": text("evaluation.column_answered"),
        "refused": text("evaluation.column_refused"),
        "false_refusals": text("evaluation.column_refused"),
    }
    return [
        text("evaluation.change", name=names[metric], before=old, after=new)
        for metric, (old, new) in changes.items()
        if before.get(metric) != after.get(metric)
    ]


def words_of(
    metric: str, before: Mapping[str, float], after: Mapping[str, float]
) -> tuple[str, str]:
    """Return a metric that holds or not, in two runs of a question."""
    return name_claim(before.get(metric, 0) > 0), name_claim(after.get(metric, 0) > 0)


def name_place(values: Mapping[str, float]) -> str:
    """Return the place of the first right passage; 1/place is what the metric averages."""
    share = values.get("mrr@10", 0)
    return str(round(100 / share)) if share else text("evaluation.not_in_ten")

"""Two runs of a test set beside each other. Computes nothing itself."""

from html import escape

import streamlit as st

from server.schemas.evaluation import ChangedQuestion, Comparison, Difference, Run, TestSet
from webui_pages.catalogue import text
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_words import (
    FIGURES,
    describe_change,
    describe_interval,
    name_metric,
    name_run,
    name_verdict,
)
from webui_pages.markup import plain

FEW = 50  # changed questions that are shown on each side


def show_comparison(client: EvaluationClient, base: str, chosen: TestSet) -> None:
    """Draw the choice of two runs and how they differ."""
    done = [run for run in client.runs(base, chosen.id) if run.status == "done"]
    if len(done) < 2:
        st.info(text("evaluation.compare_needs_two"), icon=":material/info:")
        return
    before, after = choose_two(done)
    if before.id == after.id:
        st.info(text("evaluation.compare_same"), icon=":material/info:")
        return
    found = client.compare(before.id, after.id)
    show_differences(found)
    show_changed(text("evaluation.got_worse", count=len(found.worse)), found.worse)
    show_changed(text("evaluation.got_better", count=len(found.better)), found.better)
    if not found.worse and not found.better:
        st.caption(text("evaluation.none_changed"))


def choose_two(done: list[Run]) -> tuple[Run, Run]:
    """Return the earlier and the later run that the person picks; at first the last two."""
    by_id = {run.id: run for run in done}
    left, right = st.columns(2)
    before, after = (
        column.selectbox(
            title,
            list(by_id),
            index=index,
            format_func=lambda run_id: name_run(by_id[run_id]),
            key=f"evaluation_compare_{index}_{done[0].id}",
        )
        for column, title, index in (
            (left, text("evaluation.before"), 1),
            (right, text("evaluation.after"), 0),
        )
    )
    return by_id[before], by_id[after]


def show_differences(found: Comparison) -> None:
    """Draw how the large figures differ, and all others on demand."""
    large = {name: found.metrics[name] for name in FIGURES if name in found.metrics}
    others = {name: each for name, each in found.metrics.items() if name not in large}
    st.html(draw_table(large))
    st.caption(text("evaluation.compare_help", count=found.questions))
    if any(each.low is None for each in large.values()):
        st.info(text("evaluation.compare_few"), icon=":material/info:")
    with st.expander(text("evaluation.all_figures"), icon=":material/table_chart:"):
        st.html(draw_table(others))


def draw_table(metrics: dict[str, Difference]) -> str:
    """Return differences as an HTML table."""
    heads = (
        text("evaluation.column_metric"),
        text("evaluation.before"),
        text("evaluation.after"),
        text("evaluation.column_difference"),
        text("evaluation.column_verdict"),
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    rows = "".join(draw_difference(name, each) for name, each in metrics.items())
    return f'<table class="zw-trace zw-differences"><tr>{head}</tr>{rows}</table>'


def draw_difference(metric: str, difference: Difference) -> str:
    """Return how one metric differs as a row."""
    kind = "zw-better" if difference.is_better else "zw-worse" if difference.is_worse else ""
    return (
        f"<tr><td>{escape(name_metric(metric))}</td><td>{difference.before:.1f} %</td>"
        f"<td>{difference.after:.1f} %</td><td>{escape(describe_interval(difference))}</td>"
        f'<td><span class="{kind}">{escape(name_verdict(difference))}</span></td></tr>'
    )


def show_changed(title: str, questions: list[ChangedQuestion]) -> None:
    """Draw questions that one of the runs did better."""
    if not questions:
        return
    st.subheader(title)
    lines = [
        f"- {plain(each.question)}  \n  :small[:gray[{plain('; '.join(describe_change(each)))}]]"
        for each in questions[:FEW]
    ]
    st.markdown("\n".join(lines))
    if len(questions) > FEW:
        st.caption(text("knowledge_bases.and_more", count=len(questions) - FEW))

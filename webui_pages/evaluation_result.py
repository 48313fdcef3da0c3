"""What a run measured: a few large figures, and the questions behind them."""

from html import escape
from math import ceil

import streamlit as st

from server.schemas.evaluation import Run, RunQuestion
from webui_pages.catalogue import text
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_outcome import open_outcome_dialog
from webui_pages.evaluation_words import (
    FIGURES,
    LOWER_IS_BETTER,
    count_of,
    describe_figure,
    is_late,
    name_claim,
    name_metric,
    name_rank,
)
from webui_pages.markup import plain

ON_A_PAGE = 20
WIDTHS = (6, 1.3, 1.5, 1.2)


def show_result(client: EvaluationClient, base: str, run: Run) -> None:
    """Draw the results of a run that has ended."""
    if run.status == "failed":
        st.error(plain(run.error.message if run.error else ""), icon=":material/error:")
        return
    if run.status == "cancelled":
        st.info(text("evaluation.was_cancelled"), icon=":material/info:")
    else:
        show_figures(run)
    show_questions(client, base, run)


def show_figures(run: Run) -> None:
    """Draw the large figures, each with a sentence that says what it means."""
    tiles = [draw_figure(run, metric) for metric in FIGURES if (run.counts or {}).get(metric)]
    st.html(f'<div class="zw-figures">{"".join(tiles)}</div>')
    lost, total = count_of(run, "unfindable")
    if lost:
        words = text("evaluation.unfindable", count=lost, total=total)
        st.warning(words, icon=":material/warning:")
    with st.expander(text("evaluation.all_figures"), icon=":material/table_chart:"):
        st.html(draw_metrics(run))
        st.caption(text("evaluation.all_figures_help"))


def draw_figure(run: Run, metric: str) -> str:
    """Return one large figure as HTML."""
    count, total = count_of(run, metric)
    sentence = escape(describe_figure(metric, count, total))
    percent = 100 * count / total
    kind = "zw-lower" if metric in LOWER_IS_BETTER else ""
    return (
        f'<div class="zw-figure {kind}"><span>{escape(name_metric(metric))}</span>'
        f"<b>{percent:.0f} %</b><i><i style='width: {percent:.0f}%'></i></i>"
        f"<small>{sentence}</small></div>"
    )


def draw_metrics(run: Run) -> str:
    """Return all metrics of a run as an HTML table."""
    heads = (
        text("evaluation.column_metric"),
        text("evaluation.column_value"),
        text("evaluation.column_questions"),
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    rows = "".join(
        f"<tr><td>{escape(name_metric(metric))} <code>{escape(metric)}</code></td>"
        f"<td>{value:.1f} %</td><td>{(run.counts or {}).get(metric, 0)}</td></tr>"
        for metric, value in (run.metrics or {}).items()
    )
    return f'<table class="zw-trace"><tr>{head}</tr>{rows}</table>'


def show_questions(client: EvaluationClient, base: str, run: Run) -> None:
    """Draw a row for each question of a run, or for those that went wrong."""
    total, bad = run.done, run.to_look_at
    st.subheader(text("evaluation.questions"))
    only_bad = st.toggle(
        text("evaluation.only_bad") if bad is None else text("evaluation.only_bad_of", count=bad),
        value=bool(bad),
        key=f"evaluation_only_bad_{run.id}",
    )
    if only_bad and bad is not None:
        total = bad
    pages = max(1, ceil(total / ON_A_PAGE))
    key = f"evaluation_outcomes_{run.id}_{only_bad}"
    offset = (min(st.session_state.get(key, 1), pages) - 1) * ON_A_PAGE
    asked = client.outcomes(run.id, only_bad=only_bad, offset=offset, limit=ON_A_PAGE)
    if not asked:
        words = text("evaluation.none_bad") if only_bad else text("evaluation.none_asked")
        st.info(words, icon=":material/info:")
    with st.container(key="evaluation_outcomes"):
        if asked:
            draw_head()
        for place, each in enumerate(asked, offset):
            draw_row(base, each, f"{run.id}_{only_bad}_{place}")
    if pages > 1:
        st.pagination(pages, key=key)


def draw_head() -> None:
    """Draw the titles of the columns."""
    titles = (
        text("evaluation.column_question"),
        text("evaluation.column_rank"),
        text("evaluation.column_answered"),
        text("evaluation.column_refused"),
    )
    for column, title in zip(st.columns(WIDTHS), titles, strict=True):
        column.caption(title)


def draw_row(base: str, asked: RunQuestion, key: str) -> None:
    """Draw a question with what became of it; a click opens it."""
    question, rank, answered, refused = st.columns(WIDTHS, vertical_alignment="center")
    icon = ":material/check_circle:" if asked.is_good else ":material/error:"
    label = plain(asked.expected.question)
    if question.button(label, key=f"evaluation_open_{key}", type="tertiary", icon=icon, wrap=True):
        open_outcome_dialog(base, asked)
    outcome = asked.outcome
    must_refuse = asked.expected.kind != "answerable"
    rank.markdown(mark(name_rank(asked), is_wrong=not must_refuse and is_late(outcome)))
    claim = mark(name_claim(outcome.is_answered), is_wrong=outcome.is_answered is False)
    answered.markdown(claim)
    is_right = outcome.is_covered != must_refuse
    refused.markdown(mark(name_claim(not outcome.is_covered), is_wrong=not is_right))


def mark(words: str, *, is_wrong: bool) -> str:
    """Return a cell as Markdown; what is wrong stands out."""
    return f":red[**{words}**]" if is_wrong else words

"""The runs of a test set: begin one, see how far it is, choose whose results are shown."""

from functools import partial
from html import escape
from typing import Any

import streamlit as st

from server.schemas.evaluation import Run, TestSet
from webui_pages.catalogue import text
from webui_pages.client import ApiError
from webui_pages.dialogs import is_dialog_open
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_notes import go_on, open_confirm
from webui_pages.evaluation_result import show_result
from webui_pages.evaluation_settings import ask_settings
from webui_pages.evaluation_words import describe_overrides, name_run, name_state
from webui_pages.markup import plain
from webui_pages.session import show_error

REFRESH_S = 1


def show_runs(client: EvaluationClient, base: str, chosen: TestSet) -> None:
    """Draw how to measure, what is being measured, and the results of one run."""
    runs = client.runs(base, chosen.id)
    running = [run for run in reversed(runs) if run.status == "running"]
    ended = [run for run in runs if run.status != "running"]
    if chosen.accepted:
        offer_run(client, base, chosen, is_first=not runs)
    else:
        words = text("evaluation.only_drafts" if chosen.drafts else "evaluation.no_questions_yet")
        st.info(words, icon=":material/info:")
    with st.container(key="evaluation_running"):
        if running:
            st.fragment(show_running, run_every=REFRESH_S)(client, base, chosen, len(running))
    if ended:
        show_ended(client, base, ended)


def offer_run(client: EvaluationClient, base: str, chosen: TestSet, *, is_first: bool) -> None:
    """Draw the button that begins a run, and the settings that may differ."""
    with st.container():  # what is below keeps its place
        if is_first:
            st.markdown(text("evaluation.first_run", count=chosen.accepted))
    with st.container(key="evaluation_begin"):
        button = st.container()
        with st.expander(text("evaluation.other_settings"), icon=":material/tune:"):
            name, settings = ask_settings(client)
        label = text("evaluation.begin", count=chosen.accepted)
        if button.button(label, type="primary", icon=":material/play_arrow:"):
            begin(client, base, chosen.id, name, settings)


def begin(
    client: EvaluationClient, base: str, set_id: int, name: str, settings: dict[str, Any]
) -> None:
    """Begin a run and draw the page anew."""
    try:
        client.begin_run(base, set_id, name, settings)
    except ApiError as error:
        show_error(error)
        return
    go_on()


def show_running(client: EvaluationClient, base: str, chosen: TestSet, before: int) -> None:
    """Draw how far runs are; at an end, the whole page is drawn anew with the result."""
    try:
        runs = client.runs(base, chosen.id)
    except ApiError as error:  # the API may be starting anew
        st.warning(plain(error.message), icon=":material/cloud_off:")
        return
    running = [run for run in reversed(runs) if run.status == "running"]
    if len(running) < before and not is_dialog_open():
        st.rerun()
    for run in running:
        show_progress(client, run)


def show_progress(client: EvaluationClient, run: Run) -> None:
    """Draw how far a run is, and the button that ends it."""
    with st.container(border=True, key=f"evaluation_run_{run.id}"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            words = " · ".join(filter(None, [run.name, describe_overrides(run)]))
            st.markdown(f"**{text('evaluation.running')}** {plain(words)}")
            if st.button(
                text("evaluation.cancel"),
                icon=":material/close:",
                key=f"evaluation_cancel_{run.id}",
            ):
                cancel(client, run.id)
        st.html(draw_bar(run))


def draw_bar(run: Run) -> str:
    """Return how far a run is as HTML; Streamlit's own bar is read aloud in English only."""
    words = escape(text("evaluation.progress", done=run.done, total=run.total))
    percent = int(100 * run.done / run.total) if run.total else 0
    return (
        f'<div>{words}</div><div class="zw-bar" role="progressbar" aria-valuetext="{words}"'
        f' aria-label="{escape(text("evaluation.running"))}" aria-valuemin="0"'
        f' aria-valuemax="100" aria-valuenow="{percent}">'
        f'<span style="width: {percent}%"></span></div>'
    )


def cancel(client: EvaluationClient, run_id: int) -> None:
    """End a run and draw the page anew; what it measured stays."""
    try:
        client.cancel_run(run_id)
    except ApiError as error:
        show_error(error)
        return
    st.rerun()


def show_ended(client: EvaluationClient, base: str, ended: list[Run]) -> None:
    """Draw the choice of a run and its results; the newest one at first."""
    by_id = {run.id: run for run in ended}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            text("evaluation.choose_run"),
            list(by_id),
            format_func=lambda run_id: " · ".join(
                filter(None, [name_run(by_id[run_id]), name_state(by_id[run_id])])
            ),
            key=f"evaluation_run_of_{ended[0].id}",
        )
        run = by_id[chosen]
        if st.button(
            "",
            icon=":material/delete:",
            type="tertiary",
            help=text("evaluation.delete_run"),
            key="evaluation_delete_run",
        ):
            open_confirm(
                text("evaluation.delete_run"),
                text("evaluation.delete_run_question", name=plain(name_run(run))),
                partial(client.delete_run, run.id),
            )
    show_result(client, base, run)

"""The questions of a test set: drafts to look at, those in use, and how to add one."""

from functools import partial
from math import ceil

import streamlit as st

from server.schemas.evaluation import Status, TestQuestion, TestSet
from webui_pages.catalogue import text
from webui_pages.client import ApiError
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_create import open_draft_dialog
from webui_pages.evaluation_notes import go_on, open_confirm
from webui_pages.evaluation_question import open_question_dialog
from webui_pages.evaluation_words import describe_expected
from webui_pages.markup import plain
from webui_pages.session import show_error

ON_A_PAGE = 20


def show_questions(client: EvaluationClient, base: str, chosen: TestSet) -> None:
    """Draw the questions of a test set with what can be done."""
    with st.container(horizontal=True):
        if st.button(text("evaluation.add"), icon=":material/add:", type="primary"):
            open_question_dialog(client, base, chosen.id)
        if st.button(text("evaluation.draft_more"), icon=":material/edit_note:"):
            open_draft_dialog(client, base, chosen.id)
        if chosen.accepted:
            st.download_button(
                text("evaluation.download"),
                partial(client.download_test_set, base, chosen.id),
                file_name=f"{chosen.name}.yaml",
                mime="application/yaml",
                icon=":material/download:",
                on_click="ignore",
            )
    if chosen.drafts:
        show_drafts(client, base, chosen)
    if chosen.accepted:
        st.subheader(text("evaluation.accepted", count=chosen.accepted))
        show_page(client, base, chosen, "accepted", chosen.accepted)
    elif not chosen.drafts:
        st.info(text("evaluation.no_questions"), icon=":material/arrow_upward:")


def show_drafts(client: EvaluationClient, base: str, chosen: TestSet) -> None:
    """Draw the drafts, which no run uses before a person accepts them."""
    with st.container(border=True, key="evaluation_drafts"):
        st.subheader(text("evaluation.drafts", count=chosen.drafts))
        st.markdown(text("evaluation.drafts_help"))
        show_page(client, base, chosen, "draft", chosen.drafts)
        label = text("evaluation.accept_all", count=chosen.drafts)
        if st.button(label, icon=":material/done_all:"):
            accept(client, base, chosen.id, None)


def show_page(
    client: EvaluationClient, base: str, chosen: TestSet, status: Status, count: int
) -> None:
    """Draw a page of questions of one status."""
    pages = ceil(count / ON_A_PAGE)
    key = f"evaluation_page_{status}_{chosen.id}"
    page = min(st.session_state.get(key, 1), pages)
    shown = client.questions(
        base, chosen.id, status=status, offset=(page - 1) * ON_A_PAGE, limit=ON_A_PAGE
    )
    with st.container(key=f"evaluation_rows_{status}"):
        for question in shown:
            show_row(client, base, chosen.id, question)
    if pages > 1:
        st.pagination(pages, key=key)


def show_row(client: EvaluationClient, base: str, set_id: int, question: TestQuestion) -> None:
    """Draw a question with what is right, and what can be done with it."""
    is_draft = question.status == "draft"
    words, actions = st.columns((6, 2) if is_draft else (6, 1), vertical_alignment="center")
    words.markdown(
        f"{plain(question.question)}  \n:small[:gray[{plain(describe_expected(question))}]]"
    )
    with actions.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if is_draft and st.button(
            text("evaluation.accept"), key=f"evaluation_accept_{question.id}"
        ):
            accept(client, base, set_id, [question.id])
        if st.button(
            "",
            icon=":material/edit:",
            type="tertiary",
            help=text("evaluation.edit"),
            key=f"evaluation_edit_{question.id}",
        ):
            open_question_dialog(client, base, set_id, question)
        if st.button(
            "",
            icon=":material/delete:",
            type="tertiary",
            help=text("evaluation.delete"),
            key=f"evaluation_delete_{question.id}",
        ):
            delete(client, base, set_id, question)


def accept(client: EvaluationClient, base: str, set_id: int, ids: list[int] | None) -> None:
    """Let runs use drafts and draw the page anew."""
    try:
        client.accept_drafts(base, set_id, ids)
    except ApiError as error:
        show_error(error)
        return
    go_on()


def delete(client: EvaluationClient, base: str, set_id: int, question: TestQuestion) -> None:
    """Delete a draft at once; ask first about a question that is in use."""
    act = partial(client.delete_question, base, set_id, question.id)
    if question.status == "accepted":
        words = text("evaluation.delete_question", question=plain(question.question))
        open_confirm(text("evaluation.delete_question_title"), words, act)
        return
    try:
        act()
    except ApiError as error:
        show_error(error)
        return
    go_on()

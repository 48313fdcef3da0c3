"""The page that measures a knowledge base with questions whose answers are known.

Knows neither how questions are written nor how results look: that is in the files beside.
"""

from functools import partial

import streamlit as st

from server.schemas.evaluation import TestSet
from server.schemas.native import KnowledgeBase
from webui_pages.catalogue import text
from webui_pages.dialogs import begin_page
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_compare import show_comparison
from webui_pages.evaluation_create import open_create_dialog
from webui_pages.evaluation_notes import NOTE, VIEW, VIEW_WANTED, open_confirm
from webui_pages.evaluation_questions import show_questions
from webui_pages.evaluation_runs import show_runs
from webui_pages.evaluation_style import STYLE
from webui_pages.knowledge_bases_style import draw_style
from webui_pages.markup import plain
from webui_pages.menu import make_page
from webui_pages.session import connected

BASE, SET = "kb", "set"  # names in the address, so that a reload and a link keep what is chosen


def show() -> None:
    """Draw the page."""
    begin_page()
    client = connected(EvaluationClient)
    st.html(draw_style() + STYLE)
    st.title(text("evaluation.title"))
    st.markdown(text("evaluation.explained"))
    with st.container():  # what is below keeps its place
        if note := st.session_state.pop(NOTE, ""):
            st.success(note, icon=":material/check_circle:")
    bases = [base for base in client.knowledge_bases() if base.files]
    if not bases:
        show_no_documents()
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="evaluation_choice"):
        base = choose_base(bases)
        sets = client.test_sets(base.name)
        chosen = choose_set(sets) if sets else None
        if chosen:
            show_menu(client, base.name, chosen)
    if chosen:
        show_set(client, base.name, chosen)
    else:
        show_first_steps(client, base.name)


def show_no_documents() -> None:
    """Say that there is nothing to measure yet."""
    with st.container(border=True):
        st.markdown(text("evaluation.no_documents"))
        st.page_link(
            make_page("knowledge_bases"),
            label=text("shell.page_knowledge_bases"),
            icon=":material/upload_file:",
        )


def choose_base(bases: list[KnowledgeBase]) -> KnowledgeBase:
    """Return the knowledge base that the person picks, or that the address names."""
    by_name = {base.name: base for base in bases}
    names = list(by_name)
    wanted = st.query_params.get(BASE, "")
    name = st.selectbox(
        text("evaluation.choose_base"), names, index=names.index(wanted) if wanted in names else 0
    )
    st.query_params[BASE] = name
    return by_name[name]


def choose_set(sets: list[TestSet]) -> TestSet:
    """Return the test set that the person picks, or that the address names."""
    by_id = {str(test_set.id): test_set for test_set in sets}
    ids = list(by_id)
    wanted = st.query_params.get(SET, "")
    chosen = st.selectbox(
        text("evaluation.choose_set"),
        ids,
        index=ids.index(wanted) if wanted in ids else 0,
        format_func=lambda key: text(
            "evaluation.set_option", name=by_id[key].name, count=by_id[key].accepted
        ),
    )
    st.query_params[SET] = chosen
    return by_id[chosen]


def show_menu(client: EvaluationClient, base: str, chosen: TestSet) -> None:
    """Draw what else can be done with test sets, and do what the person picks."""
    label = text("evaluation.delete_set", name=chosen.name)
    actions = {
        text("evaluation.new_set"): partial(open_create_dialog, client, base),
        label: partial(
            open_confirm,
            text("evaluation.delete_set_title"),
            text("evaluation.delete_set_question", name=plain(chosen.name)),
            partial(client.delete_test_set, base, chosen.id),
        ),
    }
    if picked := st.menu_button(text("knowledge_bases.more"), list(actions), key="evaluation_menu"):
        actions[picked]()


def show_first_steps(client: EvaluationClient, base: str) -> None:
    """Show a person without any test set how to begin."""
    with st.container(border=True):
        st.subheader(text("evaluation.empty_title"))
        st.markdown(text("evaluation.empty_text"))
        label = text("evaluation.new_set")
        if st.button(label, icon=":material/add:", type="primary"):
            open_create_dialog(client, base)


def show_set(client: EvaluationClient, base: str, chosen: TestSet) -> None:
    """Show one view of a test set: results, questions, or a comparison."""
    views = {
        "result": text("evaluation.view_result"),
        "questions": text("evaluation.view_questions", count=chosen.accepted + chosen.drafts),
        "compare": text("evaluation.view_compare"),
    }
    if wanted := st.session_state.pop(VIEW_WANTED, ""):
        st.session_state[VIEW] = wanted
    st.session_state.setdefault(VIEW, "result")
    view = st.segmented_control(
        text("evaluation.view"),
        list(views),
        format_func=views.__getitem__,
        required=True,
        label_visibility="collapsed",
        key=VIEW,
    )
    with st.container(key=f"evaluation_{view}"):
        if view == "questions":
            show_questions(client, base, chosen)
        elif view == "compare":
            show_comparison(client, base, chosen)
        else:
            show_runs(client, base, chosen)

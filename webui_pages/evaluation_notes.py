"""What the parts of the page of evaluations tell each other, and the dialog before a deletion."""

from collections.abc import Callable

import streamlit as st

from webui_pages.catalogue import text
from webui_pages.client import ApiError
from webui_pages.dialogs import open_dialog
from webui_pages.session import show_error

NOTE = "evaluation_note"  # in the session: what the next run of the page says, once
VIEW = "evaluation_view"  # in the session: the view of a test set that is open
VIEW_WANTED = "evaluation_view_wanted"  # in the session: the view that the next run opens


def go_on(*, note: str = "", view: str = "") -> None:
    """Draw the page anew, with a note and another view if they are given; close a dialog."""
    st.session_state.update({NOTE: note, VIEW_WANTED: view})
    st.rerun()


def open_confirm(title: str, question: str, act: Callable[[], None]) -> None:
    """Ask whether something may go, and let it go."""
    open_dialog(title, confirm, ":material/delete:")(question, act)


def confirm(question: str, act: Callable[[], None]) -> None:
    """Draw the question; an error stays in the dialog."""
    st.markdown(question)
    with st.container(horizontal=True):
        is_sure = st.button(text("evaluation.delete"), type="primary", key="evaluation_sure")
        if st.button(text("knowledge_bases.cancel"), key="evaluation_unsure"):
            st.rerun()
    if is_sure:
        try:
            act()
        except ApiError as error:
            show_error(error)
            return
        go_on()

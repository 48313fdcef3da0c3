"""Dialogs on a page that also redraws itself. Knows no dialog's contents."""

from collections.abc import Callable
from typing import Literal, ParamSpec

import streamlit as st

OPEN = "dialog_open"  # in the session: the last run of the whole page ended with an open dialog

P = ParamSpec("P")


def open_dialog(
    title: str, content: Callable[P, None], icon: str, width: Literal["small", "medium"] = "small"
) -> Callable[P, None]:
    """Return what opens a dialog; the page is drawn anew when it closes."""
    st.session_state[OPEN] = True
    return st.dialog(title, width=width, icon=icon, on_dismiss="rerun")(content)


def begin_page() -> None:
    """Note that the whole page is drawn, which closes a dialog."""
    st.session_state[OPEN] = False


def is_dialog_open() -> bool:
    """Return whether drawing the page anew now would take a dialog from the person."""
    return bool(st.session_state.get(OPEN))

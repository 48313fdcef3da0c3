"""The pages as entries of the menu. Knows their names, not what they show."""

from collections.abc import Callable
from functools import partial
from typing import cast

import streamlit as st
from streamlit.navigation.page import Page

from webui_pages import PAGES
from webui_pages.catalogue import text
from webui_pages.session import errors_shown

TITLES = {
    "chat": "shell.page_chat",
    "knowledge_bases": "shell.page_knowledge_bases",
    "evaluation": "shell.page_evaluation",
    "system": "shell.page_system",
}
ICONS = {
    "chat": ":material/forum:",
    "knowledge_bases": ":material/library_books:",
    "evaluation": ":material/fact_check:",
    "system": ":material/monitor_heart:",
}


def make_page(name: str) -> Page:
    """Return a page for the menu or for a link to it."""
    return st.Page(
        partial(show_page, name),
        title=text(TITLES[name]),
        icon=ICONS[name],
        url_path=name,
        default=name == "chat",
    )


def show_page(name: str) -> None:
    """Draw one page; what the API refuses is told instead of what is missing."""
    with errors_shown():
        cast(Callable[[], None], PAGES.get(name))()

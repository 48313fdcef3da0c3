"""What surrounds every page: menu and language. Knows no page but by its name."""

from pathlib import Path
from typing import cast

import streamlit as st

from server.datatypes import Language
from webui_pages import PAGES
from webui_pages.catalogue import LANGUAGES, language, text
from webui_pages.cookie import read_key
from webui_pages.menu import make_page
from webui_pages.style import STYLE

ICON = Path(__file__).parent / "icon.svg"


def show() -> None:
    """Draw the page that is open, and what surrounds it."""
    choose_language()
    # A material icon would do for the tab, but the browser gets those from a foreign server.
    st.set_page_config(
        page_title=text("shell.product"), page_icon=str(ICON), initial_sidebar_state="auto"
    )
    st.html(STYLE)
    page = st.navigation([make_page(name) for name in PAGES])
    draw_footer()
    page.run()


def choose_language() -> None:
    """Take the language that was chosen, in this session or in the address, else the browser's."""
    native = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    chosen = st.session_state.get("language_choice") or st.query_params.get("lang")
    if chosen not in LANGUAGES or chosen == native:
        chosen = native
        st.query_params.pop("lang", None)
    else:
        st.query_params["lang"] = chosen  # a reload and a copied address keep it
    st.session_state["language"] = cast(Language, chosen)


def draw_footer() -> None:
    """Draw what stands below everything in the side bar: the language, and the way out."""
    with st.sidebar.container(key="shell_footer"):
        st.segmented_control(
            text("shell.language"),
            LANGUAGES,
            default=language(),
            format_func=lambda name: "English" if name == "en" else "中文",
            key="language_choice",
            required=True,
            label_visibility="collapsed",
        )
        if read_key(st.context.cookies):
            button = f"<button>{text('shell.leave')}</button>"
            st.html(f'<form method="post" action="/logout">{button}</form>')

"""What surrounds every page: menu and language. Knows no page but by its name."""

from functools import cache
from pathlib import Path
from typing import Any, cast

import streamlit as st

from server.datatypes import Language
from webui_pages import PAGES
from webui_pages.catalogue import LANGUAGES, language, text
from webui_pages.cookie import LANGUAGE, read_key
from webui_pages.menu import make_page
from webui_pages.style import STYLE

ICON = Path(__file__).parent / "icon.svg"
CHOSEN = "language_chosen"  # in the session: the person did so here, so that the browser keeps it
KEEPER = f"""
export default function ({{ data }}) {{
  document.cookie = `{LANGUAGE}=${{data}}; Path=/; Max-Age=31536000; SameSite=Lax`;
}}
"""


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
    """Take the language chosen in this session, the address or this browser, else its own."""
    native = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    chosen = st.session_state.get("language_choice") or st.query_params.get("lang")
    chosen = chosen or st.context.cookies.get(LANGUAGE)
    if chosen not in LANGUAGES or chosen == native:
        chosen = native
        st.query_params.pop("lang", None)
    else:
        st.query_params["lang"] = chosen  # a reload and a copied address keep it
    st.session_state["language"] = cast(Language, chosen)


@cache
def keeper() -> Any:  # Streamlit's own callable
    """Return what lets the browser keep the language, registered once."""
    return st.components.v2.component("zhiwen_language", js=KEEPER)


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
            on_change=st.session_state.update,
            kwargs={CHOSEN: True},
        )
        if st.session_state.get(CHOSEN):
            with st.container(key="shell_language"):
                keeper()(key="language_keeper", data=language())
        if read_key(st.context.cookies):
            button = f"<button>{text('shell.leave')}</button>"
            st.html(f'<form method="post" action="/logout">{button}</form>')

"""What an empty chat shows: how to begin. Knows no conversation."""

import streamlit as st

from server.schemas.native import KnowledgeBase
from webui_pages.catalogue import text
from webui_pages.markup import plain
from webui_pages.menu import make_page

SAMPLES = "samples"  # the knowledge base of the first start
SUGGESTED = "chat_suggested"


def draw_welcome(base: KnowledgeBase | None) -> None:
    """Greet, and help to the first question."""
    # One block, so that the first question takes the place of all of it at once.
    with st.container(key="chat_suggestions"):
        st.title(text("chat.greeting"), anchor=False)
        if base is None or not base.files:
            draw_first_steps(base)
            return
        st.markdown(text("chat.invitation", name=plain(base.name), files=base.files))
        for question in suggestions() if base.name == SAMPLES else []:
            st.button(
                question,
                icon=":material/arrow_forward:",
                key=f"chat_suggest_{question}",
                on_click=suggest,
                args=(question,),
            )


def suggestions() -> list[str]:
    """Return questions that the sample documents answer."""
    return [text("chat.sample_1"), text("chat.sample_2"), text("chat.sample_3")]


def suggest(question: str) -> None:
    """Ask a suggested question in the next run."""
    st.session_state[SUGGESTED] = question


def draw_first_steps(base: KnowledgeBase | None) -> None:
    """Lead to where documents are added."""
    st.markdown(text("chat.no_base") if base is None else text("chat.no_files"))
    st.page_link(
        make_page("knowledge_bases"), label=text("chat.add_files"), icon=":material/upload_file:"
    )

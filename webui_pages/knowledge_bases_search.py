"""A search in one knowledge base that shows its hits with scores. Answers nothing."""

from html import escape

import streamlit as st

from server.schemas.native import SearchAnswer, Source
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.session import show_error

HITS = (3, 5, 10, 20)


def show_search(client: ApiClient, base: str) -> None:
    """Draw the search and, once it was asked something, what was found."""
    st.caption(text("knowledge_bases.search_hint"))
    with (
        st.form(f"kb_search_{base}", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        query = st.text_input(text("knowledge_bases.search_label"), icon=":material/search:")
        top_k = st.selectbox(text("knowledge_bases.search_count"), HITS, index=1, width=100)
        st.form_submit_button(text("knowledge_bases.search_start"), type="primary")
    if not query.strip():
        return
    try:
        found = client.search(base, query, top_k=top_k)
    except ApiError as error:
        show_error(error)
        return
    show_found(found)


def show_found(found: SearchAnswer) -> None:
    """Draw the hits, best first."""
    if not found.hits:
        st.info(text("knowledge_bases.search_empty"), icon=":material/search_off:")
        return
    if not found.covered:
        st.warning(text("knowledge_bases.search_off_topic"), icon=":material/help:")
    for hit in found.hits:
        st.html(draw_hit(hit))
    st.caption(text("knowledge_bases.search_scores_help"))


def draw_hit(hit: Source) -> str:
    """Return a hit as HTML: where it stands, its scores, its words."""
    where = [hit.file_name, *hit.headings]
    if hit.page is not None:
        where.append(text("knowledge_bases.chunk_page", page=hit.page))
    scores = text(
        "knowledge_bases.search_scores",
        score=f"{hit.score:.2f}",
        relevance=f"{hit.relevance:.0%}",
    )
    return (
        f'<div class="zw-chunk"><small><b>{hit.number}. {escape(" · ".join(where))}</b>'
        f' <span class="zw-scores">{escape(scores)}</span></small>'
        f'<div class="zw-text">{escape(hit.text)}</div></div>'
    )

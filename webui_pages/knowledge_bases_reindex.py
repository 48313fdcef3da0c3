"""The dialog that reads all files of a knowledge base again. Knows no single file."""

import streamlit as st

from server.schemas.jobs import Reindex
from server.schemas.native import KnowledgeBase
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.dialogs import open_dialog
from webui_pages.knowledge_bases_create import ask_chunks, ask_model, ask_splitter, ask_titles
from webui_pages.knowledge_bases_jobs import watch
from webui_pages.markup import plain
from webui_pages.session import show_error


def open_reindex_dialog(client: ApiClient, base: KnowledgeBase) -> None:
    """Ask for sizes and a model, and begin to read all files again."""
    open_dialog(text("jobs.reread"), ask, ":material/sync:")(client, base)


def ask(client: ApiClient, base: KnowledgeBase) -> None:
    """Draw the form; once it is sent and accepted, the page shows how far it is."""
    st.markdown(text("jobs.reread_explained", name=plain(base.name), files=base.files))
    with st.form("kb_reindex", border=False):
        wanted = read_form(client, base)
        is_sent = st.form_submit_button(text("jobs.reread_start"), type="primary")
    if is_sent:
        begin(client, base.name, wanted)


def read_form(client: ApiClient, base: KnowledgeBase) -> Reindex:
    """Draw the fields and return what they change."""
    with st.expander(text("knowledge_bases.advanced"), icon=":material/tune:"):
        models = [base.embedding_model, client.status().embedding_model]
        model = ask_model(models, text("jobs.reread_model_help"))
        splitter = ask_splitter(base.splitter)
        size, overlap = ask_chunks(base.chunk_size, base.chunk_overlap)
        is_enhanced = ask_titles(base.zh_title_enhance)
    return Reindex(
        splitter=splitter if splitter != base.splitter else None,
        chunk_size=size if size != base.chunk_size else None,
        chunk_overlap=overlap if overlap != base.chunk_overlap else None,
        zh_title_enhance=is_enhanced if is_enhanced != base.zh_title_enhance else None,
        embedding_model=model if model != base.embedding_model else None,
    )


def begin(client: ApiClient, base: str, wanted: Reindex) -> None:
    """Begin and draw the page anew; an error stays in the dialog."""
    try:
        watch(client.reindex(base, wanted))
    except ApiError as error:
        show_error(error)
        return
    st.rerun()

"""The dialog that creates a knowledge base. Does not know what is put into it."""

from collections.abc import Sequence
from typing import get_args

import streamlit as st

from configs.settings import SplitterName
from server.schemas.native import CreateKnowledgeBase
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.dialogs import open_dialog
from webui_pages.markup import plain
from webui_pages.session import show_error

NO_MODEL = "none"
MIN_CHUNK, MAX_CHUNK = 20, 20_000  # as the API allows


def open_create_dialog(client: ApiClient) -> None:
    """Ask for a name and options, and create the knowledge base."""
    open_dialog(text("knowledge_bases.new"), ask, ":material/library_add:")(client)


def ask(client: ApiClient) -> None:
    """Draw the form; once it is sent and accepted, go to the new knowledge base."""
    with st.form("kb_create", border=False):
        wanted = read_form(client)
        is_sent = st.form_submit_button(text("knowledge_bases.create"), type="primary")
    if is_sent and wanted.name.strip():
        create(client, wanted)
    elif is_sent:
        st.error(text("knowledge_bases.name_missing"), icon=":material/error:")


def read_form(client: ApiClient) -> CreateKnowledgeBase:
    """Draw the fields and return what they hold."""
    name = st.text_input(
        text("knowledge_bases.name"), max_chars=64, help=text("knowledge_bases.name_help")
    )
    info = st.text_area(text("knowledge_bases.info"), max_chars=2000, height=80)
    with st.expander(text("knowledge_bases.advanced"), icon=":material/tune:"):
        status = client.status()
        defaults = status.settings["kb"]
        model = ask_model([status.embedding_model], text("knowledge_bases.embedding_help"))
        splitter = ask_splitter(defaults["splitter"])
        size, overlap = ask_chunks(int(defaults["chunk_size"]), int(defaults["chunk_overlap"]))
        is_enhanced = ask_titles(bool(defaults["zh_title_enhance"]))
    return CreateKnowledgeBase(
        name=name,
        info=info,
        embedding_model=model,
        splitter=splitter,
        chunk_size=size,
        chunk_overlap=overlap,
        zh_title_enhance=is_enhanced,
    )


def ask_model(models: Sequence[str], explained: str) -> str:
    """Return the embedding model that is chosen, at first the first one; none is offered too."""
    return st.selectbox(
        text("knowledge_bases.embedding_model"),
        list(dict.fromkeys([*models, NO_MODEL])),
        format_func=name_model,
        help=explained,
    )


def ask_splitter(chosen: str) -> SplitterName:
    """Return the splitter that is chosen, at first the one given."""
    names = get_args(SplitterName)
    splitter: SplitterName = st.selectbox(
        text("knowledge_bases.splitter"),
        names,
        index=names.index(chosen) if chosen in names else 0,
        format_func=name_splitter,
        help=text("knowledge_bases.splitter_help"),
    )
    return splitter


def ask_titles(is_chosen: bool) -> bool:
    """Return whether chunks are to carry Chinese titles."""
    return st.checkbox(
        text("knowledge_bases.zh_title_enhance"),
        is_chosen,
        help=text("knowledge_bases.zh_title_enhance_help"),
    )


def ask_chunks(size: int, overlap: int) -> tuple[int, int]:
    """Return the size and overlap of chunks that are chosen, at first those given."""
    left, right = st.columns(2)
    return (
        left.number_input(text("knowledge_bases.chunk_size"), MIN_CHUNK, MAX_CHUNK, size),
        right.number_input(text("knowledge_bases.chunk_overlap"), 0, MAX_CHUNK // 2, overlap),
    )


def name_model(model: str) -> str:
    """Return an embedding model as the list shows it."""
    return text("knowledge_bases.embedding_none") if model == NO_MODEL else model


def name_splitter(splitter: str) -> str:
    """Return a splitter as the list shows it."""
    names = {
        "recursive": text("knowledge_bases.splitter_recursive"),
        "markdown": text("knowledge_bases.splitter_markdown"),
        "sentence": text("knowledge_bases.splitter_sentence"),
        "token": text("knowledge_bases.splitter_token"),
        "table": text("knowledge_bases.splitter_table"),
    }
    return names.get(splitter, splitter)


def create(client: ApiClient, wanted: CreateKnowledgeBase) -> None:
    """Create it and draw the page anew; an error stays in the dialog."""
    try:
        made = client.create_knowledge_base(wanted)
    except ApiError as error:
        show_error(error)
        return
    st.query_params["kb"] = made.name
    st.session_state["kb_note"] = text("knowledge_bases.created", name=plain(made.name))
    st.rerun()

"""The page of the knowledge bases: choose, create, delete one, and see what is in it.

Knows neither how files are shown or added nor how a search looks: that is in the files beside.
"""

from functools import partial

import streamlit as st

from server.schemas.native import KnowledgeBase
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.coverage_words import count_incomplete
from webui_pages.dialogs import begin_page, open_dialog
from webui_pages.knowledge_bases_create import (
    name_model,
    name_splitter,
    open_create_dialog,
)
from webui_pages.knowledge_bases_files import show_files
from webui_pages.knowledge_bases_jobs import (
    forget_jobs,
    look,
    open_history,
    show_jobs,
    show_unread,
)
from webui_pages.knowledge_bases_reindex import open_reindex_dialog
from webui_pages.knowledge_bases_search import show_search
from webui_pages.knowledge_bases_sources import kinds_allowed, open_sources_dialog
from webui_pages.knowledge_bases_style import draw_style
from webui_pages.knowledge_bases_upload import show_upload
from webui_pages.markup import plain
from webui_pages.session import api, show_error

CHOSEN = "kb"  # also the name in the address, so that a reload and a link keep it
NOTE = "kb_note"


def show() -> None:
    """Draw the page."""
    begin_page()
    client = api()
    st.html(draw_style())
    bases = client.knowledge_bases()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.title(text("knowledge_bases.title"))
        if bases and st.button(text("knowledge_bases.new"), icon=":material/add:", type="primary"):
            open_create_dialog(client)
    with st.container():  # what is below keeps its place, and so a tab that is open stays so
        show_note()
        show_gone({base.name for base in bases})
    if bases:
        with st.container(horizontal=True, key="kb_choice"):
            base = choose(bases)
            show_menu(client, base)
        show_base(client, base)
    else:
        show_first_steps(client)


def show_note() -> None:
    """Show what the run before had to say, once."""
    if note := st.session_state.pop(NOTE, ""):
        st.success(note, icon=":material/check_circle:")


def show_gone(names: set[str]) -> None:
    """Say that the knowledge base in the address is gone, if there are others."""
    if names and (wanted := st.query_params.get(CHOSEN, "")) and wanted not in names:
        st.warning(text("knowledge_bases.gone"), icon=":material/info:")


def show_first_steps(client: ApiClient) -> None:
    """Show a person without any knowledge base how to begin."""
    with st.container(border=True):
        st.subheader(text("knowledge_bases.empty_title"))
        st.markdown(text("knowledge_bases.empty_text"))
        if st.button(text("knowledge_bases.new"), icon=":material/add:", type="primary"):
            open_create_dialog(client)


def choose(bases: list[KnowledgeBase]) -> KnowledgeBase:
    """Return the knowledge base that the person picks, or that the address names."""
    by_name = {base.name: base for base in bases}
    wanted = st.query_params.get(CHOSEN, "")
    names = list(by_name)
    name = st.selectbox(
        text("knowledge_bases.choose"),
        names,
        index=names.index(wanted) if wanted in by_name else 0,
        format_func=lambda name: text(
            "knowledge_bases.option", name=name, files=by_name[name].files
        ),
        label_visibility="collapsed",
    )
    st.query_params[CHOSEN] = name
    return by_name[name]


def show_menu(client: ApiClient, base: KnowledgeBase) -> None:
    """Draw what else can be done with a knowledge base, and do what the person picks."""
    open_chosen = {
        text("jobs.reread"): partial(open_reindex_dialog, client, base),
        text("jobs.history"): partial(open_history, client, base.name),
    }
    if kinds_allowed(client):
        open_chosen[text("sources.title")] = partial(open_sources_dialog, client, base.name)
    picked = st.menu_button(text("knowledge_bases.more"), list(open_chosen), key="kb_menu")
    if picked:
        open_chosen[picked]()


def show_base(client: ApiClient, base: KnowledgeBase) -> None:
    """Show one knowledge base: what it is, its files, how to add some, a search."""
    with st.container():
        describe(base)
    files, search = st.tabs([text("knowledge_bases.tab_files"), text("knowledge_bases.tab_search")])
    with files:
        jobs = look(client, base.name)  # before the files: of a job that has ended all are there
        present = client.files(base.name)
        show_upload(client, base.name, {file.name for file in present})
        show_jobs(client, base.name, jobs, present)
        unread = client.unread(base.name)
        show_unread(base.name, unread)
        is_working = bool(jobs[0])
        if present or not is_working:
            show_files(client, base.name, present, {file.name for file in unread})
        st.divider()
        label = text("knowledge_bases.delete_confirm", name=plain(base.name))
        if st.button(label, icon=":material/delete:", type="tertiary"):
            open_delete_dialog(client, base)
    with search:
        show_search(client, base.name)


def describe(base: KnowledgeBase) -> None:
    """Say what the knowledge base is for and how it is searched."""
    if base.info:
        st.text(base.info)
    st.caption(f"{describe_languages(set(base.languages))}  \n{describe_cutting(base)}")
    if told := count_incomplete(base):
        st.markdown(f":orange[:material/warning: {told}]")


def describe_cutting(base: KnowledgeBase) -> str:
    """Say which model the knowledge base has and how its documents are cut."""
    facts = {
        "model": plain(name_model(base.embedding_model)),
        "size": base.chunk_size,
        "overlap": base.chunk_overlap,
    }
    if base.splitter == "token":
        told = text("knowledge_bases.facts_tokens", **facts)
    else:
        told = text("knowledge_bases.facts", **facts)
    way = text("knowledge_bases.facts_splitter", splitter=name_splitter(base.splitter))
    return f"{told} · {way}"


def describe_languages(known: set[str]) -> str:
    """Say what the languages of the embedding model mean for searches."""
    if known >= {"en", "zh"}:
        return text("knowledge_bases.languages_both")
    if "en" in known:
        return text("knowledge_bases.languages_en")
    if "zh" in known:
        return text("knowledge_bases.languages_zh")
    return text("knowledge_bases.languages_none")


def open_delete_dialog(client: ApiClient, base: KnowledgeBase) -> None:
    """Ask whether the knowledge base may go, and delete it."""
    title = text("knowledge_bases.delete_title")
    open_dialog(title, ask_whether_it_goes, ":material/delete:")(client, base)


def ask_whether_it_goes(client: ApiClient, base: KnowledgeBase) -> None:
    """Draw the dialog that names the knowledge base and how many files it holds."""
    name = plain(base.name)
    st.markdown(text("knowledge_bases.delete_question", name=name, files=base.files))
    with st.container(horizontal=True):
        label = text("knowledge_bases.delete_confirm", name=name)
        is_sure = st.button(label, type="primary", key="kb_delete_sure")
        if st.button(text("knowledge_bases.cancel")):
            st.rerun()
    if is_sure:
        delete(client, base.name)


def delete(client: ApiClient, name: str) -> None:
    """Delete a knowledge base and draw the page anew; an error stays in the dialog."""
    try:
        client.delete_knowledge_base(name)
    except ApiError as error:
        show_error(error)
        return
    forget_jobs(name)
    st.query_params.pop(CHOSEN, None)
    st.session_state[NOTE] = text("knowledge_bases.deleted", name=plain(name))
    st.rerun()

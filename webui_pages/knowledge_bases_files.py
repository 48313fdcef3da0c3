"""The files of a knowledge base as a list: find, open, download, delete. Knows no contents."""

import re
from collections.abc import Set
from math import ceil

import streamlit as st

from server.schemas.native import File
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.coverage_words import account, incomplete, mark
from webui_pages.dialogs import open_dialog
from webui_pages.knowledge_bases_file import open_file_dialog
from webui_pages.markup import plain
from webui_pages.quantities import moment, size
from webui_pages.session import download_url, show_error

ON_A_PAGE = 20
MANY = 10  # files from which a search by name helps
WIDTHS = (0.4, 5, 1.1, 0.9, 2, 0.5)
MAX_NAMES = 10
MARKUP = re.compile(r"[^\w. -]")


def show_files(client: ApiClient, base: str, files: list[File], unread: Set[str]) -> None:
    """Draw the list, or what to do when it is empty; ``unread`` have newer bytes that failed."""
    if not files:
        st.info(text("knowledge_bases.no_files"), icon=":material/arrow_upward:")
        return
    found = find(files) if len(files) > MANY else files
    pages = ceil(len(found) / ON_A_PAGE)
    first = (st.session_state.get(f"kb_page_{base}", 1) - 1) * ON_A_PAGE
    shown = found[min(first, (pages - 1) * ON_A_PAGE) :][:ON_A_PAGE] if found else []
    with st.container(key="kb_files"):
        picked = draw_table(client, base, shown, unread)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if picked:
            offer_delete(client, base, picked)
        if pages > 1:
            st.pagination(pages, key=f"kb_page_{base}")


def find(files: list[File]) -> list[File]:
    """Return the files whose names hold what the person types."""
    words = st.text_input(
        text("knowledge_bases.find_file"),
        placeholder=text("knowledge_bases.find_file"),
        label_visibility="collapsed",
        icon=":material/search:",
    )
    found = [file for file in files if words.strip().casefold() in file.name.casefold()]
    if not found:
        st.caption(text("knowledge_bases.no_match", words=plain(words)))
    return found


def draw_table(client: ApiClient, base: str, shown: list[File], unread: Set[str]) -> list[str]:
    """Draw a row for each file and return the names of those that are picked."""
    if not shown:
        return []
    head = st.columns(WIDTHS, vertical_alignment="center")
    with head[0]:
        # Other files, after a deletion or on the next page, make it another box, without a tick.
        of_these = hash(tuple(file.name for file in shown))
        is_all = st.checkbox(
            text("knowledge_bases.pick_all"),
            key=f"kb_all_{base}_{of_these}",
            label_visibility="collapsed",
        )
    titles = (
        text("knowledge_bases.column_name"),
        text("knowledge_bases.column_size"),
        text("knowledge_bases.column_chunks"),
        text("knowledge_bases.column_updated"),
    )
    for column, title in zip(head[1:], titles, strict=False):
        column.caption(title)
    return [
        file.name
        for file in shown
        if draw_row(client, base, file, is_all=is_all, has_unread=file.name in unread)
    ]


def draw_row(client: ApiClient, base: str, file: File, *, is_all: bool, has_unread: bool) -> bool:
    """Draw the row of a file and return whether it is picked."""
    pick, name, bytes_, chunks, updated, download = st.columns(WIDTHS, vertical_alignment="center")
    with pick:
        is_picked = st.checkbox(
            text("knowledge_bases.pick", name=spoken(file.name)),
            value=is_all,
            key=f"kb_pick_{base}_{file.name}_{file.revision}_{is_all}",
            label_visibility="collapsed",
        )
    with name:
        draw_marked(client, base, file, has_unread=has_unread)
    bytes_.caption(size(file.size))
    chunks.caption(str(file.chunks))
    updated.caption(moment(file.updated_at))
    download.link_button(
        "",
        download_url(base, file.name),
        type="tertiary",
        icon=":material/download:",
        help=text("knowledge_bases.column_download"),
        key=f"kb_download_{base}_{file.name}",
    )
    return is_picked


def draw_name(client: ApiClient, base: str, file: File) -> None:
    """Draw the name of a file, which opens it."""
    key = f"kb_open_{base}_{file.name}"
    if st.button(plain(file.name), key=key, type="tertiary", icon=":material/description:"):
        open_file_dialog(client, base, file)


def draw_marked(client: ApiClient, base: str, file: File, *, has_unread: bool) -> None:
    """Draw the name of a file; marks say if it was not read in full, or newer bytes failed."""
    coverage = incomplete(file)
    if not coverage and not has_unread:
        draw_name(client, base, file)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        draw_name(client, base, file)
        if coverage:
            told = "  \n".join(account(coverage))
            st.badge(mark(coverage), icon=":material/warning:", color="orange", help=told)
        if has_unread:
            newer = text("knowledge_bases.unread_newer")
            told = text("knowledge_bases.unread_explained")
            st.badge(newer, icon=":material/warning:", color="orange", help=told)


def spoken(name: str) -> str:
    """Return a name without markup: what reads a label aloud would also read its escapes."""
    return MARKUP.sub(" ", name)


def offer_delete(client: ApiClient, base: str, picked: list[str]) -> None:
    """Show what is picked and the button that asks whether it may go."""
    label = delete_label(len(picked))
    if st.button(label, icon=":material/delete:", key="kb_delete_files"):
        title = text("knowledge_bases.delete_files_title")
        open_dialog(title, ask, ":material/delete:")(client, base, picked)


def delete_label(count: int) -> str:
    """Return the words of a button that deletes so many files."""
    if count == 1:
        return text("knowledge_bases.delete_file")
    return text("knowledge_bases.delete_files", count=count)


def ask(client: ApiClient, base: str, picked: list[str]) -> None:
    """Draw the dialog that names how many files go, and which."""
    st.markdown(text("knowledge_bases.delete_files_question", count=len(picked), name=plain(base)))
    st.text("\n".join(picked[:MAX_NAMES]))
    if len(picked) > MAX_NAMES:
        st.caption(text("knowledge_bases.and_more", count=len(picked) - MAX_NAMES))
    with st.container(horizontal=True):
        is_sure = st.button(delete_label(len(picked)), type="primary", key="kb_delete_files_sure")
        if st.button(text("knowledge_bases.cancel")):
            st.rerun()
    if is_sure:
        delete(client, base, picked)


def delete(client: ApiClient, base: str, names: list[str]) -> None:
    """Delete files and draw the page anew; the first error stops it and stays in the dialog."""
    for name in names:
        try:
            client.delete_file(base, name)
        except ApiError as error:
            if error.code != "unknown_file":  # then it is gone already, as after half a deletion
                show_error(error)
                return
    st.session_state["kb_note"] = text("knowledge_bases.files_deleted", count=len(names))
    st.rerun()

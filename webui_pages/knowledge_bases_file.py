"""One file of a knowledge base: its text, its chunks, its versions. Knows no list of files."""

from html import escape
from math import ceil

import streamlit as st

from server.schemas.native import ChunkText, File, FileText
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.coverage_words import account, incomplete
from webui_pages.dialogs import open_dialog
from webui_pages.knowledge_bases_sources import show_origin
from webui_pages.knowledge_bases_versions import forget_restored, present_file, show_versions
from webui_pages.markup import plain
from webui_pages.quantities import moment, size
from webui_pages.session import download_url, show_error

MAX_CHARS = 200_000  # of a text; more would make the browser slow
CHUNKS_ON_A_PAGE = 20
HEIGHT = 480  # pixels


def open_file_dialog(client: ApiClient, base: str, file: File) -> None:
    """Show a file in a dialog."""
    forget_restored()
    open_dialog(plain(file.name), show_file, ":material/description:", "medium")(client, base, file)


def show_file(client: ApiClient, base: str, file: File) -> None:
    """Draw what there is to know about a file."""
    file = present_file(file)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.caption(
            text(
                "knowledge_bases.view_facts",
                size=size(file.size),
                chunks=file.chunks,
                updated=moment(file.updated_at),
            )
        )
        st.link_button(
            text("knowledge_bases.column_download"),
            download_url(base, file.name),
            icon=":material/download:",
        )
    show_origin(file.origin)
    show_coverage(file)
    try:
        show_contents(client, base, file)
    except ApiError as error:
        show_error(error)


def show_coverage(file: File) -> None:
    """Say what of a file was not read, and which of its pages are from pictures."""
    lines = list(account(file.coverage)) if file.coverage else []
    if incomplete(file):
        told = "  \n".join(lines) or text("knowledge_bases.coverage_part")
        st.warning(told, icon=":material/warning:")
    elif lines:
        st.caption("  \n".join(lines))


def show_contents(client: ApiClient, base: str, file: File) -> None:
    """Draw the text of a file, its chunks and its versions, beside each other as tabs."""
    words, pieces, versions = st.tabs(
        [
            text("knowledge_bases.view_text"),
            text("knowledge_bases.view_chunks"),
            text("knowledge_bases.view_versions"),
        ]
    )
    with words:
        show_text(client.text(base, file.name, start=0, end=MAX_CHARS))
    with pieces:
        show_chunks(client, base, file)
    with versions:
        show_versions(client, base, file)


def show_text(read: FileText) -> None:
    """Draw the begin of a text as it was read, without any markup taking effect."""
    if len(read.text) < read.length:
        st.caption(
            text(
                "knowledge_bases.view_cut",
                shown=f"{len(read.text):,}",
                count=f"{read.length:,}",
            )
        )
    with st.container(height=HEIGHT):
        st.html(f'<div class="zw-text">{escape(read.text)}</div>')


def show_chunks(client: ApiClient, base: str, file: File) -> None:
    """Draw the chunks of a file, some at a time."""
    pages = ceil(file.chunks / CHUNKS_ON_A_PAGE)
    page = st.pagination(pages, key=f"kb_chunks_{base}_{file.name}") if pages > 1 else 1
    offset = (page - 1) * CHUNKS_ON_A_PAGE
    with st.container(height=HEIGHT):
        for chunk in client.chunks(base, file.name, offset=offset, limit=CHUNKS_ON_A_PAGE):
            st.html(draw_chunk(chunk))


def draw_chunk(chunk: ChunkText) -> str:
    """Return a chunk as HTML."""
    facts = [text("knowledge_bases.chunk_title", number=chunk.order + 1), *chunk.headings]
    if chunk.page is not None:
        facts.append(text("knowledge_bases.chunk_page", page=chunk.page))
    facts.append(text("knowledge_bases.chunk_span", start=chunk.start, end=chunk.end))
    head = escape(" · ".join(facts))
    return (
        f'<div class="zw-chunk"><small>{head}</small>'
        f'<div class="zw-text">{escape(chunk.text)}</div></div>'
    )

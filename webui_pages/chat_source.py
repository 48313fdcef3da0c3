"""A source of an answer, opened: the passage in its document. Knows no conversation."""

import streamlit as st

from server.schemas.native import Source
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.markup import Span, mark, plain
from webui_pages.session import download_url

PANEL_PX = 680
BEFORE_CHARS = 500
AFTER_CHARS = 900
LINE_CHARS = 300
MAX_CHARS = 400_000  # of a whole document; more would make the browser slow


def open_source(client: ApiClient, source: Source) -> None:
    """Show a source in a panel beside the chat."""
    title = text("chat.source_title", number=source.number, name=plain(source.file_name))

    @st.dialog(title, width=PANEL_PX, position="right", icon=":material/menu_book:")
    def panel() -> None:
        draw_facts(source)
        draw_passage(client, source)
        draw_links(source)

    panel()


def draw_facts(source: Source) -> None:
    """Say where the passage is and how close it is."""
    st.caption(describe_place(source))
    st.markdown(
        text("chat.closeness", relevance=f"{source.relevance:.0%}", score=f"{source.score:.2f}"),
        help=text("chat.closeness_help"),
    )


def describe_place(source: Source) -> str:
    """Return where in the document a passage is, as Markdown."""
    parts = [plain(source.knowledge_base)]
    if source.page is not None:
        parts.append(text("chat.page", page=source.page))
    parts.extend(plain(heading) for heading in source.headings)
    return " › ".join(parts)


def draw_passage(client: ApiClient, source: Source) -> None:
    """Show the passage in its document, quoted sentences stronger."""
    try:
        document = client.file_text(source.knowledge_base, source.file_name)
    except ApiError as error:
        st.warning(plain(error.message), icon=":material/warning:")
        document = ""
    if document[source.start : source.end] != source.text:
        if document:
            st.info(text("chat.changed"), icon=":material/history:")
        draw_text(mark(source.text, (0, len(source.text)), {}))
        return
    is_whole = st.toggle(text("chat.whole_document"), key="chat_whole")
    before, after = (MAX_CHARS, MAX_CHARS) if is_whole else (BEFORE_CHARS, AFTER_CHARS)
    window = find_window(document, source.start - before, source.end + after)
    quotes = [(quote.start, quote.end) for quote in source.quotes]
    spans = {"zw-passage": [(source.start, source.end)], "zw-quote": quotes}
    html = mark(document, window, spans)
    draw_text(("…\n" if window[0] else "") + html + ("\n…" if window[1] < len(document) else ""))
    if quotes:
        st.html(f'<div class="zw-document-legend">{text("chat.legend")}</div>')


def find_window(document: str, start: int, end: int) -> Span:
    """Return a part of a text near the places given, in whole lines where lines are short."""
    if start > 0:
        line = document.find("\n", start, start + LINE_CHARS)
        start = line + 1 if line >= 0 else start
    if end < len(document):
        line = document.rfind("\n", end - LINE_CHARS, end)
        end = line if line >= 0 else end
    return max(0, start), min(len(document), end)


def draw_text(html: str) -> None:
    """Show text that is HTML already."""
    st.html(f'<div class="zw-document">{html}</div>')


def draw_links(source: Source) -> None:
    """Offer the original file."""
    name = source.knowledge_base, source.file_name
    with st.container(horizontal=True):
        st.link_button(
            text("chat.open_original"),
            download_url(*name, view=True),
            icon=":material/open_in_new:",
        )
        st.link_button(text("chat.download"), download_url(*name), icon=":material/download:")

"""A source of an answer, opened: the passage in its document. Knows no conversation."""

import streamlit as st

from server.schemas.native import FileText, Source
from webui_pages.catalogue import text
from webui_pages.chat_page import can_show_page, draw_page
from webui_pages.client import ApiClient, ApiError
from webui_pages.knowledge_bases_sources import show_origin
from webui_pages.markup import Span, mark, plain
from webui_pages.session import download_url

PANEL_PX = 680
BEFORE_CHARS = 500
AFTER_CHARS = 900
LINE_CHARS = 300
MAX_CHARS = 400_000  # on each side, of a whole document; more would make the browser slow
WHOLE = "chat_whole"


def open_source(client: ApiClient, source: Source) -> None:
    """Show a source in a panel beside the chat."""
    title = text("chat.source_title", number=source.number, name=plain(source.file_name))

    @st.dialog(title, width=PANEL_PX, position="right", icon=":material/menu_book:")
    def panel() -> None:
        draw_facts(source)
        draw_view(client, source)
        draw_links(source)

    panel()


def page_of(source: Source) -> int | None:
    """Return the page to look at: a passage may begin on the page before its quotation."""
    return source.quotes[0].page if source.quotes else source.page


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
    if (page := page_of(source)) is not None:
        parts.append(text("chat.page", page=page))
    parts.extend(plain(heading) for heading in source.headings)
    return " › ".join(parts)


def draw_view(client: ApiClient, source: Source) -> None:
    """Show the passage in its text or, where the file has pages, its page as it looks."""
    page = page_of(source)
    if page is not None and can_show_page(source):
        names = {"text": text("chat.view_text"), "page": text("chat.view_page")}
        chosen = st.segmented_control(
            text("chat.view"),
            list(names),
            default="text",
            required=True,
            format_func=names.__getitem__,
            key="chat_view",
            label_visibility="collapsed",
        )
        if chosen == "page":
            draw_page(client, source, page)
            return
    draw_passage(client, source)


def draw_passage(client: ApiClient, source: Source) -> None:
    """Show the passage in its document, quoted sentences stronger."""
    is_whole = bool(st.session_state.get(WHOLE))  # drawn below, once it can help
    before, after = (MAX_CHARS, MAX_CHARS) if is_whole else (BEFORE_CHARS, AFTER_CHARS)
    try:
        part = read_part(client, source, before=before, after=after)
    except ApiError as error:
        st.warning(plain(error.message), icon=":material/warning:")
        draw_alone(source)
        return
    if part.text[source.start - part.start : source.end - part.start] != source.text:
        st.info(text("chat.changed"), icon=":material/history:")
        draw_alone(source)
        return
    st.toggle(text("chat.whole_document"), key=WHOLE)
    draw_part(part, source)
    if is_whole and len(part.text) < part.length:
        st.caption(text("chat.cut", shown=f"{len(part.text):,}", length=f"{part.length:,}"))


def read_part(client: ApiClient, source: Source, *, before: int, after: int) -> FileText:
    """Return the text around a passage, with so many characters on each side."""
    start, end = max(0, source.start - before), source.end + after
    return client.text(source.knowledge_base, source.file_name, start=start, end=end)


def draw_alone(source: Source) -> None:
    """Show the passage without its document."""
    draw_text(mark(source.text, (0, len(source.text)), {}))


def draw_part(part: FileText, source: Source) -> None:
    """Show a part of a document with the passage in it."""

    def inside(start: int, end: int) -> Span:
        return start - part.start, end - part.start

    quotes = [inside(quote.start, quote.end) for quote in source.quotes]
    spans = {"zw-passage": [inside(source.start, source.end)], "zw-quote": quotes}
    first, last = find_window(part)
    html = mark(part.text, (first, last), spans)
    is_begin, is_end = part.start + first == 0, part.start + last == part.length
    draw_text(("" if is_begin else "…\n") + html + ("" if is_end else "\n…"))
    if quotes:
        st.html(f'<div class="zw-document-legend">{text("chat.legend")}</div>')


def find_window(part: FileText) -> Span:
    """Return what to show of a part: whole lines where lines are short."""
    first, last = 0, len(part.text)
    if part.start > 0:
        first = part.text.find("\n", 0, LINE_CHARS) + 1
    if part.start + last < part.length:
        line = part.text.rfind("\n", last - LINE_CHARS)
        last = line if line >= 0 else last
    return first, last


def draw_text(html: str) -> None:
    """Show text that is HTML already."""
    st.html(f'<div class="zw-document">{html}</div>')


def draw_links(source: Source) -> None:
    """Offer the original file."""
    name = source.knowledge_base, source.file_name
    page = page_of(source)
    is_paged = page is not None and source.file_name.lower().endswith(".pdf")
    with st.container(horizontal=True):
        st.link_button(
            text("chat.open_original"),
            download_url(*name, view=True) + (f"#page={page}" if is_paged else ""),
            icon=":material/open_in_new:",
        )
        st.link_button(text("chat.download"), download_url(*name), icon=":material/download:")
        show_origin(source.origin)

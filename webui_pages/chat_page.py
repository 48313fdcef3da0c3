"""The page of a source as it looks. Knows no text of the document."""

from html import escape

import streamlit as st

from server.schemas.native import Source
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.markup import plain
from webui_pages.session import page_url

PAGED = (".pdf", ".png", ".jpg", ".jpeg", ".bmp")  # what the API draws pages of
ONLY_ARROWS = 0  # of the widget that turns pages, where there is no room for numbers


def can_show_page(source: Source) -> bool:
    """Tell whether the file of a source is of a format whose pages can be shown."""
    return source.file_name.lower().endswith(PAGED)


def draw_page(client: ApiClient, source: Source, cited: int) -> None:
    """Show the page of a source, and lead to those before and after it."""
    name = source.knowledge_base, source.file_name
    key = f"chat_page_{source.chunk_id}_{cited}"
    page: int = st.session_state.get(key, cited)
    if is_changed(client, source):
        st.info(text("chat.page_changed"), icon=":material/history:")
    try:
        st.session_state[f"{key}_of"] = client.draw_page(*name, page)
        problem = ""
    except ApiError as error:
        problem = error.message
    pages: int = st.session_state.get(f"{key}_of", 1)
    if max(page, cited) <= pages > 1:
        turn_pages(key, cited, pages)
    if problem:
        st.warning(plain(problem), icon=":material/warning:")
    else:
        st.html(picture_of(*name, page))


def is_changed(client: ApiClient, source: Source) -> bool:
    """Tell whether the text of a source is no longer where it was; an error shows elsewhere."""
    try:
        name = source.knowledge_base, source.file_name
        part = client.text(*name, start=source.start, end=source.end)
    except ApiError:
        return False
    return part.text != source.text


def turn_pages(key: str, cited: int, pages: int) -> None:
    """Offer the pages before and after the one that is shown, and say where the source is."""
    with st.container(horizontal=True, vertical_alignment="center"):
        page = st.pagination(pages, default=cited, key=key, max_visible_pages=ONLY_ARROWS)
        place = [text("chat.page_of", page=page, pages=pages)]
        if page != cited:
            place.append(text("chat.page_cited", page=cited))
        st.caption(" · ".join(place))


def picture_of(knowledge_base: str, file_name: str, page: int) -> str:
    """Return a page as HTML; a click opens it in its full size."""
    address = escape(page_url(knowledge_base, file_name, page))
    title = escape(text("chat.page_title", page=page, name=file_name))
    return (
        f'<a class="zw-page" href="{address}" target="_blank">'
        f'<img src="{address}" alt="{title}" title="{title}"></a>'
    )

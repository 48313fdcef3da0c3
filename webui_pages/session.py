"""What every page needs of the person at this session: the API as they may use it, and errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar
from urllib.parse import quote, urlencode

import streamlit as st

from configs import Settings, load_settings
from webui_pages.catalogue import language, text
from webui_pages.client import ApiClient, ApiError, api_url
from webui_pages.cookie import read_key
from webui_pages.markup import plain

logger = logging.getLogger(__name__)

C = TypeVar("C", bound=ApiClient)


@cache
def settings() -> Settings:
    """Return the settings; a change takes effect at the next start."""
    return load_settings()


def api() -> ApiClient:
    """Return the API as the person at this session may use it."""
    return connected(ApiClient)


def connected(kind: type[C]) -> C:
    """Return a client of that kind, with the key and in the language of this session."""
    key = read_key(st.context.cookies)
    return kind(api_url(settings()), key=key, language=language())


def download_url(
    knowledge_base: str, file_name: str, *, view: bool = False, version: int | None = None
) -> str:
    """Return where a browser gets a file: to save or, with ``view``, to look at."""
    wanted = {"view": 1} if view else {}
    if version is not None:
        wanted["version"] = version
    address = file_url(knowledge_base, file_name)
    return f"{address}?{urlencode(wanted)}" if wanted else address


def page_url(knowledge_base: str, file_name: str, page: int) -> str:
    """Return where a browser gets the picture of a page of a file."""
    return f"{file_url(knowledge_base, file_name)}?page={page}"


def file_url(knowledge_base: str, file_name: str) -> str:
    """Return where a browser gets a file to save."""
    return f"/files/{quote(knowledge_base, safe='')}/{quote(file_name)}"


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the API where the work under it would have been shown."""
    try:
        yield
    except ApiError as error:
        show_error(error)
        if error.status != 401:
            st.button(text("shell.retry"), icon=":material/refresh:", key="retry")


def show_error(error: ApiError) -> None:
    """Say what went wrong, and lead to the login if that helps."""
    logger.warning("The API answered %s %s: %s", error.status, error.code, error.message)
    st.error(plain(error.message), icon=":material/error:")
    if error.status == 401:
        st.html(f'<a href="/login" target="_self">{text("shell.login_again")}</a>')

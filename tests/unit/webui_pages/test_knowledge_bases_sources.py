"""The dialog of the sources, over a real API and a real site."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from server.schemas.native import CreateKnowledgeBase
from server.schemas.sources import CreateWebSource, KbSource, WebOptions
from tests.unit.knowledge_base.sources.site import Reply, Site, page, serving
from tests.unit.webui_pages.conftest import add, filled_api
from webui_pages import session
from webui_pages.client import ApiClient

DIALOG = """
import streamlit as st
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_sources import show_sources

@st.fragment
def dialog():
    show_sources(ApiClient({api!r}), "pages")

dialog()
"""
PAGE = """
from webui_pages.knowledge_bases import show

show()
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as opened:
        opened.pages["/"] = page("Pump", text="The pump moves 12 litres.")
        yield opened


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[ApiClient]:
    """Return a client of an API that may ask the site."""
    allowed = {"web": True, "allow_private": True, "web_ports": [site.port]}
    with filled_api(tmp_path_factory.mktemp("sourced"), sources=allowed) as url:
        yield ApiClient(url)


@pytest.fixture(autouse=True)
def _knowledge_base(sourced: ApiClient) -> Iterator[None]:
    sourced.create_knowledge_base(CreateKnowledgeBase(name="pages"))
    yield
    sourced.delete_knowledge_base("pages")


def labels(drawn: AppTest) -> list[str]:
    return [button.label for button in drawn.button]


def click(drawn: AppTest, label: str) -> AppTest:
    return next(button for button in drawn.button if button.label == label).click().run()


def wait_for(client: ApiClient) -> KbSource:
    deadline = time.monotonic() + 60
    while (source := client.sources("pages")[0]).state == "syncing":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return source


def test_a_page_is_added_synchronised_and_deleted(sourced: ApiClient, site: Site) -> None:
    drawn = AppTest.from_string(DIALOG.format(api=sourced.url), default_timeout=60).run()
    assert not drawn.exception
    click(drawn, "Add and synchronise")
    assert drawn.error[0].value == "Give it a name and an address\\."
    drawn.text_input[0].input(site.url("/"))
    drawn.text_input[1].input("house")
    click(drawn, "Add and synchronise")
    assert not drawn.exception
    source = wait_for(sourced)
    assert (source.state, source.name) == ("done", "house")
    drawn.run()
    assert "**house** · in step" in [text.value for text in drawn.markdown]
    site.pages["/"] = page("Pump", text="The pump moves 15 litres.")
    click(drawn, "Synchronise now")
    assert wait_for(sourced).counts.changed == 1
    click(drawn.run(), "Delete")
    assert "Keep them" in labels(drawn)
    click(drawn, "Delete them too")
    assert not drawn.exception
    assert sourced.sources("pages") == []
    assert sourced.files("pages") == []


def test_a_refused_address_is_told_in_the_dialog(sourced: ApiClient) -> None:
    drawn = AppTest.from_string(DIALOG.format(api=sourced.url), default_timeout=60).run()
    drawn.text_input[0].input("ftp://a.example/")
    drawn.text_input[1].input("bad")
    click(drawn, "Add and synchronise")
    assert "http" in drawn.error[0].value
    assert sourced.sources("pages") == []


def test_a_file_that_a_source_left_alone_is_named(sourced: ApiClient, site: Site) -> None:
    add(sourced, "pages", {"house/index.html": b"<p>My own page.</p>"})
    options = WebOptions(url=site.url("/"))
    added = sourced.add_source("pages", CreateWebSource(kind="web", name="house", options=options))
    sourced.sync_source("pages", added.id)
    assert wait_for(sourced).state == "done"
    drawn = AppTest.from_string(DIALOG.format(api=sourced.url), default_timeout=60).run()
    assert not drawn.exception
    assert any("uploaded or edited by hand" in caption.value for caption in drawn.caption)
    assert any("your own files, left alone: 1" in caption.value for caption in drawn.caption)
    assert [code.value for code in drawn.code] == [site.url("/")]


def test_a_query_is_shown(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as shop:
        shop.execute("CREATE TABLE item (id, text)")
    allowed = {"sql": True, "sql_folders": [str(tmp_path)]}
    query = "SELECT id, text FROM item"
    url = f"sqlite:///{database}"
    with filled_api(tmp_path / "data", sources=allowed) as api:
        ApiClient(api).create_knowledge_base(CreateKnowledgeBase(name="pages"))
        options = {"url": url, "query": query, "id_column": "id", "text_columns": ["text"]}
        body = {"kind": "sql", "name": "items", "options": options}
        path = f"{api}/api/v1/knowledge_bases/pages/sources"
        assert httpx.post(path, json=body, trust_env=False).status_code == 201
        drawn = AppTest.from_string(DIALOG.format(api=api), default_timeout=60).run()
        assert not drawn.exception
        assert [code.value for code in drawn.code] == [url, query]


def test_most_files_of_a_source_go_only_when_that_is_asked_for(
    sourced: ApiClient, site: Site
) -> None:
    places = [f"/shed/{number}" for number in range(12)]
    site.pages |= {place: page("Tool", text=f"Tool {place}.") for place in places}
    site.pages["/shed/"] = page("Shed", *places)
    options = WebOptions(url=site.url("/shed/"), depth=1)
    added = sourced.add_source("pages", CreateWebSource(kind="web", name="shed", options=options))
    sourced.sync_source("pages", added.id)
    assert wait_for(sourced).state == "done"
    site.pages["/shed/"] = page("Shed")
    for place in places:
        site.pages[place] = Reply(status=404)
    drawn = AppTest.from_string(DIALOG.format(api=sourced.url), default_timeout=60).run()
    click(drawn, "Synchronise now")
    assert (wait_for(sourced).state, len(sourced.files("pages"))) == ("incomplete", 13)
    click(drawn.run(), "Delete what is gone")
    assert (wait_for(sourced).state, len(sourced.files("pages"))) == ("done", 1)
    assert "Delete what is gone" not in labels(drawn.run())


@pytest.mark.parametrize("is_on", [True, False])
def test_the_menu_has_sources_only_where_they_are_on(
    sourced: ApiClient, api: str, monkeypatch: pytest.MonkeyPatch, is_on: bool
) -> None:
    monkeypatch.setenv("ZHIWEN_UI__API_URL", sourced.url if is_on else api)
    session.settings.cache_clear()
    drawn = AppTest.from_string(PAGE, default_timeout=60).run()
    session.settings.cache_clear()
    assert not drawn.exception
    assert bool(drawn.session_state["kb_source_kinds"]) == is_on

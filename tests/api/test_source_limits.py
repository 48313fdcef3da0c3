"""What sources may not do, and what ends them."""

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.container import Container
from server.db.sources import update_source
from tests.api.sources import (
    BASE,
    KB,
    add,
    files,
    sql,
    sync,
    web,
)
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.unit.knowledge_base.sources.site import Site


@pytest.fixture
def client(sourced: TestClient) -> TestClient:
    return sourced


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x" * 65])
def test_a_name_must_be_that_of_a_folder(client: TestClient, site: Site, name: str) -> None:
    assert client.post(BASE, json=web(site, name=name)).status_code in (403, 422)


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"url": "ftp://a.example/"}},
        {"options": {"url": "http://u:p@a.example/"}},
        {"options": {"url": "http://a.example:22/"}},
        {"options": {"url": "http://a.example/", "depth": 4}},
        {"options": {"url": "http://a.example/", "max_pages": 501}},
        {"options": {"url": "http://a.example/", "query": "x"}},
        {"options": {}},
        {"kind": "mail"},
        {"kind": "sql"},
        {"more": 1},
    ],
)
def test_what_cannot_work_is_refused(
    client: TestClient, site: Site, change: dict[str, Any]
) -> None:
    answer = client.post(BASE, json=web(site) | change)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["message"]
    assert client.get(BASE).json() == []


@pytest.mark.parametrize("query", ["DELETE FROM item", "SELECT 1; DROP TABLE item", "PRAGMA x"])
def test_a_query_that_writes_is_refused(client: TestClient, shop: Path, query: str) -> None:
    answer = client.post(BASE, json=sql(shop, query=query))
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "options.query")


def test_what_is_not_there_is_404(client: TestClient) -> None:
    assert client.get("/api/v1/knowledge_bases/nope/sources").status_code == 404
    for method, path in (("GET", "/9"), ("DELETE", "/9"), ("POST", "/9/sync")):
        assert client.request(method, f"{BASE}{path}").status_code == 404
    assert client.get(f"{BASE}/0").status_code == 422


def test_another_knowledge_base_does_not_have_it(client: TestClient, site: Site) -> None:
    source = add(client, web(site))
    client.post("/api/v1/knowledge_bases", json={"name": "other"})
    path = f"/api/v1/knowledge_bases/other/sources/{source['id']}"
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404


class Gate:
    """A page that answers when the test says so."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.reached.set()
        self.open.wait(10)


def test_one_synchronisation_at_a_time_and_deleting_ends_it(client: TestClient, site: Site) -> None:
    gate = Gate()
    site.pages["/docs/pump"] = gate
    source = add(client, web(site, depth=1))
    path = f"{BASE}/{source['id']}"
    assert client.post(f"{path}/sync").status_code == 202
    assert gate.reached.wait(10)
    answer = client.post(f"{path}/sync")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "source_busy")
    threading.Timer(0.5, gate.open.set).start()
    assert client.delete(path).status_code == 204
    assert files(client) == {}


def test_a_knowledge_base_can_go_meanwhile(client: TestClient, site: Site) -> None:
    gate = Gate()
    site.pages["/docs/pump"] = gate
    source = add(client, web(site, depth=1))
    client.post(f"{BASE}/{source['id']}/sync")
    assert gate.reached.wait(10)
    assert client.delete(KB).status_code == 204
    gate.open.set()
    container: Container = client.app.state.container
    container.sources.wait(source["id"])
    assert client.get(KB).status_code == 404


def test_the_end_of_the_service_interrupts_it(client: TestClient, site: Site) -> None:
    gate = Gate()
    site.pages["/docs/pump"] = gate
    source = add(client, web(site, depth=1))
    client.post(f"{BASE}/{source['id']}/sync")
    assert gate.reached.wait(10)
    container: Container = client.app.state.container
    threading.Timer(0.5, gate.open.set).start()
    container.sources.close()
    assert client.get(f"{BASE}/{source['id']}").json()["state"] == "interrupted"
    assert files(client) == {}
    with container.database.write("test") as session:
        update_source(session, source["id"], state="syncing")  # as after a crash
    container.sources.recover()
    assert client.get(f"{BASE}/{source['id']}").json()["state"] == "interrupted"
    assert client.post(f"{BASE}/{source['id']}/sync").status_code == 503


def test_more_than_the_settings_allow_is_refused_whole(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    container: Container = client.app.state.container
    less = container.sources.settings.model_copy(update={"max_sync_mb": 0})
    monkeypatch.setattr(container.sources, "settings", less)
    failed = sync(client, add(client, web(site, depth=1)))
    assert (failed["state"], failed["error"]["code"]) == ("failed", "too_large")
    assert files(client) == {}


@pytest.mark.parametrize(("kind", "setting"), [("web", "sources.web"), ("sql", "sources.sql")])
def test_both_kinds_are_off_unless_the_settings_say_so(
    tmp_path: Path, site: Site, shop: Path, kind: str, setting: str
) -> None:
    with open_client(make_settings(tmp_path)) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        body = web(site) if kind == "web" else sql(shop)
        answer = client.post(BASE, json=body, headers={"Accept-Language": "zh"})
        assert answer.status_code == 403
        error = answer.json()["error"]
        assert error["code"] == "source_off"
        assert f"{setting} 设为 true" in error["message"]
        assert client.get(BASE).json() == []
    assert site.asked == []


def test_turned_off_later_it_is_not_synchronised(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = add(client, web(site))
    container: Container = client.app.state.container
    off = container.sources.settings.model_copy(update={"web": False})
    monkeypatch.setattr(container.sources, "settings", off)
    assert client.post(f"{BASE}/{source['id']}/sync").status_code == 403
    assert client.get(f"{BASE}/{source['id']}").status_code == 200


def test_private_pages_are_not_asked_by_default(tmp_path: Path, site: Site) -> None:
    settings = make_settings(tmp_path, sources={"web": True, "web_ports": [site.port]})
    with open_client(settings) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001"):
            body = web(site, name=f"s-{host}", url=site.url("/docs/", host=host))
            failed = sync(client, add(client, body))
            assert failed["state"] == "failed"
            assert failed["error"]["code"] == "unsafe_address", failed
    assert site.asked == []

"""Who may use the service: loopback without a key, any other bind with one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from configs import ROOT
from server.app import create_app
from server.routes.gate import OPEN_PATHS
from tests.conftest import make_settings, open_client, wait_until_ready

KEY = "a-key-for-the-tests"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of a service that other machines can reach."""
    settings = make_settings(tmp_path, server={"host": "0.0.0.0"}, auth={"api_key": KEY})
    with open_client(settings) as client:
        wait_until_ready(client)
        yield client


def all_routes(tmp_path: Path) -> list[tuple[str, str]]:
    app = create_app(make_settings(tmp_path))
    paths = app.openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_every_route_needs_the_key_on_another_bind(guarded: TestClient, tmp_path: Path) -> None:
    routes = all_routes(tmp_path / "other")
    assert len(routes) >= 20
    open_routes = set()
    for method, path in routes:
        answer = guarded.request(method, path.replace("{", "").replace("}", ""))
        if answer.status_code != 401:
            open_routes.add(path)
    assert open_routes == {"/healthz", "/readyz"}


def test_nothing_but_probes_and_documentation_is_open() -> None:
    assert {"/", "/healthz", "/readyz", "/docs", "/redoc", "/openapi.json"} == OPEN_PATHS


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}, {"authorization": f"bearer {KEY}"}],
)
def test_the_key_opens_in_either_header(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.get("/api/v1/status", headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", "wrong", KEY + "x", KEY[:-1]])
def test_a_wrong_key_is_refused_in_both_shapes(guarded: TestClient, key: str) -> None:
    native = guarded.get("/api/v1/status", headers={"X-API-Key": key})
    assert native.status_code == 401
    assert native.headers["www-authenticate"] == "Bearer"
    assert native.json()["error"]["code"] == "unauthorized"
    legacy = guarded.get("/knowledge_base/list_knowledge_bases", headers={"X-API-Key": key})
    assert legacy.status_code == legacy.json()["code"] == 401


def test_the_documentation_opens_without_a_key_and_without_a_network(guarded: TestClient) -> None:
    for path in ("/docs", "/redoc"):
        page = guarded.get(path)
        assert page.status_code == 200
        assert "http://" not in page.text.replace("http://www.w3.org", "")
        assert "https://" not in page.text
    assert guarded.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200


def test_a_key_is_minted_once_and_stored_as_a_hash(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(tmp_path, server={"host": "0.0.0.0"})
    with open_client(settings) as client:
        wait_until_ready(client)
        key = caplog.text.split("API key: ")[1].split()[0]
        assert client.get("/api/v1/status", headers={"X-API-Key": key}).status_code == 200
        assert key.encode() not in client.app.state.container.folder.database.read_bytes()
    caplog.clear()
    with open_client(settings) as client:
        wait_until_ready(client)
        assert "API key:" not in caplog.text
        assert client.get("/api/v1/status", headers={"X-API-Key": key}).status_code == 200


def test_a_chosen_key_replaces_the_minted_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_client(make_settings(tmp_path, server={"host": "0.0.0.0"})) as client:
        wait_until_ready(client)
        minted = caplog.text.split("API key: ")[1].split()[0]
    chosen = make_settings(tmp_path, server={"host": "0.0.0.0"}, auth={"api_key": KEY})
    with open_client(chosen) as client:
        wait_until_ready(client)
        assert client.get("/api/v1/status", headers={"X-API-Key": KEY}).status_code == 200
        assert client.get("/api/v1/status", headers={"X-API-Key": minted}).status_code == 401


def test_loopback_needs_no_key(client: TestClient) -> None:
    assert client.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "["},
        {"origin": "http://evil.example"},
        {"origin": "http://["},
        {"origin": "null"},
    ],
)
def test_pages_of_other_sites_do_not_reach_loopback(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.get("/api/v1/status", headers=headers)
    assert answer.status_code == 403
    assert "server.allowed_hosts" in answer.json()["error"]["message"]


def test_a_host_that_is_allowed_reaches_loopback(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, server={"allowed_hosts": ["kb.example"]})
    with open_client(settings) as client:
        wait_until_ready(client)
        assert client.get("/api/v1/status", headers={"host": "kb.example"}).status_code == 200


def test_a_service_that_is_not_ready_says_so(tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path))  # without its lifespan nothing prepares it
    client = TestClient(app, base_url="http://localhost")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    answer = client.get("/api/v1/status")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["error"]["code"] == "starting"


def test_a_second_process_on_the_same_data_is_refused(client: TestClient, tmp_path: Path) -> None:
    code = (
        "from tests.conftest import make_settings; from server.container import Container\n"
        "from pathlib import Path; import sys\n"
        "second = Container(make_settings(Path(sys.argv[1]))); second.prepare()\n"
        "print(second.readiness.read().error.code, second.readiness.read().doing_en)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("data_directory_in_use")
    assert f"(process {os.getpid()})" in run.stdout

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from configs import load_settings
from tests.unit.knowledge_base.loaders.makers import make_pdf
from tests.unit.webui_pages.conftest import KEY, MANUAL, add
from webui_pages.client import ApiClient
from webui_pages.cookie import LANGUAGE, NAME
from webui_pages.files import refusal
from webui_pages.site import Site

PAGE = {"Accept": "text/html", "Accept-Language": "en"}
SOCKET = "ws://localhost/_stcore/stream"


async def page(_: Request) -> Response:
    return PlainTextResponse("the page")


async def html(_: Request) -> Response:
    return HTMLResponse("<p>the page", headers={"Cache-Control": "no-cache"})


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def browse(api_url: str, host: str = "localhost") -> TestClient:
    """Return a browser before a site whose pages stand for those of Streamlit."""
    site = Site(load_settings(ui={"api_url": api_url}))
    pages = [Route("/", page), Route("/html", html), WebSocketRoute("/_stcore/stream", talk)]
    routes = [*site.routes, *pages]
    app = Starlette(routes=routes, middleware=site.middleware, lifespan=site.lifespan)
    return TestClient(app, base_url=f"http://{host}", follow_redirects=False)


@pytest.fixture
def browser(api: str) -> Iterator[TestClient]:
    with browse(api) as opened:
        yield opened


@pytest.fixture
def stranger(locked_api: str) -> Iterator[TestClient]:
    with browse(locked_api) as opened:
        yield opened


@pytest.fixture
def member(stranger: TestClient) -> TestClient:
    stranger.post("/login", data={"key": KEY})
    return stranger


def test_without_a_key_the_page_is_open_on_this_machine(browser: TestClient) -> None:
    assert browser.get("/", headers=PAGE).text == "the page"


def test_no_browser_keeps_a_page(browser: TestClient) -> None:
    assert browser.get("/html", headers=PAGE).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/healthz", "/login", "/files/docs/manual.md?view=1"])
def test_every_answer_carries_the_headers(browser: TestClient, path: str) -> None:
    headers = browser.get(path, headers=PAGE).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src" in headers["content-security-policy"]


def test_the_policy_lets_nothing_in_from_elsewhere(browser: TestClient) -> None:
    policy = browser.get("/", headers=PAGE).headers["content-security-policy"]
    assert "unsafe-eval" not in policy
    assert "script-src 'self' blob: 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


def test_a_foreign_host_name_is_refused(api: str) -> None:
    with browse(api, host="evil.example") as browser:
        answer = browser.get("/", headers=PAGE)
    assert answer.status_code == 403
    assert "allowed_hosts" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
def test_a_page_of_another_site_gets_no_websocket(
    browser: TestClient, member: TestClient, origin: str
) -> None:
    cookie = f"{NAME}={member.cookies[NAME]}"
    for site, headers in ((browser, {}), (member, {"Cookie": cookie})):
        with (
            pytest.raises(WebSocketDisconnect),
            site.websocket_connect(SOCKET, headers=headers | {"Origin": origin}),
        ):
            pass


def test_our_own_page_gets_its_websocket(browser: TestClient) -> None:
    origin = {"Origin": "http://localhost"}
    with browser.websocket_connect(SOCKET, headers=origin) as websocket:
        assert websocket.receive_text() == "hello"


def test_a_ui_for_everybody_over_an_open_api_refuses_to_serve(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui_pages.gate.bound_address", lambda: "0.0.0.0")
    answer = browser.get("/", headers=PAGE)
    assert answer.status_code == 403
    assert "--listen" in answer.text


def test_a_page_leads_a_stranger_to_the_login_and_back(stranger: TestClient) -> None:
    answer = stranger.get("/chat?c=1", headers=PAGE)
    assert answer.headers["location"] == "/login?next=/chat%3Fc%3D1"
    assert 'value="/chat?c=1"' in stranger.get(answer.headers["location"], headers=PAGE).text


@pytest.mark.parametrize("path", ["/static/x.js", "/media/x", "/files/docs/manual.md"])
def test_a_stranger_gets_no_data(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 401


def test_a_stranger_gets_no_websocket(stranger: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), stranger.websocket_connect("/_stcore/stream"):
        pass


def test_the_key_opens_everything(member: TestClient) -> None:
    assert member.get("/").text == "the page"
    cookie = {"Cookie": f"{NAME}={member.cookies[NAME]}"}
    with member.websocket_connect("/_stcore/stream", headers=cookie) as websocket:
        assert websocket.receive_text() == "hello"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: TestClient) -> None:
    cookie = stranger.post("/login", data={"key": KEY}).headers["set-cookie"]
    assert cookie.startswith(f"{NAME}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("key", ["wrong", "", "密钥", "x" * 500])
def test_a_wrong_key_is_told_and_keeps_the_door_closed(stranger: TestClient, key: str) -> None:
    answer = stranger.post("/login", data={"key": key}, headers=PAGE)
    assert answer.status_code == 401
    assert "not valid" in answer.text
    assert stranger.get("/").status_code == 401


def test_the_link_of_the_log_logs_in_and_hides_the_key(stranger: TestClient) -> None:
    answer = stranger.get("/login", params={"key": KEY}, headers=PAGE)
    assert "url=/" in answer.text
    assert KEY not in answer.text
    assert stranger.get("/").text == "the page"


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "http://evil.example", ""])
def test_the_login_leads_nowhere_else(stranger: TestClient, target: str) -> None:
    answer = stranger.post("/login", data={"key": KEY, "next": target})
    assert 'content="0; url=/"' in answer.text


def test_a_huge_form_is_refused(stranger: TestClient) -> None:
    assert stranger.post("/login", content=b"key=" + b"x" * 10_000).status_code == 413


def test_logging_out_closes_the_door(member: TestClient) -> None:
    answer = member.post("/logout", headers=PAGE)
    assert "logged out" in answer.text
    assert answer.headers["clear-site-data"] == '"cache"'
    assert member.get("/").status_code == 401


@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {}), ("POST", {"Sec-Fetch-Site": "cross-site"})]
)
def test_an_image_or_another_site_logs_nobody_out(
    member: TestClient, method: str, headers: dict[str, str]
) -> None:
    member.request(method, "/logout", headers=headers)
    assert member.get("/").text == "the page"


def test_the_login_of_an_open_ui_leads_in(browser: TestClient) -> None:
    assert browser.get("/login", headers=PAGE).headers["location"] == "/"


def test_while_the_api_is_away_a_page_says_so_and_looks_again() -> None:
    with browse("http://127.0.0.1:9") as browser:
        answer = browser.get("/", headers=PAGE | {"Accept-Language": "zh-CN"})
    assert answer.status_code == 503
    assert "正在等待 API" in answer.text
    assert "http://127.0.0.1:9" in answer.text
    assert "python startup.py --api" in answer.text
    assert 'http-equiv="refresh"' in answer.text


def test_the_pages_before_the_ui_speak_the_language_that_was_chosen() -> None:
    with browse("http://127.0.0.1:9") as browser:
        answer = browser.get("/", headers=PAGE | {"Cookie": f"{LANGUAGE}=zh"})
    assert "正在等待 API" in answer.text


def test_while_the_api_is_away_nothing_else_is_served() -> None:
    with browse("http://127.0.0.1:9") as browser:
        assert browser.get("/static/x.js").status_code == 503
        assert browser.get("/readyz").json()["ready"] is False
        assert browser.get("/healthz").json() == {"status": "alive"}


def test_the_ui_is_ready_when_the_api_is(browser: TestClient) -> None:
    assert browser.get("/readyz").status_code == 200


def test_a_download_comes_whole_under_its_name(member: TestClient) -> None:
    answer = member.get("/files/docs/manual.md")
    assert answer.text == MANUAL
    assert "manual.md" in answer.headers["content-disposition"]
    assert answer.headers["content-disposition"].startswith("attachment")


def test_an_earlier_version_comes_under_the_name_of_its_file(member: TestClient) -> None:
    answer = member.get("/files/docs/manual.md?version=1")
    assert answer.text == MANUAL
    assert "manual.md" in answer.headers["content-disposition"]


@pytest.mark.parametrize("version", ["2", "-1", "x", "9" * 5000, "1%2F..%2F.."])
def test_a_version_that_is_not_there_is_no_other(member: TestClient, version: str) -> None:
    answer = member.get(f"/files/docs/manual.md?version={version}", headers=PAGE)
    assert answer.status_code in (404, 422)
    assert "cannot be downloaded" in answer.text


def test_a_download_says_when_the_key_is_no_longer_valid() -> None:
    answer = refusal("en", 401)
    assert (answer.status_code, b"not valid" in answer.body) == (401, True)


def test_a_part_of_a_download_can_be_asked_for(member: TestClient) -> None:
    answer = member.get("/files/docs/manual.md", headers={"Range": "bytes=2-7"})
    assert (answer.status_code, answer.text) == (206, "Manual")


def test_a_preview_can_run_nothing(member: TestClient) -> None:
    answer = member.get("/files/docs/trap%20%3Cb%3E.txt?view=1")
    assert answer.headers["content-disposition"].startswith("inline")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_page_comes_as_a_picture_that_a_browser_keeps_and_asks_about(
    member: TestClient, locked_api: str
) -> None:
    book = make_pdf([[(72.0, 700.0, 11.0, "The mill is old.")]])
    add(ApiClient(locked_api, key=KEY), "docs", {"book.pdf": book}, override=True)
    answer = member.get("/files/docs/book.pdf?page=1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": answer.headers["etag"]}
    again = member.get("/files/docs/book.pdf?page=1", headers=known)
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_of_a_stranger_is_refused(stranger: TestClient) -> None:
    assert stranger.get("/files/docs/book.pdf?page=1").status_code == 401


@pytest.mark.parametrize("page", ["1", "0", "-1", "x", "9" * 5000, "1%2F..%2F..", ""])
def test_a_page_that_is_not_there_is_no_file(member: TestClient, page: str) -> None:
    answer = member.get(f"/files/docs/manual.md?page={page}", headers=PAGE)
    assert answer.status_code in (404, 415, 422)
    assert "cannot be downloaded" in answer.text


def test_a_file_that_is_not_there_is_told_to_a_person(member: TestClient) -> None:
    answer = member.get("/files/docs/nowhere.md", headers=PAGE)
    assert answer.status_code == 404
    assert "cannot be downloaded" in answer.text


@pytest.mark.parametrize("path", ["/files/docs/..%2F..%2Fstatus", "/files/..%2Fstatus%3F/x"])
def test_a_download_reaches_no_other_route(member: TestClient, path: str) -> None:
    assert member.get(path).status_code in (403, 404, 422)

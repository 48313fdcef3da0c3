from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.unit.webui_pages.conftest import KEY, filled_api
from webui_pages import session


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    session.settings.cache_clear()
    yield
    session.settings.cache_clear()


def draw(api: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("ZHIWEN_UI__API_URL", api)
    page = AppTest.from_string("from webui_pages.system import show\nshow()", default_timeout=60)
    page.run()
    assert not page.exception
    return page


def draw_services(*services: tuple[str, str]) -> AppTest:
    """Return the part of the page about services, given by name and state."""
    script = (
        "from server.schemas.native import ServiceState\n"
        "from webui_pages.system import show_services\n"
        f"show_services([ServiceState(name=n, state=s) for n, s in {services!r}])"
    )
    page = AppTest.from_string(script).run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return "\n".join(text.value for text in page.text)


def test_it_shows_that_all_is_well(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw(api, monkeypatch).success[0].value == "Everything is running"


def test_it_says_what_to_do_when_the_api_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    page = draw("http://127.0.0.1:9", monkeypatch)
    assert page.error[0].value == "The API does not answer"
    assert "python startup.py -a" in page.markdown[-1].value


@pytest.mark.parametrize(
    ("state", "advice"),
    [("failed", "worker-tiny.log"), ("waiting", "started again in a moment")],
)
def test_it_says_what_to_do_about_a_service_that_is_down(state: str, advice: str) -> None:
    page = draw_services(("api", "ready"), ("worker-tiny", state))
    assert page.error[0].value == "Something needs your attention"
    assert advice in words(page)


def test_a_start_is_no_trouble() -> None:
    page = draw_services(("api", "ready"), ("worker-tiny", "starting"))
    assert not page.error
    assert page.info[0].value == "Something is still starting"


def test_it_shows_no_secret(tmp_path: Path) -> None:
    secrets: dict[str, dict[str, object]] = {
        "auth": {"api_key": KEY},
        "llm": {"base_url": "http://127.0.0.1:9/v1", "api_key": "sk-of-the-model"},
        "workers": {"secret": "secret-of-the-workers"},
    }
    with filled_api(tmp_path, ui={"host": "0.0.0.0"}, **secrets) as url:
        script = (
            "from webui_pages.client import ApiClient\n"
            "from webui_pages.system import show_state\n"
            f"show_state(ApiClient({url!r}, key={KEY!r}))"
        )
        page = AppTest.from_string(script, default_timeout=60).run()
    assert not page.exception
    shown = "".join(str(getattr(node, "proto", "")) for node in page.main)
    assert "llm.base_url" in shown
    assert [
        secret for secret in (KEY, "sk-of-the-model", "secret-of-the-workers") if secret in shown
    ] == []

"""A product that can be reached from elsewhere: nothing without the key."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import new_place
from tests.ui.browser import Record
from tests.ui.conftest import WITHIN_MS
from tests.ui.product import Product, run_product

KEY = "a-key-for-the-browser-tests"


@pytest.fixture(scope="module")
def product(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Return a product that listens on all addresses and so needs a key."""
    place = new_place(
        tmp_path_factory.mktemp("guarded"),
        ZHIWEN_UI__HOST="0.0.0.0",
        ZHIWEN_API_KEY=KEY,
        ZHIWEN_KB__CREATE_SAMPLES="false",
    )
    with run_product(place, KEY) as running:
        running.make_kb("secrets", {"secret.txt": "The password of the safe is swordfish."})
        yield running


@pytest.fixture
def page(browser: Browser, record: Record) -> Iterator[Page]:
    """Return a page without any cookie."""
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    record.watch(page)
    yield page
    context.close()


def log_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


def get(product: Product, path: str, **headers: str) -> httpx.Response:
    options: dict[str, Any] = {"trust_env": False, "follow_redirects": False}
    return httpx.get(f"{product.url}{path}", headers=headers, **options)


def test_the_right_key_opens_the_page_that_was_asked_for(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/knowledge_bases")
    log_in(page, KEY)
    expect(page.get_by_role("button", name="secret.txt")).to_be_visible()


def test_a_wrong_key_is_told_so(page: Page, product: Product, record: Record) -> None:
    page.goto(product.url)
    log_in(page, "something else")
    expect(page.get_by_role("alert")).to_contain_text("This key is not valid")
    assert all("401" in complaint for complaint in record.complaints)
    record.complaints.clear()


def test_the_link_of_the_log_logs_in_and_keeps_the_key_out_of_the_address(
    page: Page, product: Product
) -> None:
    page.goto(f"{product.url}/login?key={KEY}")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_visible()
    assert KEY not in page.url


def test_after_logging_out_nothing_is_shown(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/login?key={KEY}")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status")).to_contain_text("You are logged out")
    expect(page.get_by_label("API key")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("API key")).to_be_visible()
    page.goto(f"{product.url}/system")
    expect(page.get_by_label("API key")).to_be_visible()


def test_scripts_cannot_read_the_key(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/login?key={KEY}")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_visible()
    assert KEY not in page.evaluate("document.cookie + JSON.stringify(localStorage)")


@pytest.mark.parametrize(
    "path",
    [
        "/files/secrets/secret.txt",
        "/_stcore/metrics",
        "/_stcore/host-config",
        "/media/0.txt",
        "/_stcore/upload_file/a/b",
    ],
)
def test_nothing_is_served_without_the_key(product: Product, path: str) -> None:
    answer = get(product, path)
    assert answer.status_code == 401
    assert "swordfish" not in answer.text


def test_a_download_works_after_logging_in(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/login?key={KEY}")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_visible()
    answer = page.request.get(f"{product.url}/files/secrets/secret.txt")
    assert answer.text() == "The password of the safe is swordfish."

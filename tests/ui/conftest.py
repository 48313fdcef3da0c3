"""The product once for all browser tests, and a fresh page for each."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.api.documents import GARDEN_EN, LEAVE_ZH, PUMP_EN
from tests.e2e.processes import new_place
from tests.ui.browser import ARGUMENTS, Record, find_chromium
from tests.ui.product import Product, run_product

WITHIN_MS = 45_000  # for anything to appear, on a busy machine

Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/ui/" in item.path.as_posix():
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def product(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Return a product with two small documents in the knowledge base ``handbook``."""
    with run_product(new_place(tmp_path_factory.mktemp("ui"))) as running:
        running.make_kb(
            "handbook", {"pump.md": PUMP_EN, "员工手册.md": LEAVE_ZH, "garden.txt": GARDEN_EN}
        )
        yield running


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Iterator[dict[tuple[str, str], BrowserContext]]:
    """Return contexts by language and theme; tests share them for the cache of their files."""
    made: dict[tuple[str, str], BrowserContext] = {}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def record(product: Product) -> Iterator[Record]:
    """Return what pages do beside what they show; at the end none did anything it must not."""
    noted = Record(product.url.removeprefix("http://"))
    yield noted
    assert product.tracebacks == []
    assert noted.problems == []


@pytest.fixture
def open_page(
    browser: Browser,
    product: Product,
    contexts: dict[tuple[str, str], BrowserContext],
    record: Record,
) -> Iterator[Open]:
    """Return what opens a page of the product and waits until it is drawn."""
    opened: list[Page] = []

    def open_(path: str = "/", *, locale: str = "en-US", theme: str = "light") -> Page:
        if (locale, theme) not in contexts:
            contexts[locale, theme] = browser.new_context(
                locale=locale,
                color_scheme="dark" if theme == "dark" else "light",
                viewport={"width": 1280, "height": 1000},
                permissions=["clipboard-read", "clipboard-write"],
            )
            contexts[locale, theme].set_default_timeout(WITHIN_MS)
        page = contexts[locale, theme].new_page()
        opened.append(page)
        record.watch(page)
        page.goto(f"{product.url}{path}")
        expect(page.locator("h1, h3").first).to_be_visible()
        return page

    yield open_
    for page in opened:
        page.context.clear_cookies()
        page.close()


def choose(page: Page, option: str | re.Pattern[str]) -> None:
    """Choose a knowledge base in the first list of the page."""
    page.get_by_role("main").get_by_role("combobox").first.click()
    page.get_by_role("option", name=option).click()

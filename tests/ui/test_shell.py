"""What surrounds the pages: language, theme, menu."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Open

PAGES = {
    "/": ("What would you like to know?", "想了解什么？"),
    "/knowledge_bases": ("Knowledge bases", "知识库"),
    "/evaluation": ("Evaluation", "评测"),
    "/system": ("System", "系统"),
}


def background(page: Page) -> int:
    """Return how bright the page is, 0 to 255."""
    colour = page.get_by_test_id("stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (red + green + blue) // 3


@pytest.mark.parametrize(("locale", "number"), [("en-US", 0), ("zh-CN", 1)])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_speaks_the_language_of_the_browser(
    open_page: Open, path: str, locale: str, number: int
) -> None:
    page = open_page(path, locale=locale)
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path][number])


def test_the_language_can_be_switched_and_a_reload_keeps_it(open_page: Open) -> None:
    page = open_page("/system")
    page.get_by_test_id("stSidebar").get_by_text("中文", exact=True).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("系统")
    page.reload()
    expect(heading).to_have_text("系统")


def test_a_new_tab_speaks_the_language_that_was_chosen(open_page: Open) -> None:
    page = open_page("/system")
    page.get_by_test_id("stSidebar").get_by_text("中文", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("系统")
    while "zhiwen_language=zh" not in page.evaluate("document.cookie"):
        page.wait_for_timeout(50)
    expect(open_page("/system").get_by_role("heading", level=1)).to_have_text("系统")


def test_the_theme_follows_the_browser(open_page: Open) -> None:
    assert background(open_page("/system", theme="dark")) < 80
    assert background(open_page("/system", theme="light")) > 200


def test_the_menu_leads_to_every_page(open_page: Open) -> None:
    page = open_page()
    for name in ("Knowledge bases", "System", "Ask"):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        expect(page.get_by_test_id("stSidebarNav").locator("[aria-current]")).to_have_text(
            re.compile(name)
        )

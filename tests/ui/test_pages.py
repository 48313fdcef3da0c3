"""The page of a source as it looks, beside its text."""

import re
from io import BytesIO

import pytest
from playwright.sync_api import Locator, Page, expect
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.ui.conftest import Open, choose
from tests.ui.product import Product

FACTS = (
    "The mill at the river was built in 1851 and grinds rye.",
    "A heron nests above the water wheel of the mill since 1903.",
    "The bakery beside it sells forty loaves a day.",
)


@pytest.fixture(scope="module")
def book(product: Product) -> str:
    """Return a knowledge base with a PDF of three pages."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for number, fact in enumerate(FACTS, start=1):
        canvas.setFont("Helvetica-Bold", 22)
        canvas.drawString(72, 740, f"Chapter {number}")
        canvas.setFont("Helvetica", 12)
        canvas.drawString(72, 700, fact)
        canvas.setFillColorRGB(0.2, 0.5 + number / 10, 0.5)
        canvas.rect(72, 420, 300, 200, fill=1)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.showPage()
    canvas.save()
    product.make_kb("mill")
    files = {"files": ("a & <b>.pdf", buffer.getvalue())}
    product.api("POST", "/knowledge_bases/mill/files", files=files)
    return "mill"


def open_source(page: Page, base: str) -> Locator:
    """Ask about the second page, and open the source of the answer."""
    choose(page, base)
    page.get_by_test_id("stChatInputTextArea").fill("Where does the heron nest?")
    page.keyboard.press("Enter")
    page.locator('a[href^="#source-"]').first.click()
    panel = page.get_by_role("dialog")
    expect(panel.locator("mark.zw-quote").first).to_contain_text("A heron nests")
    return panel


def expect_page(panel: Locator, number: int) -> None:
    """Wait until the picture of a page is there, and drawn."""
    picture = panel.locator(".zw-page img")
    expect(picture).to_have_attribute("src", re.compile(rf"\?page={number}$"))
    expect(picture).to_have_js_property("complete", True)
    expect(picture).to_have_js_property("naturalHeight", 1600)


@pytest.mark.parametrize(
    ("locale", "view", "place", "next_place"),
    [
        ("en-US", "Original page", "Page 2 of 3", "Page 3 of 3"),
        ("zh-CN", "原页", "第 2 页，共 3 页", "第 3 页，共 3 页"),
    ],
)
def test_the_page_of_a_citation_is_shown_and_turned(
    open_page: Open, book: str, locale: str, view: str, place: str, next_place: str
) -> None:
    panel = open_source(open_page(locale=locale), book)
    panel.get_by_role("radio", name=view).click()
    expect_page(panel, 2)
    expect(panel).to_contain_text(place)
    expect(panel.locator(".zw-document")).to_have_count(0)
    arrows = panel.get_by_test_id("stPagination").get_by_role("button")
    arrows.last.click()
    expect_page(panel, 3)
    expect(panel).to_contain_text(next_place)
    expect(arrows.last).to_be_disabled()
    arrows.first.click()
    expect_page(panel, 2)


def test_a_click_on_the_page_opens_it_in_full_size(open_page: Open, book: str) -> None:
    page = open_page()
    panel = open_source(page, book)
    panel.get_by_role("radio", name="Original page").click()
    expect_page(panel, 2)
    with page.expect_popup() as opened:
        panel.locator(".zw-page").click()
    full = opened.value
    expect(full.locator("img")).to_have_js_property("naturalHeight", 1600)
    assert "/files/mill/" in full.url
    full.close()
    expect(panel).to_be_visible()

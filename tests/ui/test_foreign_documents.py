"""Documents that want to do something: nothing of them runs, loads or leads away."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.ui.canary import Canary, canary
from tests.ui.conftest import Open, choose
from tests.ui.product import Product

NAME = "evil ![x](http:img) <img src=x onerror=alert(1)>.md"


@pytest.fixture(scope="module")
def world() -> Iterator[Canary]:
    with canary() as watched:
        yield watched


@pytest.fixture(scope="module")
def evil(product: Product, world: Canary) -> str:
    """Return a knowledge base with a document that holds every trick we know."""
    document = f"""# The reactor manual

The reactor R-66 is cooled with water <script>window.__pwn=1;alert(1)</script> every hour.
The reactor R-66 needs ![picture]({world.url}/inline.png) a new rod each May [here]({world.url}/a).
The rods of the reactor R-66 <img src="{world.url}/html.png" onerror="window.__pwn=2"> weigh 4 kg.
The door of the reactor R-66 ![r][ref] closes at night <a href="javascript:window.__pwn=3">x</a>.
The lamp of the reactor R-66 is red <svg onload="window.__pwn=4"></svg> $x$ {world.url}/bare

[ref]: {world.url}/reference.png
"""
    product.make_kb("evil", {NAME.replace("/", "_"): document})
    return "evil"


def assert_nothing_happened(page: Page, world: Canary) -> None:
    assert page.evaluate("window.__pwn") is None
    assert world.asked == []
    foreign = page.locator(f'a[href^="{world.url}"], a[href^="javascript:"], img[src^="http"]')
    assert foreign.evaluate_all("found => found.map(e => e.outerHTML)") == []


@pytest.mark.parametrize(
    "question",
    [
        "How is the reactor R-66 cooled?",
        "When does the reactor R-66 need a new rod?",
        "How much do the rods of the reactor R-66 weigh?",
        "What colour is the lamp of the reactor R-66?",
    ],
)
def test_an_answer_that_quotes_it_is_harmless(
    open_page: Open, evil: str, world: Canary, question: str
) -> None:
    page = open_page()
    choose(page, evil)
    page.get_by_test_id("stChatInputTextArea").fill(question)
    page.keyboard.press("Enter")
    citation = page.locator('a[href^="#source-"]').first
    citation.click()
    expect(page.get_by_role("dialog").locator(".zw-document")).to_contain_text("<script>")
    assert_nothing_happened(page, world)


def test_its_text_and_chunks_are_harmless(open_page: Open, evil: str, world: Canary) -> None:
    page = open_page(f"/knowledge_bases?kb={evil}")
    page.locator(".st-key-kb_files button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".zw-text").first).to_contain_text("<script>")
    dialog.get_by_role("tab", name="Chunks").click()
    expect(dialog.locator(".zw-chunk").first).to_contain_text("<script>")
    assert_nothing_happened(page, world)


def test_its_hits_are_harmless(open_page: Open, evil: str, world: Canary) -> None:
    page = open_page(f"/knowledge_bases?kb={evil}")
    page.get_by_role("tab", name="Search").click()
    page.get_by_role("textbox", name="Question or words").fill("reactor rods")
    page.keyboard.press("Enter")
    expect(page.locator(".zw-chunk").first).to_contain_text("<script>")
    assert_nothing_happened(page, world)


def test_its_original_is_harmless(
    open_page: Open, product: Product, evil: str, world: Canary
) -> None:
    page = open_page(f"/knowledge_bases?kb={evil}")
    address = page.locator('.st-key-kb_files a[href^="/files/"]').first.get_attribute("href")
    page.goto(f"{product.url}{address}?view=1")
    expect(page.locator("body")).to_contain_text("reactor")
    assert_nothing_happened(page, world)

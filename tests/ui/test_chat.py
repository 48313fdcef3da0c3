"""Asking in the browser, without a language model: answers quote the documents."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import wait_until_drawn
from tests.ui.conftest import Open, choose
from tests.ui.product import Product

QUESTIONS = [
    ("en-US", "How long is the warranty of the pump?", "24 months", "pump.md"),
    ("zh-CN", "员工满一年后有几天年假？", "10 天", "员工手册.md"),
]


def ask(page: Page, question: str) -> None:
    """Ask the knowledge base of the tests, and wait for the answer to be complete."""
    choose(page, "handbook")
    page.get_by_test_id("stChatInputTextArea").fill(question)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stChatMessage").last).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]c=[0-9a-f]{32}"))


@pytest.mark.parametrize(("locale", "question", "words", "file"), QUESTIONS)
def test_a_question_is_answered_with_its_source(
    open_page: Open, locale: str, question: str, words: str, file: str
) -> None:
    page = open_page(locale=locale)
    ask(page, question)
    answer = page.get_by_test_id("stChatMessage").last
    expect(answer).to_contain_text(words)
    expect(answer).to_contain_text(file)


@pytest.mark.parametrize(("locale", "question", "words", "file"), QUESTIONS)
def test_a_citation_opens_the_passage_highlighted_in_its_document(
    open_page: Open, locale: str, question: str, words: str, file: str
) -> None:
    page = open_page(locale=locale)
    ask(page, question)
    page.locator('a[href^="#source-"]').first.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text(file)
    expect(panel.locator("mark.zw-quote").first).to_contain_text(words)
    expect(panel.locator(".zw-document")).to_contain_text(words)


def test_the_original_opens_through_the_port_of_the_ui(open_page: Open, product: Product) -> None:
    page = open_page()
    ask(page, "How long is the warranty of the pump?")
    page.locator('a[href^="#source-"]').first.click()
    link = page.get_by_role("dialog").get_by_role("link", name="Download")
    expect(link).to_be_visible()
    address = link.get_attribute("href")
    assert address == "/files/handbook/pump.md"
    downloaded = httpx.get(f"{product.url}{address}", trust_env=False)
    assert "24 months" in downloaded.text


def test_a_question_about_something_else_is_refused_and_is_no_error(open_page: Open) -> None:
    page = open_page()
    ask(page, "Who painted the ceiling of the Sistine Chapel?")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("Nothing found")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_a_reload_keeps_the_conversation(open_page: Open) -> None:
    page = open_page()
    ask(page, "How long is the warranty of the pump?")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("24 months")
    page.reload()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("24 months")


def test_a_question_below_the_screen_comes_into_view(open_page: Open, product: Product) -> None:
    conversation = product.api("POST", "/conversations", json={"knowledge_base": "handbook"})
    body = {
        "question": "How long is the warranty of the pump?",
        "conversation_id": conversation.json()["id"],
        "stream": False,
    }
    for _ in range(12):
        product.api("POST", "/chat", json=body)
    page = open_page(f"/?c={body['conversation_id']}")
    messages = page.get_by_test_id("stChatMessage")
    expect(messages).to_have_count(24)
    wait_until_drawn(page)
    messages.first.hover()
    page.mouse.wheel(0, -20_000)
    expect(messages.first).to_be_in_viewport()
    page.get_by_test_id("stChatInputTextArea").fill("How often is the filter replaced?")
    page.keyboard.press("Enter")
    expect(messages).to_have_count(26)
    expect(messages.nth(-2)).to_be_in_viewport()


def test_enter_saves_another_title(open_page: Open) -> None:
    page = open_page()
    ask(page, "How long is the warranty of the pump?")
    page.locator(".st-key-chat_rename button").click()
    page.get_by_role("dialog").get_by_label("Title").fill("About the pump")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-chat_head h3")).to_have_text("About the pump")


def test_a_conversation_can_be_deleted(open_page: Open, product: Product) -> None:
    page = open_page()
    ask(page, "How often is the filter of the pump replaced?")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("90 days")
    before = len(product.api("GET", "/conversations").json())
    page.locator(".st-key-chat_delete button").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(0)
    assert len(product.api("GET", "/conversations").json()) == before - 1


def test_an_answer_can_be_copied(open_page: Open) -> None:
    page = open_page()
    ask(page, "How long is the warranty of the pump?")
    page.locator('a[href^="#copy-"]').click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert "24 months" in page.evaluate("navigator.clipboard.readText()")


def test_new_chats_in_the_middle_of_answers_keep_the_knowledge_base(open_page: Open) -> None:
    page = open_page()
    choose(page, "handbook")
    messages = page.get_by_test_id("stChatMessage")
    for pause in range(0, 800, 100):  # the click meets other moments of the run
        page.get_by_test_id("stChatInputTextArea").fill("How long is the warranty of the pump?")
        page.keyboard.press("Enter")
        expect(messages).to_have_count(2)
        page.wait_for_timeout(pause)
        page.get_by_role("button", name="New chat").click()
        expect(messages).to_have_count(0)
        wait_until_drawn(page)
        expect(page.get_by_role("main").get_by_role("combobox").first).to_have_value("handbook")

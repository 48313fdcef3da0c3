"""The whole chain in the browser: a model that was trained for it says known sentences."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import READY_WITHIN_S, new_place, wait_until
from tests.trained_model import (
    LONG_QUESTION,
    QUESTION_EN,
    QUESTION_ZH,
    SENTENCE_EN,
    SENTENCE_ZH,
)
from tests.ui.browser import wait_until_drawn
from tests.ui.conftest import Open, choose
from tests.ui.product import Product, run_product

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def product(
    browser: Browser, trained_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """Return a product whose worker serves the trained model."""
    models = {"taught": {"path": str(trained_model), "device": "cpu"}}
    place = new_place(
        tmp_path_factory.mktemp("taught"),
        ZHIWEN_WORKERS__MODELS=json.dumps(models),
        ZHIWEN_LLM__MAX_TOKENS="12000",  # long enough to be stopped
        ZHIWEN_LLM__CONTEXT_TOKENS="16000",
    )
    with run_product(place) as running:
        wait_until(lambda: running.api("GET", "/models").json(), READY_WITHIN_S, "the model")
        running.make_kb("counting", {"count.txt": f"{LONG_QUESTION} Count for as long as you can."})
        yield running


def send(page: Page, question: str) -> None:
    page.get_by_test_id("stChatInputTextArea").fill(question)
    page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("locale", "question", "sentence"),
    [("en-US", QUESTION_EN, SENTENCE_EN), ("zh-CN", QUESTION_ZH, SENTENCE_ZH)],
)
def test_the_sentence_of_the_model_arrives_with_its_citation(
    open_page: Open, locale: str, question: str, sentence: str
) -> None:
    page = open_page(locale=locale)
    send(page, question)
    answer = page.get_by_test_id("stChatMessage").last
    expect(answer).to_contain_text(re.sub(r" \[1\].", "", sentence))
    expect(answer.locator('a[href^="#source-"]').first).to_have_text("1")


def test_an_answer_that_is_stopped_keeps_what_came_also_over_a_reload(open_page: Open) -> None:
    page = open_page()
    choose(page, "counting")
    expect(page.get_by_role("main").locator("strong")).to_have_text("counting")
    wait_until_drawn(page)  # sent while a page is drawn, Streamlit offers no way to stop
    send(page, LONG_QUESTION)
    answer = page.get_by_test_id("stChatMessage").last
    expect(answer).to_contain_text("one two three")
    page.get_by_test_id("stChatInputStopButton").click()
    expect(answer).to_contain_text("Stopped before the end")
    page.reload()
    expect(answer).to_contain_text("one two three")
    expect(answer).to_contain_text("Stopped before the end")

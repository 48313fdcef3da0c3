"""The page of evaluations: make a test set, measure, look at what went wrong, compare."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import wait_until_drawn
from tests.ui.conftest import Open
from tests.ui.product import Product

QUESTIONS = [
    {"question": "How much does the pump move?", "files": ["pump.md"], "answers": ["12 litres"]},
    {"question": "How long is the warranty?", "files": ["pump.md"], "answers": ["<b>30</b> days"]},
    {"question": "When is basil watered?", "files": ["garden.txt"], "answers": ["in the morning"]},
    {"question": "Who painted the ceiling of the Sistine Chapel?", "kind": "foreign"},
]
SETS = "/knowledge_bases/handbook/test_sets"


@pytest.fixture(autouse=True)
def _no_sets(product: Product) -> Iterator[None]:
    yield
    for test_set in product.api("GET", SETS).json():
        product.api("DELETE", f"{SETS}/{test_set['id']}")


def upload(page: Page, folder: Path) -> None:
    """Make a test set of a file, as a person does."""
    page.get_by_role("button", name="New test set").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the test set").fill("first look")
    path = folder / "questions.json"
    path.write_text(json.dumps(QUESTIONS))
    dialog.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(path)
    expect(dialog.get_by_text("questions.json")).to_be_visible()
    wait_until_drawn(page)
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_have_count(0)


def test_a_person_measures_and_looks_at_what_went_wrong(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/evaluation?kb=handbook")
    expect(page.get_by_text("Make your first test set")).to_be_visible()
    upload(page, tmp_path)
    page.get_by_role("button", name="Measure 4 questions").click()
    figures = page.locator(".zw-figure")
    expect(figures).to_have_count(5)
    expect(figures.nth(3)).to_contain_text("1 of 1 questions that the documents do not answer")
    page.get_by_role("button", name="How long is the warranty?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("does not quote what you expected")).to_be_visible()
    expect(dialog.get_by_text("<b>30</b> days")).to_be_visible()
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="pump.md").first.click()
    assert "/files/handbook/pump.md" in opened.value.url
    opened.value.close()


def test_the_questions_are_downloaded(open_page: Open, product: Product) -> None:
    product.api("POST", SETS, json={"name": "mine", "questions": QUESTIONS})
    page = open_page("/evaluation?kb=handbook")
    page.get_by_role("radio", name="Questions (4)").click()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Download").click()
    assert downloaded.value.suggested_filename == "mine.yaml"
    assert "How much does the pump move?" in downloaded.value.path().read_text("utf-8")


def test_two_runs_are_compared(open_page: Open, tmp_path: Path) -> None:
    page = open_page("/evaluation?kb=handbook")
    upload(page, tmp_path)
    page.get_by_role("button", name="Measure 4 questions").click()
    expect(page.locator(".zw-figure")).to_have_count(5)
    wait_until_drawn(page)
    page.get_by_text("Try other search settings").click()
    field = page.get_by_role("textbox", name="Refuse below this closeness")
    field.fill("1")
    field.press("Enter")
    page.get_by_role("button", name="Measure 4 questions").click()
    expect(page.get_by_text("3 of 3 questions that the documents do answer")).to_be_visible()
    page.get_by_role("radio", name="Compare two runs").click()
    expect(page.locator(".zw-differences").first.locator("tr")).to_have_count(6)
    expect(page.get_by_text("Got worse")).to_be_visible()

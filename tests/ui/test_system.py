"""The system page."""

from playwright.sync_api import expect

from server.version import VERSION
from tests.ui.conftest import Open


def test_it_shows_version_model_and_settings(open_page: Open) -> None:
    page = open_page("/system")
    facts = page.locator(".zw-pairs").first
    expect(facts).to_contain_text(VERSION)
    expect(facts).to_contain_text("all-MiniLM-L6-v2")
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_text("kb.chunk_size")).to_be_visible()

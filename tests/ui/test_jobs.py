"""Work on a knowledge base that takes a while: progress, cancelling, coming back, versions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Open
from tests.ui.product import Product
from tests.ui.test_knowledge_bases import put

PUMP = "The pump P-1 delivers 7 litres a second."


@pytest.fixture
def base(product: Product) -> Iterator[str]:
    """Return a knowledge base with one small file."""
    product.make_kb("pumps", {"pump.txt": PUMP})
    yield "pumps"
    if "pumps" in {kb["name"] for kb in product.api("GET", "/knowledge_bases").json()}:
        product.api("DELETE", "/knowledge_bases/pumps")


def long_files(name: str = "long") -> dict[str, bytes]:
    """Return files with so many chunks that nobody embeds them while a test looks."""
    return {
        f"{name}-{number}.txt": "".join(
            f"Pump {number}-{line} delivers {line * 7} litres.\n\n" for line in range(120_000)
        ).encode()
        for number in range(6)
    }


def open_base(open_page: Open, base: str, **options: str) -> Page:
    return open_page(f"/knowledge_bases?kb={base}", **options)


def add(page: Page, folder: Path, files: dict[str, bytes], label: str | None = None) -> None:
    """Give files to the upload field and press the button."""
    put(page, folder, files)
    words = label or (f"Add {next(iter(files))}" if len(files) == 1 else f"Add {len(files)} files")
    page.get_by_role("button", name=words).click()


def cards(page: Page) -> Locator:
    """Return what is shown of jobs."""
    return page.locator('[class*="st-key-kb_job_"]:has([data-testid="stMarkdown"])')


def choose_from_menu(page: Page, option: str) -> None:
    page.get_by_role("button", name="More").click()
    page.get_by_role("option", name=option).or_(page.get_by_role("menuitem", name=option)).click()


def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(
    open_page: Open, product: Product, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base)
    add(page, tmp_path, long_files())
    expect(page.get_by_role("progressbar")).to_be_visible()
    working = page.locator(".zw-working").filter(has_text="long-0.txt")
    expect(working).to_contain_text(re.compile(r"embedding \d+ of \d{4,}"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Adding was cancelled")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert "long-5.txt" not in product.file_names(base)


def test_work_goes_on_while_the_person_is_elsewhere_and_is_shown_again(
    open_page: Open, product: Product, base: str, tmp_path: Path
) -> None:
    product.forget_conversations()
    page = open_base(open_page, base)
    add(page, tmp_path, long_files())
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("link", name="Ask").click()
    page.get_by_test_id("stChatInputTextArea").fill("How many litres does the pump P-1 deliver?")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    page.goto(f"{product.url}/knowledge_bases?kb={base}")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(".zw-working").first).to_contain_text("long-")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Adding was cancelled")).to_be_visible()


def test_what_is_there_already_is_said(
    open_page: Open, product: Product, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base)
    add(page, tmp_path, {"copy.txt": PUMP.encode()})
    line = page.locator(".zw-outcome")
    expect(line).to_contain_text("added, chunks: 1 · same content as pump.txt")
    page.get_by_role("button", name="Dismiss").click()
    expect(line).to_have_count(0)
    put(page, tmp_path, {"copy.txt": PUMP.encode()})
    page.get_by_text("Replace", exact=True).click()
    page.get_by_role("button", name="Replace copy.txt").click()
    expect(line).to_contain_text("unchanged: the same content is there already")
    assert product.file_names(base) == {"pump.txt", "copy.txt"}


def test_failures_are_found_again_later(
    open_page: Open, product: Product, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base)
    add(page, tmp_path, {"empty.txt": b"", "good.txt": b"Words."})
    expect(page.locator(".zw-refused")).to_contain_text("empty.txt")
    page.reload()
    choose_from_menu(page, "Earlier tasks")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".zw-refused")).to_contain_text("holds no text")
    expect(dialog).to_contain_text("Not all documents were added")


def test_a_dialog_stays_open_when_work_ends(
    open_page: Open, product: Product, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base)
    add(page, tmp_path, long_files())
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="pump.txt").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Chunks").click()
    (job,) = product.api("GET", "/jobs?active=true").json()
    product.api("POST", f"/jobs/{job['id']}/cancel")
    # Only the page's own tick takes away what showed the work; the dialog must outlive that.
    expect(page.get_by_role("progressbar", include_hidden=True)).to_have_count(0)
    expect(dialog.locator(".zw-chunk")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Adding was cancelled")).to_be_visible()


def test_all_files_are_read_again_with_other_chunks(
    open_page: Open, product: Product, base: str
) -> None:
    page = open_base(open_page, base)
    choose_from_menu(page, "Read all files again")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Reads every file of pumps again (files: 1)")
    dialog.get_by_text("Advanced").click()
    dialog.get_by_label("Characters of a chunk").fill("20")
    dialog.get_by_label("Characters shared by neighbours").fill("0")
    dialog.get_by_role("button", name="Start").click()
    expect(page.get_by_text("All files were read again")).to_be_visible()
    (file,) = product.api("GET", f"/knowledge_bases/{base}/files").json()
    assert file["chunks"] > 1


def test_an_earlier_version_is_downloaded_and_comes_back(
    open_page: Open, product: Product, base: str
) -> None:
    product.api(
        "POST",
        f"/knowledge_bases/{base}/files",
        files={"files": ("pump.txt", b"The pump P-1 delivers 9 litres.")},
        data={"override": "true"},
    )
    page = open_base(open_page, base)
    page.get_by_role("button", name="pump.txt").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Versions").click()
    rows = dialog.locator(".st-key-kb_versions")
    expect(rows).to_contain_text(re.compile("Version 2 · current.*Version 1", re.DOTALL))
    first = dialog.locator('a[href*="version=1"]').filter(visible=True)
    address = first.get_attribute("href")
    assert page.request.get(f"{product.url}{address}").text() == PUMP
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog.get_by_test_id("stAlert")).to_contain_text("is back as version 3")
    expect(rows).to_contain_text("Version 3 · current")
    dialog.get_by_role("tab", name="Text").click()
    expect(dialog.locator(".zw-text").first).to_have_text(PUMP)
    text = product.api("GET", f"/knowledge_bases/{base}/files/pump.txt/text").json()["text"]
    assert text == PUMP


def test_work_and_versions_fit_on_a_phone(
    open_page: Open, product: Product, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base, locale="zh-CN")
    page.set_viewport_size({"width": 390, "height": 1200})
    add(page, tmp_path, long_files("很长的文件名" * 12), "添加 6 个文件")
    expect(page.locator(".zw-working").first).to_contain_text("正在")
    assert fits(page.locator('[data-testid="stMain"]'))
    page.get_by_role("button", name="取消").click()
    expect(page.get_by_text("添加已取消")).to_be_visible()
    page.get_by_role("button", name="pump.txt").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("tab", name="版本").click()
    expect(dialog).to_contain_text("没有更早的版本")
    assert fits(dialog)


def fits(place: Locator) -> bool:
    """Return whether nothing sticks out at the right."""
    return bool(place.evaluate("e => e.scrollWidth <= e.clientWidth"))

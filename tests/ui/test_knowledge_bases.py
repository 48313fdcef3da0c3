"""The page of the knowledge bases: create, upload, look, download, delete."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import wait_until_drawn
from tests.ui.conftest import Open, choose
from tests.ui.product import Product


@pytest.fixture
def base(product: Product) -> Iterator[str]:
    """Return a knowledge base with two files."""
    files = {"valve.txt": "The valve V-9 opens at 3 bar.", "阀门.txt": "阀门 V-9 在 3 巴时打开。"}
    product.make_kb("valves", files)
    yield "valves"
    if "valves" in {kb["name"] for kb in product.api("GET", "/knowledge_bases").json()}:
        product.api("DELETE", "/knowledge_bases/valves")


def open_base(open_page: Open, name: str, **options: str) -> Page:
    return open_page(f"/knowledge_bases?kb={name}", **options)


def put(page: Page, folder: Path, files: dict[str, bytes]) -> None:
    """Give files to the upload field."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    field = page.get_by_test_id("stFileUploaderDropzoneInput")
    field.set_input_files([folder / name for name in files])


def pick(page: Page, name: str) -> None:
    """Tick the box before a file."""
    page.get_by_role("checkbox", name=f"Select {name}").locator("xpath=ancestor::label").click()


def test_a_person_creates_a_base_uploads_a_document_and_asks(
    open_page: Open, product: Product, tmp_path: Path
) -> None:
    product.forget_conversations()
    page = open_page("/knowledge_bases")
    page.get_by_role("button", name="New knowledge base").click()
    page.get_by_role("dialog").get_by_role("textbox", name="Name", exact=True).fill("boilers")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("boilers is ready")).to_be_visible()
    wait_until_drawn(page)  # the field for files of the base before is there until then
    put(
        page, tmp_path, {"boiler.txt": b"The boiler B-7 is descaled every 14 weeks by the janitor."}
    )
    page.get_by_role("button", name="Add boiler.txt").click()
    expect(page.locator(".zw-added")).to_contain_text("boiler.txt")
    page.get_by_role("button", name="Ask a question").click()
    expect(page.get_by_role("main").get_by_role("combobox").first).to_have_value("boilers")
    assert product.api("GET", "/conversations").json() == []
    page.get_by_test_id("stChatInputTextArea").fill("How often is the boiler B-7 descaled?")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("14 weeks")
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(0)
    expect(page.get_by_role("main").get_by_role("combobox").first).to_have_value("boilers")
    product.api("DELETE", "/knowledge_bases/boilers")


def test_each_file_of_an_upload_tells_its_own_error(
    open_page: Open, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base, locale="zh-CN")
    put(page, tmp_path, {"好.txt": "正文。".encode(), "empty.txt": b"", "tool.exe": b"MZ"})
    page.get_by_role("button", name="添加 3 个文件").click()
    expect(page.locator(".zw-added")).to_contain_text("好.txt")
    refused = page.locator(".zw-refused")
    expect(refused).to_have_count(2)
    expect(refused.nth(0)).to_contain_text("没有任何文字")
    expect(refused.nth(1)).to_contain_text("支持的格式")


def test_a_file_that_is_too_large_is_refused_in_the_language_of_the_person(
    open_page: Open, base: str, tmp_path: Path
) -> None:
    page = open_base(open_page, base, locale="zh-CN")
    large = tmp_path / "large.txt"
    with large.open("wb") as stream:
        stream.truncate(100 * 1024**2 + 1)  # without blocks on the disk; nothing of it is sent
    refusal = page.get_by_text("标红的文件未被接收：超过 100 MB")
    expect(refusal).to_be_hidden()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(large)
    expect(refusal).to_be_visible()


@pytest.mark.parametrize(
    ("choice", "button", "note", "text"),
    [
        ("Keep what is there", "Add nothing", "Kept as before: valve.txt", "3 bar"),
        ("Replace", "Replace valve.txt", "valve.txt replaced, chunks: 1", "8 bar"),
    ],
)
def test_a_taken_name_is_asked_about_before_it_is_replaced(
    open_page: Open,
    product: Product,
    base: str,
    tmp_path: Path,
    choice: str,
    button: str,
    note: str,
    text: str,
) -> None:
    page = open_base(open_page, base)
    put(page, tmp_path, {"valve.txt": b"The valve V-9 opens at 8 bar."})
    expect(page.get_by_test_id("stAlert")).to_contain_text("valve.txt")
    page.get_by_text(choice, exact=True).click()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("main")).to_contain_text(note)
    stored = product.api("GET", f"/knowledge_bases/{base}/files/valve.txt/text").json()
    assert text in stored["text"]


def test_a_file_shows_its_text_and_its_chunks(open_page: Open, base: str) -> None:
    page = open_base(open_page, base)
    page.get_by_role("button", name="valve.txt").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".zw-text").first).to_have_text("The valve V-9 opens at 3 bar.")
    dialog.get_by_role("tab", name="Chunks").click()
    expect(dialog.locator(".zw-chunk")).to_contain_text("Chunk 1")


def test_the_chunks_of_a_large_file_are_shown_a_page_at_a_time(
    open_page: Open, product: Product, base: str
) -> None:
    text = "\n\n".join(f"# Valve {number}\n\n" + "It opens. " * 40 for number in range(1, 31))
    product.make_kb(base, {"valves.md": text})
    page = open_base(open_page, base)
    page.get_by_role("button", name="valves.md").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Chunks").click()
    expect(dialog.locator(".zw-chunk")).to_have_count(20)
    dialog.get_by_role("button", name="Page 2").click()
    expect(dialog.locator(".zw-chunk").first).to_contain_text("Chunk 21")


def test_a_file_is_downloaded_as_it_was_uploaded(
    open_page: Open, product: Product, base: str
) -> None:
    page = open_base(open_page, base)
    address = page.locator('.st-key-kb_files a[href*="valve.txt"]').first.get_attribute("href")
    answer = page.request.get(f"{product.url}{address}")
    assert answer.text() == "The valve V-9 opens at 3 bar."
    assert answer.headers["content-disposition"].startswith("attachment")


def test_deleting_files_names_their_count_first(
    open_page: Open, product: Product, base: str
) -> None:
    page = open_base(open_page, base)
    pick(page, "valve.txt")
    pick(page, "阀门.txt")
    page.get_by_role("button", name="Delete 2 files").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 2 of the files in valves?")
    assert len(product.file_names(base)) == 2
    dialog.get_by_role("button", name="Delete 2 files").click()
    expect(page.get_by_text("Deleted: 2")).to_be_visible()
    assert product.file_names(base) == set()


def test_after_deleting_all_of_a_page_the_next_files_are_not_ticked(
    open_page: Open, product: Product, base: str
) -> None:
    product.make_kb(base, {f"{number:02}.txt": f"Number {number}." for number in range(22)})
    page = open_base(open_page, base)
    pick(page, "all on this page")
    page.get_by_role("button", name="Delete 20 files").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete 20 files").click()
    expect(page.get_by_text("Deleted: 20")).to_be_visible()
    ticked = page.get_by_role("checkbox", checked=True)
    expect(page.get_by_role("checkbox", name="Select 21.txt")).to_be_attached()
    expect(ticked).to_have_count(0)


def test_a_file_that_somebody_else_deleted_does_not_stop_the_others_going(
    open_page: Open, product: Product, base: str
) -> None:
    page = open_base(open_page, base)
    pick(page, "valve.txt")
    pick(page, "阀门.txt")
    page.get_by_role("button", name="Delete 2 files").click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="Delete 2 files")
    expect(confirm).to_be_visible()
    product.api("DELETE", f"/knowledge_bases/{base}/files/valve.txt")
    confirm.click()
    expect(page.get_by_text("Deleted: 2")).to_be_visible()
    assert product.file_names(base) == set()


def test_names_of_files_are_read_on_a_phone(open_page: Open, base: str) -> None:
    page = open_base(open_page, base)
    page.set_viewport_size({"width": 390, "height": 1200})
    name = page.get_by_role("button", name="valve.txt")
    expect(name).to_be_in_viewport(ratio=1)
    download = page.locator('.st-key-kb_files a[href*="valve.txt"]')
    expect(download.filter(visible=True)).to_be_in_viewport(ratio=1)
    assert page.locator(".st-key-kb_files").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_deleting_can_be_cancelled(open_page: Open, product: Product, base: str) -> None:
    page = open_base(open_page, base)
    pick(page, "valve.txt")
    page.get_by_role("button", name="Delete 1 file").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "valve.txt" in product.file_names(base)


def test_deleting_a_base_names_it_first(open_page: Open, product: Product, base: str) -> None:
    page = open_base(open_page, base)
    page.get_by_role("button", name="Delete valves").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete valves with everything in it (files: 2)?")
    dialog.get_by_role("button", name="Delete valves").click()
    expect(page.get_by_text("valves was deleted.")).to_be_visible()
    assert base not in {kb["name"] for kb in product.api("GET", "/knowledge_bases").json()}


@pytest.mark.parametrize(
    ("query", "file"), [("When does the valve open?", "valve.txt"), ("阀门何时打开", "阀门.txt")]
)
def test_a_search_shows_hits_with_scores(open_page: Open, base: str, query: str, file: str) -> None:
    page = open_base(open_page, base)
    page.get_by_role("tab", name="Search").click()
    page.get_by_role("textbox", name="Question or words").fill(query)
    page.keyboard.press("Enter")
    first = page.locator(".zw-chunk").first
    expect(first).to_contain_text(file)
    expect(first).to_contain_text("relevance")


def test_the_page_says_how_chinese_is_searched(open_page: Open, base: str) -> None:
    page = open_base(open_page, base)
    expect(page.get_by_text("Chinese by words")).to_be_visible()


def test_another_base_can_be_chosen(open_page: Open, base: str) -> None:
    page = open_base(open_page, base)
    choose(page, "handbook (3)")
    expect(page.get_by_role("button", name="pump.md")).to_be_visible()
    expect(page).to_have_url(re.compile("kb=handbook"))

"""Answers that a language model writes: what they may do, and what one may do meanwhile."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.endpoint import Endpoint, serve
from tests.e2e.processes import new_place
from tests.ui.browser import wait_until_drawn
from tests.ui.conftest import Open
from tests.ui.product import Product, run_product

KEY = "a-key-for-the-browser-tests"
QUESTION = "What is the password of the safe?"
HOSTILE = r"""It is known [1]. \`![a](/logout)` ``` ![b](/logout) ![1]

<img src="/logout" onerror="window.__pwn=1"><script>window.__pwn=2</script>

[c](javascript:window.__pwn=3) $$
```
$$
![d](/logout)
```

```rust
vec![1];
```
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serve(Endpoint()) as serving:
        yield serving


@pytest.fixture(scope="module")
def product(
    browser: Browser, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """Return a product that needs a key, with a model that says what a test tells it to."""
    place = new_place(
        tmp_path_factory.mktemp("written"),
        ZHIWEN_UI__HOST="0.0.0.0",
        ZHIWEN_API_KEY=KEY,
        ZHIWEN_LLM__BASE_URL=endpoint.url,
        ZHIWEN_KB__CREATE_SAMPLES="false",
    )
    with run_product(place, KEY) as running:
        running.make_kb("secrets", {"secret.txt": "The password of the safe is swordfish."})
        yield running


def ask(page: Page) -> None:
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()
    wait_until_drawn(page)  # sent while a page is drawn, Streamlit offers no way to stop
    page.get_by_test_id("stChatInputTextArea").fill(QUESTION)
    page.keyboard.press("Enter")


def test_what_a_model_writes_loads_nothing_runs_nothing_and_logs_nobody_out(
    open_page: Open, endpoint: Endpoint
) -> None:
    endpoint.pieces = HOSTILE.splitlines(keepends=True)
    page = open_page(f"/login?key={KEY}")
    ask(page)
    answer = page.get_by_test_id("stChatMessage").last
    code = answer.locator('[class*="st-key-chat_answer_"]').get_by_test_id("stCode").last
    expect(code).to_have_text("vec![1];")
    expect(answer.locator('img, script, a[href^="javascript:"]')).to_have_count(0)
    assert page.evaluate("window.__pwn") is None
    page.reload()
    expect(answer).to_contain_text("It is known")


def test_what_the_source_does_not_hold_is_named_under_the_answer(
    open_page: Open, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["It is swordfish [1]. It has 77 letters, “<b>all of them in gold</b>” [1]."]
    page = open_page(f"/login?key={KEY}")
    ask(page)
    findings = page.get_by_test_id("stChatMessage").last.locator(".zw-findings")
    expect(findings.locator("li")).to_have_count(2)
    expect(findings).to_contain_text("This quotation is not in source [1]: “<b>all of them in gold")
    expect(findings).to_contain_text("77 is not in source [1]")
    expect(findings.locator("b")).to_have_count(0)


def test_copying_and_citations_of_older_answers_leave_the_one_being_written_alone(
    open_page: Open, endpoint: Endpoint
) -> None:
    endpoint.pieces = ["First [1]."]
    page = open_page(f"/login?key={KEY}")
    ask(page)
    expect(page.locator('a[href^="#copy-"]')).to_have_count(1)
    endpoint.pieces, endpoint.pause_s = ["Second. ", *["more "] * 60, "finished [1]."], 0.05
    ask(page)
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("Second")
    page.locator('a[href^="#copy-"]').first.click()
    expect(page.get_by_text("Copied")).to_be_visible()
    page.locator('a[href^="#source-"]').first.click()
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("finished")
    expect(page.locator('a[href^="#copy-"]')).to_have_count(2)
    expect(page.get_by_role("dialog")).to_have_count(0)
    endpoint.pause_s = 0.0

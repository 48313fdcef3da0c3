from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from server.schemas.native import CreateKnowledgeBase, FileText, Quotation, Source
from tests.unit.webui_pages.conftest import add
from webui_pages.chat_source import find_window, page_of
from webui_pages.client import ApiClient

SCRIPT = """
from webui_pages.chat_source import draw_passage
from webui_pages.client import ApiClient
client = ApiClient({url!r})
draw_passage(client, client.search("long", "Where is the heron?", top_k=1).hits[0])
"""
LINES = "".join(f"Line {number} of many others.\n\n" for number in range(100))


@pytest.fixture
def panel(api: str) -> Iterator[AppTest]:
    """Return the passage of a source in the middle of a document, not drawn yet."""
    client = ApiClient(api)
    client.create_knowledge_base(CreateKnowledgeBase(name="long", chunk_size=100, chunk_overlap=0))
    add(client, "long", {"long.txt": f"{LINES}The heron nests here.\n\n{LINES}".encode()})
    yield AppTest.from_string(SCRIPT.format(url=api), default_timeout=60)
    client.delete_knowledge_base("long")


def body(panel: AppTest) -> str:
    return "".join(element.proto.body for element in panel.get("html"))


def test_a_passage_is_marked_in_the_text_around_it(panel: AppTest) -> None:
    panel.run()
    assert not panel.exception
    assert "The heron nests here." in body(panel).partition('<mark class="zw-')[2]
    assert "Line 99 of" in body(panel)
    assert "Line 50 of" not in body(panel)


def test_a_whole_document_is_shown_on_demand(panel: AppTest) -> None:
    panel.run().toggle[0].set_value(True).run()
    assert body(panel).count("Line 0 of") == 2
    assert not panel.caption


def test_a_document_that_is_cut_is_said_to_be(
    panel: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui_pages.chat_source.MAX_CHARS", 1000)
    panel.run().toggle[0].set_value(True).run()
    assert "too long to be shown whole" in panel.caption[0].value


def test_the_page_of_a_source_is_that_of_its_quotation(client: ApiClient) -> None:
    found = client.search("docs", "rear air filter", top_k=1).hits[0]
    source = found.model_copy(update={"page": 3})
    quote = Quotation(text="x", start=source.start, end=source.start + 1, page=4)
    assert page_of(source) == 3
    assert page_of(source.model_copy(update={"quotes": [quote]})) == 4


@pytest.mark.parametrize(("name", "end"), [("book.PDF", "?view=1#page=3"), ("book.md", "?view=1")])
def test_a_pdf_opens_at_the_page_of_the_source(client: ApiClient, name: str, end: str) -> None:
    found = client.search("docs", "rear air filter", top_k=1).hits[0]
    source = found.model_copy(update={"page": 3, "file_name": name})

    def draw(source: "Source") -> None:
        from webui_pages.chat_source import draw_links

        draw_links(source)

    app = AppTest.from_function(draw, args=(source,)).run()
    assert app.get("link_button")[0].proto.url.endswith(end)


@pytest.mark.parametrize(
    ("text", "start", "shown"),
    [
        ("whole", 0, "whole"),
        ("cut\nfrom here", 7, "from here"),
        ("no line to begin at", 7, "no line to begin at"),
    ],
)
def test_a_part_begins_with_a_whole_line(text: str, start: int, shown: str) -> None:
    part = FileText(name="a", title="a", text=text, start=start, length=start + len(text))
    first, last = find_window(part)
    assert text[first:last] == shown

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from server.knowledge_base.loaders import LOADERS
from server.knowledge_base.rendering import find_renderer
from server.schemas.native import CreateKnowledgeBase, FileText, Quotation, Source
from tests.unit.knowledge_base.loaders.makers import make_pdf
from tests.unit.webui_pages.conftest import add
from webui_pages.chat_page import PAGED, can_show_page
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


VIEW = """
from webui_pages.chat_source import draw_view
from webui_pages.client import ApiClient
client = ApiClient({url!r})
source = client.search("pages", "Where is the heron?", top_k=1).hits[0]
draw_view(client, source.model_copy(update={{"page": 2}}))
"""
HERON = "The heron nests here, above the old mill."


@pytest.fixture
def view(api: str) -> Iterator[AppTest]:
    """Return the view of a source on the second of three pages of a PDF, not drawn yet."""
    client = ApiClient(api)
    client.create_knowledge_base(CreateKnowledgeBase(name="pages"))
    add(client, "pages", {"a <b> 'c'.pdf": make_book("The mill is old.", HERON, "The end of it.")})
    yield AppTest.from_string(VIEW.format(url=api), default_timeout=60)
    client.delete_knowledge_base("pages")


def show_page(view: AppTest) -> AppTest:
    return view.run().get("button_group")[0].set_value("page").run()


def make_book(*texts: str) -> bytes:
    return make_pdf([[(72.0, 700.0, 11.0, text)] for text in texts])


def test_the_page_of_a_source_is_shown_on_demand(view: AppTest) -> None:
    assert "zw-page" not in body(view.run())
    show_page(view)
    assert not view.exception
    address = "/files/pages/a%20%3Cb%3E%20%27c%27.pdf?page=2"
    assert f'<img src="{address}" alt="Page 2 of a &lt;b&gt; &#x27;c&#x27;.pdf"' in body(view)
    assert "zw-document" not in body(view)
    assert [caption.value for caption in view.caption] == ["Page 2 of 3"]
    assert not [*view.info, *view.warning]


def test_the_pages_around_it_can_be_turned_to(view: AppTest, client: ApiClient) -> None:
    show_page(view)
    source = client.search("pages", "Where is the heron?", top_k=1).hits[0]
    view.session_state[f"chat_page_{source.chunk_id}_2"] = 3
    view.run()
    assert "?page=3" in body(view)
    assert view.caption[0].value == "Page 3 of 3 · the source is on page 2"


def test_a_page_that_is_gone_says_so(view: AppTest, client: ApiClient) -> None:
    found = client.search("pages", "Where is the heron?", top_k=1).hits[0]
    shown = AppTest.from_function(draw_gone, args=(client.url, found), default_timeout=60).run()
    assert "no page 9: it has 3" in shown.warning[0].value.replace("\\", "")
    assert "zw-page" not in body(shown)
    assert not shown.get("pagination")


def draw_gone(url: str, source: "Source") -> None:
    from webui_pages.chat_page import draw_page
    from webui_pages.client import ApiClient

    draw_page(ApiClient(url), source, 9)


def test_the_page_of_a_document_that_has_changed_says_so(view: AppTest, client: ApiClient) -> None:
    found = client.search("pages", "Where is the heron?", top_k=1).hits[0]
    changed = found.model_copy(update={"text": "Another text."})

    def draw(url: str, source: "Source") -> None:
        from webui_pages.chat_page import draw_page
        from webui_pages.client import ApiClient

        draw_page(ApiClient(url), source, 2)

    shown = AppTest.from_function(draw, args=(client.url, changed), default_timeout=60).run()
    assert "has changed" in shown.info[0].value
    assert "?page=2" in body(shown)


def test_a_source_of_another_format_has_no_page(panel: AppTest, client: ApiClient) -> None:
    found = client.search("long", "Where is the heron?", top_k=1).hits[0]
    assert not can_show_page(found)
    assert can_show_page(found.model_copy(update={"file_name": "photo.JPG"}))


def test_formats_with_pages_are_those_that_the_api_draws() -> None:
    assert set(PAGED) == {extension for extension in LOADERS if find_renderer(f"a{extension}")}

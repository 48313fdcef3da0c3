from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from tests.unit.webui_pages.conftest import filled_api, wait_for
from webui_pages import session
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_files import spoken
from webui_pages.knowledge_bases_upload import portions, shorten

SCRIPT = """
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from webui_pages.knowledge_bases import show

show()
st.session_state.kept = get_script_run_ctx().uploaded_file_mgr.get_stats()
"""


@pytest.fixture
def page(api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("ZHIWEN_UI__API_URL", api)
    session.settings.cache_clear()
    drawn = AppTest.from_string(SCRIPT, default_timeout=60)
    drawn.query_params["kb"] = "docs"
    yield drawn.run()
    session.settings.cache_clear()


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def test_it_lists_the_files(page: AppTest) -> None:
    assert not page.exception
    assert "manual\\.md" in labels(page)


def test_a_name_that_holds_markup_shows_as_it_is(page: AppTest) -> None:
    assert "trap \\<b\\>\\.txt" in labels(page)


def test_an_upload_leaves_no_bytes_in_the_ui(page: AppTest, client: ApiClient) -> None:
    page.file_uploader[0].upload("added.txt", b"Words.").upload("empty.txt", b"").run()
    assert page.session_state.kept
    next(button for button in page.button if button.label == "Add 2 files").click().run()
    assert not page.session_state.kept
    (job,) = client.jobs("docs", limit=1)
    assert (wait_for(client, job).done, job.total) == (1, 2)
    client.delete_file("docs", "added.txt")


def test_work_that_runs_is_shown_and_then_how_it_ended(page: AppTest, client: ApiClient) -> None:
    page.file_uploader[0].upload("more.txt", b"Words.").upload("empty.txt", b"").run()
    next(button for button in page.button if button.label == "Add 2 files").click().run()
    wait_for(client, client.jobs("docs", limit=1)[0])
    page.run()
    assert "**Not all documents were added**" in {text.value for text in page.markdown}
    next(button for button in page.button if button.label == "Dismiss").click().run()
    assert not page.exception
    assert "Dismiss" not in labels(page)
    client.delete_file("docs", "more.txt")


def test_what_lies_in_content_and_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled_api(tmp_path) as url:
        client = ApiClient(url)
        content = next(tmp_path.rglob("docs/content"))
        (content / "manual.md").write_text(" ")
        (content / "broken.docx").write_text("no document")
        scanned = httpx.post(f"{url}/api/v1/knowledge_bases/docs/scan", trust_env=False).json()
        for job in scanned["jobs"]:
            wait_for(client, client.job(job))
        monkeypatch.setenv("ZHIWEN_UI__API_URL", url)
        session.settings.cache_clear()
        drawn = AppTest.from_string(SCRIPT, default_timeout=60)
        drawn.query_params["kb"] = "docs"
        drawn.run()
        assert not drawn.exception
        words = " ".join(found.value for found in drawn.markdown)
        assert "2 files in content/ could not be read" in words
        assert "newer version not read" in words
        shown = " ".join(found.proto.body for found in drawn.get("html"))
        assert "broken.docx" in shown
        assert "manual.md" in shown
    session.settings.cache_clear()


def make_upload(size: int) -> UploadedFile:
    record = UploadedFileRec(file_id="1", name="a.txt", type="text/plain", data=bytes(size))
    return UploadedFile(record, FileURLs())


def test_files_are_sent_in_portions_that_the_api_takes(client: ApiClient) -> None:
    status = client.status().model_copy(update={"max_upload_mb": 1})
    status.settings["server"]["max_files_per_upload"] = 3
    sizes = [10, 10, 10, 10, 900_000, 200_000, 2_000_000, 10]
    sent = list(portions([make_upload(size) for size in sizes], status))
    assert [[file.size for file in portion] for portion in sent] == [
        [10, 10, 10],
        [10, 900_000],
        [200_000],
        [2_000_000],
        [10],
    ]


def test_the_first_step_of_all_is_a_knowledge_base() -> None:
    script = (
        "from webui_pages.client import ApiClient\n"
        "from webui_pages.knowledge_bases import show_first_steps\n"
        "show_first_steps(ApiClient('http://127.0.0.1:9'))"
    )
    page = AppTest.from_string(script).run()
    assert not page.exception
    assert labels(page) == ["New knowledge base"]


@pytest.mark.parametrize(
    ("known", "claim"),
    [
        ({"en", "zh"}, "English and Chinese are searched by meaning"),
        ({"en"}, "Chinese by words"),
        ({"zh"}, "English by words"),
        (set(), "no embedding model"),
    ],
)
def test_the_languages_of_the_embedding_model_are_explained(known: set[str], claim: str) -> None:
    script = (
        "import streamlit as st\n"
        "from webui_pages.knowledge_bases import describe_languages\n"
        f"st.text(describe_languages({known!r}))"
    )
    assert claim in AppTest.from_string(script).run().text[0].value


def test_a_spoken_name_holds_no_markup() -> None:
    assert spoken("![x](a_b).md 手册-1") == "  x  a_b .md 手册-1"


def test_many_names_are_cut_short() -> None:
    assert shorten(["a", "b", "c", "d", "e", "f", "g"]).startswith("a, b, c, d, e, and 2 more")

import pytest
from streamlit.testing.v1 import AppTest

from tests.unit.webui_pages.conftest import add
from webui_pages import session
from webui_pages.client import ApiClient

SCRIPT = """
import streamlit as st
from tests.unit.webui_pages.test_job_words import make_job
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_jobs import show_active, watch

watch(make_job(queued=2, done=1))
show_active(ApiClient("http://127.0.0.1:9"), "docs")
"""

ENDED = """
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_jobs import show_ended

client = ApiClient({api!r})
show_ended(client, client.job({job!r}), {{}})
"""

JUST_ENDED = """
import io
import streamlit as st
from tests.unit.webui_pages.conftest import wait_for
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases import show_base
from webui_pages.knowledge_bases_jobs import watch

class Late(ApiClient):
    def jobs(self, *arguments, **options):
        watch(job := self.add_files("docs", [("late.txt", io.BytesIO(b"Words."))]))
        wait_for(self, job)
        return super().jobs(*arguments, **options)

client = Late({api!r})
(base,) = [item for item in client.knowledge_bases() if item.name == "docs"]
show_base(client, base)
"""


def test_each_file_is_told_once_failures_first_and_the_formats_once(client: ApiClient) -> None:
    good = {f"many{number:02}.txt": b"Words." for number in range(19)}
    job = add(client, "docs", {**good, "empty.txt": b" ", "a.xyz": b"?", "b.xyz": b"?"})
    for name in good:
        client.delete_file("docs", name)
    page = AppTest.from_string(ENDED.format(api=client.url, job=job.id), default_timeout=60).run()
    assert not page.exception
    drawn = "".join(element.proto.body for element in page.get("html"))
    names = ("a.xyz", "b.xyz", "empty.txt")
    assert [drawn.count(name) for name in names] == [1, 1, 1]
    assert max(map(drawn.index, names)) < drawn.index("many00.txt")
    assert "many16.txt" in drawn
    assert "many17.txt" not in drawn
    assert drawn.count(".docx") == 1


def test_work_stays_in_view_while_the_api_is_away() -> None:
    page = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not page.exception
    assert "does not answer" in page.warning[0].value
    assert "1 of 3 files" in "".join(element.proto.body for element in page.get("html"))


def test_a_job_that_ends_while_the_page_is_drawn_is_told_with_its_files(
    api: str, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIWEN_UI__API_URL", api)
    session.settings.cache_clear()
    page = AppTest.from_string(JUST_ENDED.format(api=client.url), default_timeout=60).run()
    client.delete_file("docs", "late.txt")
    session.settings.cache_clear()
    assert not page.exception
    drawn = "".join(element.proto.body for element in page.get("html"))
    assert "added, chunks: 1" in drawn
    assert any("late" in button.label for button in page.button)

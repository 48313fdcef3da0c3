from streamlit.testing.v1 import AppTest

SCRIPT = """
import streamlit as st
from tests.unit.webui_pages.test_job_words import make_job
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_jobs import show_active, watch

watch(make_job(queued=2, done=1))
show_active(ApiClient("http://127.0.0.1:9"), "docs")
"""


def test_work_stays_in_view_while_the_api_is_away() -> None:
    page = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not page.exception
    assert "does not answer" in page.warning[0].value
    assert "1 of 3 files" in "".join(element.proto.body for element in page.get("html"))

"""The forms of a new knowledge base and of reading its files again."""

from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from configs.settings import SplitterName
from server.schemas.native import CreateKnowledgeBase, KnowledgeBase
from tests.unit.webui_pages.conftest import add, wait_for
from webui_pages.client import ApiClient

CREATE = """
import streamlit as st
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_create import ask

st.session_state.language = {language!r}
ask(ApiClient({api!r}))
"""
REINDEX = """
from webui_pages.client import ApiClient
from webui_pages.knowledge_bases_reindex import ask

client = ApiClient({api!r})
ask(client, next(base for base in client.knowledge_bases() if base.name == "cut"))
"""


def find(client: ApiClient, name: str) -> KnowledgeBase:
    return next(base for base in client.knowledge_bases() if base.name == name)


def splitter_of(page: AppTest, label: str) -> Selectbox:
    return next(box for box in page.selectbox if box.label == label)


@pytest.mark.parametrize(
    ("language", "label", "option"),
    [
        ("en", "How documents are split", "by whole sentences (sentence)"),
        ("zh", "分块方式", "按完整句子（sentence）"),
    ],
)
def test_a_new_knowledge_base_offers_all_splitters(
    api: str, language: str, label: str, option: str
) -> None:
    page = AppTest.from_string(CREATE.format(api=api, language=language), default_timeout=60).run()
    assert not page.exception
    box = splitter_of(page, label)
    assert len(box.options) == len(get_args(SplitterName))
    assert option in box.options
    assert box.value == "recursive"


def test_a_knowledge_base_gets_the_splitter_that_was_chosen(api: str, client: ApiClient) -> None:
    page = AppTest.from_string(CREATE.format(api=api, language="en"), default_timeout=60).run()
    page.text_input[0].input("by sentences")
    splitter_of(page, "How documents are split").select("sentence")
    page.checkbox[0].check()
    next(button for button in page.button if button.label == "Create").click().run()
    try:
        made = find(client, "by sentences")
        assert (made.splitter, made.zh_title_enhance) == ("sentence", True)
    finally:
        client.delete_knowledge_base("by sentences")


def test_reading_again_takes_another_splitter(api: str, client: ApiClient) -> None:
    client.create_knowledge_base(CreateKnowledgeBase(name="cut", splitter="table"))
    try:
        add(client, "cut", {"a.md": b"# A\n\nSome text.\n"})
        page = AppTest.from_string(REINDEX.format(api=api), default_timeout=60).run()
        assert not page.exception
        box = splitter_of(page, "How documents are split")
        assert box.value == "table"
        box.select("markdown")
        page.button[0].click().run()
        wait_for(client, client.jobs("cut", limit=1)[0])
        assert find(client, "cut").splitter == "markdown"
    finally:
        client.delete_knowledge_base("cut")

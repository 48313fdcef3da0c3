from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from configs import ROOT
from server.schemas.native import CreateKnowledgeBase
from tests.api.endpoint import Endpoint, serve
from tests.unit.webui_pages.conftest import KEY, add, filled_api
from webui_pages import session
from webui_pages.client import ApiClient

SCRIPT = ROOT / "webui_pages" / "script.py"
QUESTION = "How often is the rear air filter replaced?"


@pytest.fixture
def app(api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    yield open_app(api, monkeypatch)
    session.settings.cache_clear()


def open_app(url: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return the UI over an API, not drawn yet."""
    monkeypatch.setenv("ZHIWEN_UI__API_URL", url)
    monkeypatch.setenv("ZHIWEN_KB__DEFAULT", "docs")
    session.settings.cache_clear()
    return AppTest.from_file(SCRIPT, default_timeout=60)


def ask(app: AppTest, question: str) -> AppTest:
    app.chat_input[0].set_value(question).run()
    assert not app.exception
    return app


def html_of(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def button(app: AppTest, label: str) -> Any:
    return next(found for found in app.button if found.label == label)


def test_an_empty_chat_greets(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert [title.value for title in app.title] == ["What would you like to know?"]


def test_an_answer_cites_its_source(app: AppTest) -> None:
    ask(app.run(), QUESTION)
    assert "replaced every six months. <a href=" in html_of(app).replace("  ", " ")
    assert any("manual\\.md" in line.value for line in app.markdown)


def test_footnote_marks_of_a_quoted_document_open_no_source(app: AppTest, api: str) -> None:
    client = ApiClient(api)
    client.create_knowledge_base(CreateKnowledgeBase(name="footnotes"))
    add(
        client,
        "footnotes",
        {
            "nitrate.md": b"Rinse the bottle three times.[2] The holding time for nitrate is "
            b"48 hours at 4 degrees.[3]\n",
            "other.md": b"The holding time for metals is six months.\n",
            "third.md": b"Nitrate samples are kept cold in the dark.\n",
        },
    )
    app.query_params["c"] = client.create_conversation("footnotes").id
    ask(app.run(), "What is the holding time for nitrate at 4 degrees?")
    message = client.conversation(str(app.query_params["c"])).items[0]
    client.delete_knowledge_base("footnotes")
    assert "48 hours at 4 degrees.〔3〕 [" in message.answer
    assert "[3]" not in message.answer
    quoted = {source.number for source in message.sources if source.quotes}
    [listed] = [line.value for line in app.markdown if "#source-" in line.value]
    assert len(listed.splitlines()) == len(quoted) < len(message.sources)


def test_nothing_in_a_quoted_document_takes_effect(app: AppTest) -> None:
    ask(app.run(), "What is the zebra password?")
    answer = html_of(app)
    assert "&lt;script&gt;window.__pwn=1&lt;/script&gt; ![x](http://evil.example/x.png)" in answer
    assert "<script>" not in answer
    assert not any("evil.example" in line.value for line in app.markdown)


def test_a_refusal_is_no_error(app: AppTest) -> None:
    ask(app.run(), "Wer gewann 1954 die Weltmeisterschaft?")
    assert not app.error
    assert any("Nothing found" in line.value for line in app.markdown)


def test_the_address_brings_a_conversation_back(app: AppTest, api: str) -> None:
    ask(app.run(), QUESTION)
    conversation_id = str(app.query_params["c"])
    again = AppTest.from_file(SCRIPT, default_timeout=60)
    again.query_params["c"] = conversation_id
    again.run()
    assert [message.name for message in again.chat_message] == ["user", "assistant"]
    assert ApiClient(api).conversation(conversation_id).title == QUESTION


def test_a_conversation_that_is_gone_opens_a_new_one(app: AppTest) -> None:
    app.query_params["c"] = "0" * 32
    app.run()
    assert not app.exception
    assert "was deleted" in app.toast[0].value
    assert not app.query_params.get("c")


def test_a_new_chat_is_empty(app: AppTest) -> None:
    ask(app.run(), QUESTION)
    button(app, "New chat").click().run()
    assert not app.chat_message


def test_a_new_chat_outlives_the_address_of_an_interrupted_run(app: AppTest) -> None:
    ask(app.run(), QUESTION)
    left = str(app.query_params["c"])
    app.session_state["chat_open"] = None  # the click did this, then its run was interrupted
    app.session_state["chat_wished"] = (None,)
    app.run()  # with the address from before
    assert not app.chat_message
    assert not app.query_params.get("c")
    app.query_params["c"] = left  # from now on the address counts again
    assert app.run().chat_message


def test_a_question_that_fails_can_be_asked_again_and_leaves_no_conversation(
    app: AppTest, api: str
) -> None:
    before = {conversation.id for conversation in ApiClient(api).conversations()}
    ask(app.run(), "?")
    assert "empty" in app.error[0].value
    assert button(app, "Ask again")
    assert {conversation.id for conversation in ApiClient(api).conversations()} == before


def test_a_conversation_whose_knowledge_base_is_gone_asks_no_other(app: AppTest, api: str) -> None:
    client = ApiClient(api)
    client.create_knowledge_base(CreateKnowledgeBase(name="gone"))
    app.query_params["c"] = client.create_conversation("gone").id
    client.delete_knowledge_base("gone")
    app.run()
    assert not app.exception
    assert app.selectbox[0].value is None
    assert "gone" in app.info[0].value
    assert app.chat_input[0].disabled


def test_an_empty_conversation_greets(app: AppTest, api: str) -> None:
    app.query_params["c"] = ApiClient(api).create_conversation("docs").id
    app.run()
    assert app.title


def test_the_list_can_show_more_conversations(
    app: AppTest, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui_pages.chat_conversations.STEP", 1)
    client = ApiClient(api)
    for _ in range(2):
        client.create_conversation("docs")
    app.run()
    older = f"chat_open_{client.conversations(limit=2)[1].id}"
    assert older not in {found.key for found in app.button}
    button(app, "Show more").click().run()
    assert older in {found.key for found in app.button}


def test_a_chosen_model_stays_after_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint(models=["first", "second"])
    with serve(endpoint), filled_api(tmp_path, llm={"base_url": endpoint.url}) as url:
        app = open_app(url, monkeypatch).run()
        app.selectbox[1].set_value("second").run()
        ask(app, "Wer gewann 1954 die Weltmeisterschaft?")
        assert app.selectbox[1].value == "second"
    session.settings.cache_clear()


def test_a_failed_question_is_forgotten_in_a_new_chat(app: AppTest) -> None:
    ask(app.run(), "?")
    button(app, "New chat").click().run()
    assert not app.error
    assert app.title


def test_a_knowledge_base_without_files_leads_to_where_they_are_added(
    app: AppTest, api: str
) -> None:
    ApiClient(api).create_knowledge_base(CreateKnowledgeBase(name="empty"))
    app.run()
    app.selectbox[0].set_value("empty").run()
    ApiClient(api).delete_knowledge_base("empty")
    assert not app.exception
    assert [link.proto.label for link in app.get("page_link")] == ["Add documents"]


def test_a_model_that_serves_writes_and_its_answer_is_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint(pieces=["**Every** six ", "months [1]. ![x](http://evil.example/x.png)"])
    with serve(endpoint), filled_api(tmp_path, llm={"base_url": endpoint.url}) as url:
        app = ask(open_app(url, monkeypatch).run(), QUESTION)
    session.settings.cache_clear()
    answer = next(line.value for line in app.markdown if "Every" in line.value)
    assert answer.startswith("**Every** six months [1](#source-")
    assert "!\u2060[x]" in answer


def test_what_the_sources_do_not_hold_is_shown_as_text_under_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [
        "Every 77 months, “<img src=x> is what it is” [1]. See [9]. It is a fine filter indeed.",
        "".join(f"\n- Part {number}00 of it [1]" for number in range(3, 9)),
    ]
    endpoint = Endpoint(pieces=pieces)
    with serve(endpoint), filled_api(tmp_path, llm={"base_url": endpoint.url}) as url:
        app = ask(open_app(url, monkeypatch).run(), QUESTION)
        html = html_of(app)
        app.button_group[0].set_value("zh").run()
        chinese = html_of(app)
    session.settings.cache_clear()
    assert not app.info
    assert "77 is not in source [1]: “Every 77 months" in html
    assert "This quotation is not in source [1]: “&lt;img src=x&gt; is what it is”" in html
    assert "[9] is no source of this answer: “See [9].”" in html
    assert "Further places: 3" in html
    assert "Sentences without a source: 1;" in html
    assert "<img" not in html
    assert "来源 [1] 中没有 77：“Every 77 months" in chinese


def test_an_api_that_is_away_is_told_with_a_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_app("http://127.0.0.1:9", monkeypatch).run()
    session.settings.cache_clear()
    assert "does not answer" in app.error[0].value
    assert button(app, "Try again")


def test_a_question_asked_while_the_api_is_away_is_shown_and_asked_later(
    app: AppTest, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.run()
    open_app("http://127.0.0.1:9", monkeypatch)
    ask(app, QUESTION)
    assert [message.name for message in app.chat_message] == ["user"]
    assert [line.value for line in app.text] == [QUESTION]
    open_app(api, monkeypatch)
    button(app, "Try again").click().run()
    assert "replaced every six months" in html_of(app)


def test_the_language_changes_everything_and_stays_in_the_address(app: AppTest) -> None:
    app.run()
    app.button_group[0].set_value("zh").run()
    assert not app.exception
    assert [title.value for title in app.title] == ["想了解什么？"]
    assert app.query_params["lang"] == "zh"


def test_a_key_that_is_missing_leads_to_the_login(
    locked_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(locked_api, monkeypatch).run()
    session.settings.cache_clear()
    assert "key" in app.error[0].value
    assert 'href="/login"' in html_of(app)
    assert KEY not in html_of(app)

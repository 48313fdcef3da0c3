"""The page of evaluations, over a real API."""

import json
import time
from collections.abc import Iterator
from io import BytesIO

import pytest
from streamlit.testing.v1 import AppTest

from server.schemas import evaluation
from server.schemas.evaluation import Run
from tests.unit.webui_pages.conftest import add
from webui_pages import session
from webui_pages.evaluation_client import EvaluationClient

PAGE = """
from webui_pages.evaluation import show

show()
"""
# A dialog is drawn by itself: a click in one draws only that, which the tool of Streamlit cannot.
DIALOG = """
import streamlit as st
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.{module} import {function}

client = EvaluationClient({api!r})
{function}({arguments})
st.text(st.session_state.pop("evaluation_note", ""))
"""
FILTER = {
    "question": "How often is the rear air filter replaced?",
    "files": ["manual.md"],
    "answers": ["six months"],
}
WRONG = {"question": "How is the door wiped?", "files": ["manual.md"], "answers": ["daily <b>"]}
FOREIGN = {"question": "Who painted the ceiling of the chapel?", "kind": "foreign"}
LAMP = b"The lamp in the hall burns for 400 hours."
FUSE = b"The fuse of the old pump holds 16 amperes."
QUESTIONS = [FILTER, WRONG, FOREIGN]


@pytest.fixture
def client(api: str) -> Iterator[EvaluationClient]:
    made = EvaluationClient(api)
    yield made
    for test_set in made.test_sets("docs"):
        made.delete_test_set("docs", test_set.id)


@pytest.fixture(autouse=True)
def _address(api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ZHIWEN_UI__API_URL", api)
    session.settings.cache_clear()
    yield
    session.settings.cache_clear()


def open_page(*, view: str = "result", language: str = "en") -> AppTest:
    drawn = AppTest.from_string(PAGE, default_timeout=60)
    drawn.query_params["kb"] = "docs"
    drawn.session_state["language"] = language
    drawn.session_state["evaluation_view"] = view
    drawn.run()
    assert not drawn.exception
    return drawn


def open_dialog(client: EvaluationClient, module: str, function: str, arguments: str) -> AppTest:
    script = DIALOG.format(module=module, function=function, arguments=arguments, api=client.url)
    drawn = AppTest.from_string(script, default_timeout=60).run()
    assert not drawn.exception
    return drawn


def make_set(client: EvaluationClient, *questions: dict[str, object]) -> evaluation.TestSet:
    content = json.dumps(questions).encode()
    return client.import_test_set("docs", "mine", "mine.json", BytesIO(content))


def make_drafts(client: EvaluationClient) -> tuple[evaluation.TestSet, int, int]:
    """Make a test set with two drafts; return their ids too."""
    made = client.create_test_set("docs", "mine")
    files = {"lamp.md": LAMP, "fuse.md": FUSE}
    add(client, "docs", files)
    try:
        first, second = client.draft("docs", made.id, 9, use_llm=False)
    finally:
        for name in files:
            client.delete_file("docs", name)
    return made, first.id, second.id


def stored_questions(
    client: EvaluationClient, test_set: evaluation.TestSet
) -> list[evaluation.TestQuestion]:
    return client.questions("docs", test_set.id, status="accepted", offset=0, limit=9)


def measure(client: EvaluationClient, test_set: evaluation.TestSet, **settings: object) -> Run:
    return wait_for(client, client.begin_run("docs", test_set.id, "", settings))


def wait_for(client: EvaluationClient, run: Run) -> Run:
    deadline = time.monotonic() + 120
    while (run := client.run(run.id)).status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return run


def click(drawn: AppTest, label: str) -> AppTest:
    next(button for button in drawn.button if button.label == label).click().run()
    assert not drawn.exception
    return drawn


def press(drawn: AppTest, key: str) -> AppTest:
    drawn.button(key=key).click().run()
    assert not drawn.exception
    return drawn


def html(drawn: AppTest) -> str:
    """Return what is drawn as HTML, without the styles."""
    return " ".join(
        body for found in drawn.get("html") if "<style>" not in (body := found.proto.body)
    )


def labels(drawn: AppTest) -> list[str]:
    return [button.label for button in drawn.button]


def test_without_a_test_set_the_page_says_how_to_begin(client: EvaluationClient) -> None:
    drawn = open_page()
    assert [heading.value for heading in drawn.subheader] == ["Make your first test set"]
    assert "New test set" in labels(drawn)


def test_a_test_set_is_made_of_a_file(client: EvaluationClient) -> None:
    drawn = open_dialog(client, "evaluation_create", "ask", 'client, "docs"')
    press(drawn, "evaluation_create")
    assert [error.value for error in drawn.error] == ["Give it a name."]
    drawn.text_input(key="evaluation_name_False").input("mine")
    press(drawn, "evaluation_create")
    assert [error.value for error in drawn.error] == ["Choose a file first."]
    drawn.file_uploader[0].upload("mine.json", b"{").run()
    press(drawn, "evaluation_create")
    assert "cannot be used" in drawn.error[0].value
    drawn.file_uploader[0].upload("mine.json", json.dumps(QUESTIONS).encode()).run()
    press(drawn, "evaluation_create")
    assert drawn.text[0].value == "mine has 3 questions. Now measure."
    assert [(each.name, each.accepted) for each in client.test_sets("docs")] == [("mine", 3)]


def test_questions_that_no_file_answers_are_named(client: EvaluationClient) -> None:
    answer = {"text": "weekly", "answer_start": 14}
    asked = {"id": "1", "question": "How often is the door wiped?", "answers": [answer]}
    here = {"context": "Wipe the door weekly.", "qas": [asked]}
    where = {"id": "2", "question": "Where?", "answers": []}
    elsewhere = {"context": "Far away.", "qas": [where]}
    squad = {"data": [{"title": "x", "paragraphs": [here, elsewhere]}]}
    drawn = open_dialog(client, "evaluation_create", "ask", 'client, "docs"')
    drawn.text_input(key="evaluation_name_False").input("mine")
    drawn.file_uploader[0].upload("mine.json", json.dumps(squad).encode()).run()
    press(drawn, "evaluation_create")
    assert "Left out, as no file holds their passage: 1 (“Where\\?”)." in drawn.text[0].value


def test_a_test_set_is_drafted(client: EvaluationClient) -> None:
    drawn = open_dialog(client, "evaluation_create", "ask", 'client, "docs"')
    drawn.radio(key="evaluation_way").set_value("draft").run()
    drawn.text_input(key="evaluation_name_False").input("drafted")
    press(drawn, "evaluation_create")
    (made,) = client.test_sets("docs")
    assert (made.name, made.accepted) == ("drafted", 0)


def test_the_samples_bring_their_own_questions(client: EvaluationClient) -> None:
    drawn = open_dialog(client, "evaluation_create", "ask", 'client, "samples"')
    assert drawn.radio(key="evaluation_way").value == "samples"
    press(drawn, "evaluation_create")
    assert "samples" in drawn.error[0].value  # there is no such knowledge base here


def test_drafts_are_accepted_and_deleted(client: EvaluationClient) -> None:
    made, first, second = make_drafts(client)
    drawn = open_page(view="questions")
    assert "Drafts to look at (2)" in [heading.value for heading in drawn.subheader]
    press(drawn, f"evaluation_accept_{first}")
    press(drawn, f"evaluation_delete_{second}")
    (test_set,) = client.test_sets("docs")
    assert (test_set.id, test_set.accepted, test_set.drafts) == (made.id, 1, 0)


def test_only_drafts_are_nothing_to_measure(client: EvaluationClient) -> None:
    make_drafts(client)
    drawn = open_page()
    assert "drafts only" in drawn.info[0].value
    assert not [label for label in labels(drawn) if label.startswith("Measure")]


def test_a_question_is_written_changed_and_deleted(client: EvaluationClient) -> None:
    made = client.create_test_set("docs", "mine")
    arguments = f'client, "docs", {made.id}, None'
    drawn = open_dialog(client, "evaluation_question", "ask", arguments)
    press(drawn, "evaluation_question_new_save")
    assert [error.value for error in drawn.error] == ["Write a question."]
    drawn.text_area(key="evaluation_question_new_text").input(str(FILTER["question"]))
    press(drawn, "evaluation_question_new_save")
    assert [error.value for error in drawn.error] == ["Choose the file that holds the answer."]
    drawn.multiselect(key="evaluation_question_new_files").select("manual.md")
    drawn.text_area(key="evaluation_question_new_answers").input("six months\nhalf a year\n")
    press(drawn, "evaluation_question_new_save")
    (stored,) = stored_questions(client, made)
    assert (stored.files, stored.answers) == (["manual.md"], ["six months", "half a year"])
    found = f'client.questions("docs", {made.id}, status="accepted", offset=0, limit=1)[0]'
    arguments = f'client, "docs", {made.id}, {found}'
    drawn = open_dialog(client, "evaluation_question", "ask", arguments)
    drawn.radio(key=f"evaluation_question_{stored.id}_kind").set_value("near_miss").run()
    press(drawn, f"evaluation_question_{stored.id}_save")
    (stored,) = stored_questions(client, made)
    assert (stored.kind, stored.files, stored.answers) == ("near_miss", [], [])


def test_nothing_goes_before_a_person_is_sure(client: EvaluationClient) -> None:
    made = client.create_test_set("docs", "mine")
    act = f'lambda: client.delete_test_set("docs", {made.id})'
    drawn = open_dialog(client, "evaluation_notes", "confirm", f'"Sure?", {act}')
    press(drawn, "evaluation_unsure")
    assert len(client.test_sets("docs")) == 1
    press(drawn, "evaluation_sure")
    assert client.test_sets("docs") == []


def test_a_run_is_begun_with_another_setting(client: EvaluationClient) -> None:
    test_set = make_set(client, *QUESTIONS)
    drawn = open_page()
    drawn.number_input(key="evaluation_set_lexical_weight").set_value(0.7)
    click(drawn, "Measure 3 questions")
    (run,) = client.runs("docs", test_set.id)
    assert run.overrides == {"lexical_weight": 0.7}
    assert wait_for(client, run).status == "done"


def test_a_setting_that_is_refused_is_told(client: EvaluationClient) -> None:
    make_set(client, *QUESTIONS)
    drawn = open_page()
    drawn.text_input(key="evaluation_set_min_relevance").input("often")
    click(drawn, "Measure 3 questions")
    assert "min" in drawn.error[0].value
    assert "Measure 3 questions" in labels(drawn)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "1 of 1 questions that the documents do not answer were refused"),
        ("zh", "文档没有答案的 1 个问题中，拒答了 1 个"),
    ],
)
def test_figures_are_told_in_words(client: EvaluationClient, language: str, sentence: str) -> None:
    measure(client, make_set(client, *QUESTIONS))
    assert sentence in html(open_page(language=language))


def test_what_went_wrong_is_listed_and_opened(client: EvaluationClient) -> None:
    run = measure(client, make_set(client, *QUESTIONS))
    assert run.to_look_at == 1
    drawn = open_page()
    assert drawn.toggle(key=f"evaluation_only_bad_{run.id}").label == "Only what went wrong (1)"
    assert "How is the door wiped\\?" in labels(drawn)
    assert "Who painted the ceiling of the chapel\\?" not in labels(drawn)
    click(drawn, "How is the door wiped\\?")
    assert "does not quote what you expected" in drawn.warning[0].value
    shown = html(drawn)
    assert "daily &lt;b&gt;" in shown
    assert 'href="/files/docs/manual.md?view=1"' in shown
    assert "daily <b>" not in shown


def test_all_questions_of_a_run_are_shown_on_demand(client: EvaluationClient) -> None:
    run = measure(client, make_set(client, *QUESTIONS))
    drawn = open_page()
    drawn.toggle(key=f"evaluation_only_bad_{run.id}").set_value(False).run()
    assert "Who painted the ceiling of the chapel\\?" in labels(drawn)


def test_a_run_is_cancelled_and_what_it_measured_stays(client: EvaluationClient) -> None:
    test_set = make_set(client, *QUESTIONS)
    begun = client.begin_run("docs", test_set.id, "", {})
    client.cancel_run(begun.id)
    if wait_for(client, begun).status == "cancelled":
        assert "cancelled" in open_page().info[0].value


def test_a_comparison_needs_two_runs(client: EvaluationClient) -> None:
    measure(client, make_set(client, *QUESTIONS))
    assert "at least twice" in open_page(view="compare").info[0].value


def test_two_runs_are_compared(client: EvaluationClient) -> None:
    test_set = make_set(client, *QUESTIONS)
    measure(client, test_set)
    measure(client, test_set, min_relevance=1)
    drawn = open_page(view="compare")
    assert "too few documents to tell" in html(drawn)
    assert any(heading.value.startswith("Got worse") for heading in drawn.subheader)
    changed = " ".join(found.value for found in drawn.markdown)
    assert "How often is the rear air filter replaced\\?" in changed
    assert "Refused\\: no → yes" in changed

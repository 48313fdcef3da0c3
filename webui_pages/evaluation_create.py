"""The dialogs that make a test set and let questions be drafted. Know no results."""

from collections.abc import Callable
from functools import partial
from io import BytesIO

import streamlit as st

from configs import ROOT
from server.schemas.evaluation import MAX_DRAFTS, ImportedTestSet, TestSet
from webui_pages.catalogue import text
from webui_pages.chat_welcome import SAMPLES
from webui_pages.client import ApiError
from webui_pages.dialogs import open_dialog
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_notes import go_on
from webui_pages.markup import plain
from webui_pages.session import show_error

SAMPLE_QUESTIONS = ROOT / "samples" / "questions.yaml"
ENDINGS = ["yaml", "yml", "json", "jsonl"]
MAX_MB = 16  # as the API allows
FEW_DRAFTS = 20
FEW_SKIPPED = 3  # questions without a file that are named

Make = Callable[[str], tuple[TestSet, str]]  # makes a test set of a name, returns what to say too


def open_create_dialog(client: EvaluationClient, base: str) -> None:
    """Ask for a name and where the questions come from, and make the test set."""
    open_dialog(text("evaluation.new_set"), ask, ":material/playlist_add:", "medium")(client, base)


def ask(client: EvaluationClient, base: str) -> None:
    """Draw the fields; an error stays in the dialog."""
    ways = {
        "file": text("evaluation.way_file"),
        "draft": text("evaluation.way_draft"),
        "hand": text("evaluation.way_hand"),
    }
    if base == SAMPLES and SAMPLE_QUESTIONS.is_file():
        ways = {"samples": text("evaluation.way_samples"), **ways}
    way = st.radio(
        text("evaluation.way"), list(ways), format_func=ways.__getitem__, key="evaluation_way"
    )
    name = st.text_input(
        text("evaluation.set_name"),
        text("evaluation.set_name_samples") if way == "samples" else "",
        max_chars=100,
        key=f"evaluation_name_{way == 'samples'}",
    ).strip()
    make = ask_way(client, base, way)
    if not st.button(text("knowledge_bases.create"), type="primary", key="evaluation_create"):
        return
    if not name:
        st.error(text("evaluation.name_missing"), icon=":material/error:")
    elif make is None:
        st.error(text("evaluation.file_missing"), icon=":material/error:")
    else:
        create(make, name, view="result" if way in ("samples", "file") else "questions")


def ask_way(client: EvaluationClient, base: str, way: str) -> Make | None:
    """Draw the fields of one way and return what makes a test set; None: a file is missing."""
    if way == "samples":
        content = SAMPLE_QUESTIONS.read_bytes()
        return partial(import_file, client, base, SAMPLE_QUESTIONS.name, content)
    if way == "file":
        return ask_file(client, base)
    if way == "draft":
        st.caption(text("evaluation.draft_help"))
        count, use_llm = ask_drafts(client)
        return partial(make_drafted, client, base, count, use_llm)
    st.caption(text("evaluation.hand_help"))
    return partial(make_empty, client, base)


def ask_file(client: EvaluationClient, base: str) -> Make | None:
    """Return what makes a test set of a file, once there is one."""
    file = st.file_uploader(
        text("evaluation.file"), type=ENDINGS, max_upload_size=MAX_MB, key="evaluation_file"
    )
    st.caption(text("evaluation.file_help"))
    with st.expander(text("evaluation.file_example")):
        st.code(text("evaluation.file_example_text"), language="yaml")
    if file is None:
        return None
    return partial(import_file, client, base, file.name, file.getvalue())


def ask_drafts(client: EvaluationClient) -> tuple[int, bool]:
    """Return how many questions shall be drafted, and whether a language model shall do it."""
    count = st.number_input(
        text("evaluation.draft_count"), 1, MAX_DRAFTS, FEW_DRAFTS, key="evaluation_draft_count"
    )
    has_model = bool(client.models())
    use_llm = has_model and st.checkbox(
        text("evaluation.draft_llm"), key="evaluation_draft_llm", help=text("evaluation.draft_time")
    )
    return count, use_llm


def create(make: Make, name: str, *, view: str) -> None:
    """Make the test set and go to it; an error stays in the dialog."""
    try:
        made, note = make(name)
    except ApiError as error:
        show_error(error)
        return
    st.query_params["set"] = str(made.id)
    go_on(note=note, view=view)


def import_file(
    client: EvaluationClient, base: str, file_name: str, content: bytes, name: str
) -> tuple[TestSet, str]:
    """Make a test set of a file."""
    made = client.import_test_set(base, name, file_name, BytesIO(content))
    return made, describe_import(made)


def describe_import(made: ImportedTestSet) -> str:
    """Return how many questions a file had, and how many could not be used."""
    told = text("evaluation.imported", count=made.accepted, name=plain(made.name))
    if not made.skipped_total:
        return told
    some = ", ".join(f"“{plain(question)}”" for question in made.skipped[:FEW_SKIPPED])
    return f"{told} {text('evaluation.skipped', count=made.skipped_total, some=some)}"


def make_empty(client: EvaluationClient, base: str, name: str) -> tuple[TestSet, str]:
    """Make a test set to add questions to."""
    return client.create_test_set(base, name), ""


def make_drafted(
    client: EvaluationClient, base: str, count: int, use_llm: bool, name: str
) -> tuple[TestSet, str]:
    """Make a test set with drafts; without any there is none."""
    made = client.create_test_set(base, name)
    try:
        drafts = client.draft(base, made.id, count, use_llm=use_llm)
    except ApiError:
        client.delete_test_set(base, made.id)
        raise
    return made, describe_drafts(len(drafts))


def describe_drafts(count: int) -> str:
    """Return how many questions were drafted, and what to do with them."""
    return text("evaluation.drafted", count=count) if count else text("evaluation.drafted_none")


def open_draft_dialog(client: EvaluationClient, base: str, set_id: int) -> None:
    """Ask how many questions to draft, and draft them."""
    title = text("evaluation.draft_more")
    open_dialog(title, ask_more, ":material/edit_note:")(client, base, set_id)


def ask_more(client: EvaluationClient, base: str, set_id: int) -> None:
    """Draw the fields; an error stays in the dialog."""
    st.caption(text("evaluation.draft_help"))
    count, use_llm = ask_drafts(client)
    if not st.button(text("evaluation.draft_start"), type="primary", key="evaluation_draft"):
        return
    try:
        drafts = client.draft(base, set_id, count, use_llm=use_llm)
    except ApiError as error:
        show_error(error)
        return
    go_on(note=describe_drafts(len(drafts)))

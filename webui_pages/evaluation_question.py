"""The dialog in which a question of a test set is written. Knows no list of them."""

from typing import Any, get_args

import streamlit as st

from server.schemas.evaluation import ChangeQuestion, Kind, NewQuestion, TestQuestion
from webui_pages.catalogue import text
from webui_pages.client import ApiError
from webui_pages.dialogs import open_dialog
from webui_pages.evaluation_client import EvaluationClient
from webui_pages.evaluation_notes import go_on
from webui_pages.evaluation_words import name_kind
from webui_pages.session import show_error


def open_question_dialog(
    client: EvaluationClient, base: str, set_id: int, question: TestQuestion | None = None
) -> None:
    """Ask for a new question, or what shall stand in place of one."""
    title = text("evaluation.add") if question is None else text("evaluation.edit")
    open_dialog(title, ask, ":material/edit:", "medium")(client, base, set_id, question)


def ask(client: EvaluationClient, base: str, set_id: int, question: TestQuestion | None) -> None:
    """Draw the fields; an error stays in the dialog."""
    key = f"evaluation_question_{question.id if question else 'new'}"
    asked = st.text_area(
        text("evaluation.question"),
        question.question if question else "",
        max_chars=2000,
        height=80,
        help=text("evaluation.question_help"),
        key=f"{key}_text",
    )
    kinds: tuple[Kind, ...] = get_args(Kind)
    kind: Kind = st.radio(
        text("evaluation.kind"),
        kinds,
        index=kinds.index(question.kind) if question else 0,
        format_func=name_kind,
        key=f"{key}_kind",
    )
    values: dict[str, list[str]] = {}
    if kind == "answerable":
        values = ask_right(client, base, question, key)
    label = text("evaluation.save") if question is None else text("evaluation.save_change")
    if not st.button(label, type="primary", key=f"{key}_save"):
        return
    if missing := name_missing(asked, kind, values):
        st.error(missing, icon=":material/error:")
        return
    save(client, base, set_id, question, {"question": asked, "kind": kind, **values})


def ask_right(
    client: EvaluationClient, base: str, question: TestQuestion | None, key: str
) -> dict[str, list[str]]:
    """Draw the fields of what is right, and return what they hold."""
    known = question.files if question else []
    names = list(dict.fromkeys([*(file.name for file in client.files(base)), *known]))
    files = st.multiselect(
        text("evaluation.files"),
        names,
        known,
        placeholder=text("evaluation.files_choose"),
        help=text("evaluation.files_help"),
        key=f"{key}_files",
    )
    answers = st.text_area(
        text("evaluation.answers"),
        write_lines(question.answers if question else []),
        height=80,
        help=text("evaluation.answers_help"),
        key=f"{key}_answers",
    )
    with st.expander(text("evaluation.quotes"), expanded=bool(question and question.quotes)):
        quotes = st.text_area(
            text("evaluation.quotes_label"),
            write_lines(question.quotes if question else []),
            height=80,
            help=text("evaluation.quotes_help"),
            key=f"{key}_quotes",
        )
    return {"files": files, "answers": read_lines(answers), "quotes": read_lines(quotes)}


def write_lines(texts: list[str]) -> str:
    """Return texts, one on each line; layout does not count when they are compared."""
    return "\n".join(" ".join(each.split()) for each in texts)


def read_lines(written: str) -> list[str]:
    """Return the texts of a field that holds one on each line."""
    return [line.strip() for line in written.splitlines() if line.strip()]


def name_missing(asked: str, kind: Kind, values: dict[str, list[str]]) -> str:
    """Return what a person forgot to fill in, nothing if all is there."""
    if not asked.strip():
        return text("evaluation.question_missing")
    if kind == "answerable" and not values["files"]:
        return text("evaluation.files_missing")
    return ""


def save(
    client: EvaluationClient,
    base: str,
    set_id: int,
    question: TestQuestion | None,
    values: dict[str, Any],  # as the API checks them
) -> None:
    """Add a question or put it in place of one, and draw the page anew."""
    try:
        if question is None:
            client.add_question(base, set_id, NewQuestion.model_construct(**values))
        else:
            changed = ChangeQuestion.model_construct(label=question.label, **values)
            client.change_question(base, set_id, question.id, changed)
    except ApiError as error:
        show_error(error)
        return
    go_on(note=text("evaluation.saved"))

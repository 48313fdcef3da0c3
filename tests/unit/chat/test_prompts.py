"""Prompt templates: one pass of substitution, read again when they change."""

import logging
import os
from pathlib import Path

import pytest

from server.chat.prompts import PromptBook
from server.errors import InternalError, UnknownPrompt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "prompts.yaml"
    made.write_text("chat:\n  default: '{{ question }} from {{context}}, {{ other }}'\n")
    return made


def touch(path: Path, text: str, moment: int) -> None:
    path.write_text(text)
    os.utime(path, (moment, moment))


def test_placeholders_are_replaced_and_unknown_ones_stay(path: Path) -> None:
    values = {"question": "Q", "context": "C"}
    assert PromptBook(path).render("chat", "default", values) == "Q from C, {{ other }}"


def test_what_is_put_in_is_not_read_as_a_template(path: Path) -> None:
    values = {"question": "{{ context }}", "context": r"\1 {0} {{ question }}"}
    text = PromptBook(path).render("chat", "default", values)
    assert text == r"{{ context }} from \1 {0} {{ question }}, {{ other }}"


def test_an_unknown_prompt_lists_the_known_ones(path: Path) -> None:
    with pytest.raises(UnknownPrompt, match="Known: default"):
        PromptBook(path).find("chat", "nope")


def test_a_changed_file_is_read_again(path: Path) -> None:
    book = PromptBook(path)
    book.find("chat", "default")
    touch(path, "chat: {default: new}", 1)
    assert book.find("chat", "default") == "new"


def test_a_file_that_breaks_while_it_is_edited_leaves_the_former_prompts(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = PromptBook(path)
    before = book.find("chat", "default")
    touch(path, "chat: [unclosed", 1)
    with caplog.at_level(logging.WARNING):
        assert book.find("chat", "default") == before
    assert "not usable" in caplog.text


def test_a_file_that_was_never_usable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match=r"missing\.yaml"):
        PromptBook(tmp_path / "missing.yaml").find("chat", "default")

"""The error tree: every error has a status, a code and a text in both languages."""

import re
from string import Formatter

import pytest

from server import errors, readiness  # noqa: F401  # StillStarting belongs to the tree
from server.errors import ZhiwenError


def all_errors(root: type[ZhiwenError] = ZhiwenError) -> list[type[ZhiwenError]]:
    return [root, *(found for child in root.__subclasses__() for found in all_errors(child))]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_an_error_has_a_status_of_its_kind(error: type[ZhiwenError]) -> None:
    assert 400 <= error.status <= 599
    assert re.fullmatch(r"[a-z_]+", error.code)


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_both_languages_say_the_same_values(error: type[ZhiwenError]) -> None:
    en, zh = fields(error.en), fields(error.zh)
    assert {name.removesuffix("_en") for name in en} == {name.removesuffix("_zh") for name in zh}


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_the_chinese_text_is_chinese(error: type[ZhiwenError]) -> None:
    assert re.search("[\u4e00-\u9fff]", error.zh) or fields(error.zh) == {"reason_zh"}


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_the_tree_in_the_docstring_is_complete(error: type[ZhiwenError]) -> None:
    if error.__module__.startswith("server.errors"):
        assert re.search(rf"\b{error.__name__}\b", errors.__doc__ or "")


def test_values_are_not_read_as_a_template() -> None:
    error = errors.UnknownKnowledgeBase(name="{__class__} {0}")
    assert "'{__class__} {0}'" in error.message("en")

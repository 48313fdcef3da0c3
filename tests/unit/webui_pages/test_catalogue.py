import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from configs import ROOT
from webui_pages.catalogue import FOLDER, LANGUAGES, MissingText, load_texts, translate

CODE = sorted((ROOT / "webui_pages").glob("*.py"))
KEY = re.compile(rf"({'|'.join(path.stem for path in FOLDER.glob('*.yaml'))})\.[a-z0-9_]+")


def keys_in(source: str) -> set[str]:
    """Return the strings in a source that look like keys of texts."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and KEY.fullmatch(node.value)
    }


def fields_of(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("key", load_texts())
def test_a_text_says_the_same_in_both_languages(key: str) -> None:
    texts = load_texts()[key]
    assert set(texts) == set(LANGUAGES)
    assert fields_of(texts["en"]) == fields_of(texts["zh"])


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_every_text_that_the_code_names_exists(path: Path) -> None:
    assert keys_in(path.read_text()) <= load_texts().keys()


def test_every_text_is_used() -> None:
    used = set[str]().union(*(keys_in(path.read_text()) for path in CODE))
    assert load_texts().keys() - used == set()


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_texts_are_named_where_they_are_used(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    built = [
        ast.unparse(call)
        for call in calls
        if getattr(call.func, "id", "") in ("text", "translate")
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert built == []  # a key that is put together cannot be checked


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(MissingText, match="nonsense"):
        translate("shell.nonsense", "en")

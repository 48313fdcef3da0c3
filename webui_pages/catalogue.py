"""The texts of the UI in English and Chinese, beside each other. Knows no pages."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st
import yaml

from server.datatypes import Language

FOLDER = Path(__file__).parent / "texts"
LANGUAGES: tuple[Language, ...] = ("en", "zh")


class MissingText(LookupError):
    """There is no text under that key in that language."""


@cache
def load_texts() -> Mapping[str, Mapping[Language, str]]:
    """Return all texts by key: the name of their file, a dot and their name in it."""
    return {
        f"{path.stem}.{name}": translations
        for path in sorted(FOLDER.glob("*.yaml"))
        for name, translations in yaml.safe_load(path.read_text("utf-8")).items()
    }


def translate(key: str, language: Language, **values: object) -> str:
    """Return a text with its values filled in.

    Raises:
        MissingText: the key or its translation is missing.
    """
    try:
        template = load_texts()[key][language]
    except KeyError as error:
        raise MissingText(f"webui_pages/texts has no {key!r} in {language!r}") from error
    return template.format(**values)


def language() -> Language:
    """Return the language that the person at this session reads."""
    chosen: Language = st.session_state.get("language", "en")
    return chosen


def text(key: str, **values: object) -> str:
    """Return a text in the language of this session.

    Raises:
        MissingText: the key or its translation is missing.
    """
    return translate(key, language(), **values)

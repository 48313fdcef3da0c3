"""The language for people who did not choose one. Knows no texts."""

import os
from typing import Literal

from server.datatypes import Language

Setting = Literal["auto", "en", "zh"]


def choose_language(setting: Setting) -> Language:
    """Return the language set, or for "auto" that of the system's messages."""
    if setting != "auto":
        return setting
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def accepted_language(header: str, setting: Setting) -> Language:
    """Return the first language of an Accept-Language header that we have, else the one set."""
    for wanted in header.split(","):
        tag = wanted.split(";")[0].strip().lower()[:2]
        if tag == "zh":
            return "zh"
        if tag == "en":
            return "en"
    return choose_language(setting)

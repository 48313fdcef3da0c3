"""The language for people who did not choose one. Knows no texts."""

import os
from typing import Literal

from server.datatypes import Language


def choose_language(setting: Literal["auto", "en", "zh"]) -> Language:
    """Return the language set, or for "auto" that of the system's messages."""
    if setting != "auto":
        return setting
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    return "zh" if chosen.lower().startswith("zh") else "en"

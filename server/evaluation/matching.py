"""Whether a text holds another, by letters and digits. Knows no questions.

Layout, markup, punctuation, capitals, the width of characters and separators of thousands do not
count. A number is not found inside a longer one: "6 s" is neither in "16 s" nor in "3.6 s".
"""

import re

from server.knowledge_base.analysis import normalize

OTHER = re.compile(r"(?<=\d)[\W_]+(?=\d)|[\W_]+")


def flatten(text: str) -> str:
    """Return the letters and digits of a text, with something between numbers that are apart."""
    return OTHER.sub(replace, normalize(text))


def replace(match: re.Match[str]) -> str:
    """Return what stands in place of what is neither letter nor digit."""
    start, end, text = match.start(), match.end(), match.string
    between_digits = start > 0 and end < len(text) and text[start - 1 : end + 1 : end - start + 1]
    if not between_digits or not all(map(str.isdigit, between_digits)):
        return ""
    return "." if match.group() == "." else " "


def holds(flat: str, wanted: str) -> bool:
    """Return whether a text holds another; both as ``flatten`` returns them."""
    return bool(wanted) and wanted in flat and pattern_of(wanted).search(flat) is not None


def pattern_of(wanted: str) -> re.Pattern[str]:
    """Return the pattern of a text that no digit may lengthen."""
    before = r"(?<![\d])(?<!\d\.)" if wanted[0].isdigit() else ""
    after = r"(?!\d)(?!\.\d)" if wanted[-1].isdigit() else ""
    return re.compile(before + re.escape(wanted) + after)

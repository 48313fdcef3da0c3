"""Whether a text holds another, by words, digits and signs of values. Knows no questions.

Layout, markup, punctuation, capitals, the width of characters and separators of thousands do not
count. A number is not found inside a longer one, "6 s" neither in "16 s" nor in "3.6 s", and a
Latin word not inside another, "cat" not in "category". "10%" is not in "10 days", nor "-5" in "5".
"""

import re

from server.knowledge_base.analysis import normalize

# Signs that belong to a value: of its unit, and a minus, which "10-12" and "P-200" do not have.
CURRENCIES = "$€£¥₩₹"
VALUE_SIGN = (
    rf"(?<=\d)[%‰°{CURRENCIES}]|(?<=\d )[%‰°{CURRENCIES}]|[{CURRENCIES}](?=\s?\d)"
    r"|(?<![\w)%°])-(?=\d)"
)
OTHER = re.compile(rf"(?:(?!{VALUE_SIGN})[\W_])+")
LATIN = "a-z\u00df-\u024f"  # in lower case
LATIN_LETTER = re.compile(f"[{LATIN}]")
INSIDE_WORD = frozenset("-'’\u2010\u00ad")  # as in "wi-fi", which others write as "wifi"


def flatten(text: str) -> str:
    """Return the letters and digits of a text, with something between what must stay apart.

    Those are two numbers and two Latin words; signs of values stay too.
    """
    return OTHER.sub(replace, normalize(text).replace("\u2212", "-"))


def replace(match: re.Match[str]) -> str:
    """Return what stands in place of what is neither letter nor digit."""
    start, end, text = match.start(), match.end(), match.string
    if start == 0 or end == len(text):
        return ""
    before, after = text[start - 1], text[end]
    if before.isdigit() and after.isdigit():
        return "." if match.group() == "." else " "
    if LATIN_LETTER.match(before) and LATIN_LETTER.match(after):
        return "" if match.group() in INSIDE_WORD else " "
    return ""


def holds(flat: str, wanted: str) -> bool:
    """Return whether a text holds another; both as ``flatten`` returns them."""
    return bool(wanted) and wanted in flat and pattern_of(wanted).search(flat) is not None


def pattern_of(wanted: str) -> re.Pattern[str]:
    """Return the pattern of a text whose ends no digit and no Latin letter may lengthen."""
    before = after = ""
    if wanted[0].isdigit():
        before = r"(?<!\d)(?<!\d\.)(?<!-)"
    elif LATIN_LETTER.match(wanted[0]):
        before = f"(?<![{LATIN}])"
    if wanted[-1].isdigit():
        after = r"(?!\d)(?!\.\d)"
    elif LATIN_LETTER.match(wanted[-1]):
        after = f"(?![{LATIN}])"
    return re.compile(before + re.escape(wanted) + after)

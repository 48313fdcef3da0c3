"""Automatic numbers of Word paragraphs, which the file stores as rules. Knows no other part."""

import re
from collections import defaultdict

from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

DIGITS = "零一二三四五六七八九"
PLACEHOLDER = re.compile(r"%([1-9])")


class Numbering:
    """Counts the numbered paragraphs of one document, in the order that ``marker`` is called."""

    def __init__(self, root: BaseOxmlElement | None) -> None:
        """Read the rules from the root of ``numbering.xml``, None where the file has none."""
        self.levels: dict[str, dict[int, tuple[str, str, int]]] = {}  # format, pattern, start
        self.abstract: dict[str, str] = {}  # number id to the id of its rules
        self.counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        if root is None:
            return
        for rules in root.iterfind(qn("w:abstractNum")):
            levels = {
                int(level.get(qn("w:ilvl"), 0)): rule(level)
                for level in rules.iterfind(qn("w:lvl"))
            }
            self.levels[rules.get(qn("w:abstractNumId"), "")] = levels
        for number in root.iterfind(qn("w:num")):
            self.abstract[number.get(qn("w:numId"), "")] = value(number, "w:abstractNumId")

    def marker(self, number_id: str, level: int) -> str:
        """Count the paragraph and return what Word shows before it; "-" for any bullet."""
        key = self.abstract.get(number_id, "")
        rules = self.levels.get(key, {})
        if level not in rules:
            return ""
        style, pattern, start = rules[level]
        if style == "bullet":
            return "-"
        counts = self.counts[key]
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        return PLACEHOLDER.sub(lambda match: self.number(key, int(match.group(1)) - 1), pattern)

    def number(self, key: str, level: int) -> str:
        """Return the current number of a level as text."""
        style, _, start = self.levels[key].get(level, ("decimal", "", 1))
        count = self.counts[key].get(level, start)
        if style.startswith(("chinese", "ideograph", "taiwanese", "japanese")) and count < 100:
            return chinese(count)
        if style in ("lowerLetter", "upperLetter") and 1 <= count <= 26:
            return chr(ord("a" if style == "lowerLetter" else "A") + count - 1)
        return str(count)


def rule(level: BaseOxmlElement) -> tuple[str, str, int]:
    """Return the format, the pattern and the first number of a level."""
    start = value(level, "w:start")
    return (
        value(level, "w:numFmt"),
        value(level, "w:lvlText"),
        int(start) if start.isdecimal() else 1,
    )


def value(element: BaseOxmlElement, tag: str) -> str:
    """Return the value of a child element, "" where there is none."""
    child = element.find(qn(tag))
    return "" if child is None else child.get(qn("w:val"), "")


def chinese(count: int) -> str:
    """Return a number below 100 in Chinese numerals."""
    tens, ones = divmod(count, 10)
    if not tens:
        return DIGITS[ones]
    return ("" if tens == 1 else DIGITS[tens]) + "十" + (DIGITS[ones] if ones else "")

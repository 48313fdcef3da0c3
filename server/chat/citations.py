"""What an answer cites, told from what looks like it in documents. Knows no prompts."""

import re
from collections.abc import Sequence

from server.chat.events import Finding, FindingKind
from server.datatypes import Language

CITATION = re.compile(r"\[(\d{1,3}(?:\s?[,，、]\s?\d{1,3}){0,20})\]")  # "[1]" or "[1, 2]"
CODE_FILES = (".py", ".ipynb", ".toml")  # the formats whose text is code, of those that are read
END = "\0"
DIGITS = re.compile(r"\d+")
# Code in Markdown: an index in it is no citation. What is not closed goes on to the end.
CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)

UNCITED: dict[Language, str] = {
    "en": "The model cited no source for this answer.",
    "zh": "模型没有为该回答标注任何出处。",
}
PROBLEMS: dict[FindingKind, dict[Language, str]] = {
    "unknown_number": {
        "en": "The model cited sources that do not exist: {what}.",
        "zh": "模型引用了不存在的出处：{what}。",
    },
    "quote_not_found": {
        "en": "The sources do not hold what is quoted: {what}.",
        "zh": "出处中没有所引的原文：{what}。",
    },
    "figure_not_found": {
        "en": "The sources do not hold these figures: {what}.",
        "zh": "出处中没有这些数字：{what}。",
    },
    "uncited": {
        "en": "Sentences without a source: {what}.",
        "zh": "未标注出处的句子：{what} 句。",
    },
}
MAX_NAMED = 3  # of a kind, in a notice
SHOWN_CHARS = 40


def cited_numbers(text: str) -> list[int]:
    """Return the numbers that a text cites, each once, in order; code cites nothing."""
    marks = CITATION.findall(CODE.sub(" ", text))
    return list(dict.fromkeys(int(number) for mark in marks for number in DIGITS.findall(mark)))


def without_citations(text: str) -> str:
    """Return a text of a document whose own ``[2]``, such as footnotes, is written ``〔2〕``.

    Every character keeps its place.
    """
    return CITATION.sub(r"〔\1〕", text)


def without_citations_in_prose(text: str) -> str:
    """Return a text as ``without_citations`` does, with code in Markdown left as it is."""
    parts = CODE.split(text)
    parts[::2] = [without_citations(prose) for prose in parts[::2]]
    return "".join(parts)


def is_code(file_name: str) -> bool:
    """Return whether brackets in a file are those of code rather than footnotes."""
    return file_name.lower().endswith(CODE_FILES)


def quote_text(text: str, *, is_code: bool = False) -> str:
    """Return a quotation for an answer, in which nothing is a citation.

    Code with brackets is marked as code in Markdown. A backtick that marks nothing is written
    ``ˋ``, or what follows in the answer would be code.
    """
    if is_code and CITATION.search(text) and "```" not in text:
        return f"```\n{text}\n```" if "\n" in text or "`" in text else f"`{text}`"
    prose = CODE.sub("", f"{text}{END}")
    if "`" in prose or not prose.endswith(END):
        return without_citations(text).replace("`", "ˋ")
    return without_citations_in_prose(text)


def describe_findings(findings: Sequence[Finding], language: Language) -> str:
    """Return what was found in an answer, in few words; nothing if nothing was."""
    problems = []
    for kind, texts in PROBLEMS.items():
        found = list(dict.fromkeys(finding.text for finding in findings if finding.kind == kind))
        if not found:
            continue
        what = str(len(found)) if kind == "uncited" else name_some(found, language)
        problems.append(texts[language].format(what=what))
    return ("" if language == "zh" else " ").join(problems)


def name_some(texts: Sequence[str], language: Language) -> str:
    """Return the first of some texts, each not too long."""
    shown = [
        text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
        for text in texts[:MAX_NAMED]
    ]
    if len(texts) > MAX_NAMED:
        shown.append("…")
    return ("、" if language == "zh" else ", ").join(shown)

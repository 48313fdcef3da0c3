"""What an answer cites, told from what looks like it in documents. Knows no prompts."""

import re
from collections.abc import Sequence

from server.chat.events import SourceFound
from server.datatypes import Language

CITATION = re.compile(r"\[(\d{1,3})\]")
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)  # of Markdown: an index in it is no citation

UNCITED: dict[Language, str] = {
    "en": "The model cited no source for this answer.",
    "zh": "模型没有为该回答标注任何出处。",
}
UNKNOWN: dict[Language, str] = {
    "en": "The model cited sources that do not exist: {numbers}.",
    "zh": "模型引用了不存在的出处：{numbers}。",
}


def cited_numbers(text: str) -> list[int]:
    """Return the numbers that a text cites, each once, in order; code cites nothing."""
    numbers = CITATION.findall(CODE.sub(" ", text))
    return list(dict.fromkeys(int(number) for number in numbers))


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


def check_citations(
    text: str, sources: Sequence[SourceFound], language: Language
) -> tuple[bool, str | None]:
    """Return whether a text cites a source that exists, and what is wrong with its citations."""
    cited = cited_numbers(text)
    known = {source.number for source in sources}
    unknown = [str(number) for number in cited if number not in known]
    if unknown:
        return bool(known & set(cited)), UNKNOWN[language].format(numbers=", ".join(unknown))
    return bool(cited), None if cited else UNCITED[language]

"""What a model's answer cites, checked without another model. Knows no prompts."""

import re
from collections.abc import Sequence

from server.chat.events import SourceFound
from server.datatypes import Language

CITATION = re.compile(r"\[(\d{1,3})\]")

UNCITED: dict[Language, str] = {
    "en": "The model cited no source for this answer.",
    "zh": "模型没有为该回答标注任何出处。",
}
UNKNOWN: dict[Language, str] = {
    "en": "The model cited sources that do not exist: {numbers}.",
    "zh": "模型引用了不存在的出处：{numbers}。",
}


def cited_numbers(text: str) -> list[int]:
    """Return the numbers that a text cites, each once, in order."""
    return list(dict.fromkeys(int(number) for number in CITATION.findall(text)))


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

"""Tokens for texts that no model has a tokenizer for. Knows English and Chinese."""

import re

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005-\u3007\u3040-\u30ff\U00020000-\U0003134f"
WORD = re.compile(f"[{HAN}]|[^\\W{HAN}]+|[^\\w\\s]")


def find_words(text: str) -> list[int]:
    """Return where the words, Chinese characters and signs of a text begin, in order."""
    return [match.start() for match in WORD.finditer(text)]

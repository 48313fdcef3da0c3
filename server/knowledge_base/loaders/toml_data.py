"""TOML. Does not know what the keys mean: the lines are kept as people wrote them."""

import re
from typing import BinaryIO

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline

NAME = r"""(?:"(?:\\.|[^"\\\n])*+"|'[^'\n]*+'|[^]["'#\n])++"""
# What has brackets in it that say nothing comes first. What does not end goes to the end of its
# line or, if it may have several, of the file: to look for it again would take without end.
TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)'
    r"|'''.*?(?:'''|\Z)"
    r'|"(?:\\.|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    rf"|^[ \t]*(?P<header>\[\[{NAME}\]\]|\[{NAME}\])[ \t]*(?P<comment>\#[^\n]*)?$"
    r"|\#[^\n]*"
    r"|(?P<open>[\[{])|(?P<close>[\]}])",
    re.DOTALL | re.MULTILINE,
)


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the lines with their comments, those of a table under its name."""
    outline = Outline(name, max_chars=limits.max_chars)
    text = "\n".join(decode(file.read(), name).splitlines())
    start = depth = 0  # where the lines begin that are not added yet; the open brackets
    for token in TOKEN.finditer(text):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth = max(0, depth - 1)
        elif token["header"] and not depth:
            outline.add(text[start : token.start()].strip("\n"))
            section = token["header"].strip("[ \t]")
            outline.heading(1 + section.count("."), section)
            start = token.end() if token["comment"] is None else token.start("comment")
    outline.add(text[start:].strip("\n"))
    return outline.document(outline.stem)

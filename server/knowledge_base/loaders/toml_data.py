"""TOML. Does not know what the keys mean: the lines are kept as people wrote them."""

import re
from typing import BinaryIO

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline

SECTION = re.compile(r"\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the lines with their comments, those of a table under its name."""
    outline = Outline(name, max_chars=limits.max_chars)
    lines: list[str] = []
    for line in decode(file.read(), name).splitlines():
        section = SECTION.fullmatch(line.strip())
        if section is None:
            lines.append(line)
            continue
        outline.add("\n".join(lines).strip("\n"))
        lines = []
        outline.heading(1 + section.group(1).count("."), section.group(1))
    outline.add("\n".join(lines).strip("\n"))
    return outline.document(outline.stem)

"""Python source. Does not know what the code does."""

import ast
import warnings
from collections.abc import Iterator
from typing import BinaryIO

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the source as it is, classes and functions under their names."""
    text = decode(file.read(), name)
    lines = text.splitlines()
    outline = Outline(name, max_chars=limits.max_chars)
    begun = 0
    for start, level, title in definitions(text):
        outline.add("\n".join(lines[begun:start]).strip("\n"))
        outline.heading(level, title)
        begun = start
    outline.add("\n".join(lines[begun:]).strip("\n"))
    return outline.document(outline.stem)


def definitions(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the first line, from 0, the level and the name of what is defined, none if broken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file's own, about its escapes
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # it is a text all the same
        return
    for node in module.body:
        if isinstance(node, Definition):
            yield first_line(node), 1, node.name
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, Definition):
                        yield first_line(part), 2, f"{node.name}.{part.name}"


def first_line(node: Definition) -> int:
    """Return the line, counted from 0, with which a definition or its decorators begin."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1

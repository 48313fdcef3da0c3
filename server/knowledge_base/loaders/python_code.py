"""Python source. Does not know what the code does."""

import ast
import re
import tokenize
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode, try_decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

LINE_END = re.compile("\r\n|\r|\n")  # those of Python; ``splitlines`` knows more


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the source as it is, classes and functions under their names."""
    text = decode_source(file.read(), name)
    lines = LINE_END.split(text)
    outline = Outline(name, max_chars=limits.max_chars)
    begun = 0
    for line, level, title in borders(text):
        outline.add("\n".join(lines[begun:line]).strip("\n"))
        begun = line
        if title:
            outline.heading(level, title)
        else:
            outline.end_headings(level)
    outline.add("\n".join(lines[begun:]).strip("\n"))
    return outline.document(outline.stem)


def decode_source(data: bytes, name: str) -> str:
    """Return the source, in the encoding that it names if that is true."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        text = try_decode(data, encoding)
    except SyntaxError:
        text = None
    return decode(data, name) if text is None or "\0" in text else text


def borders(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the lines, from 0, at which a name of a level begins, or "" where it ends.

    Nothing for source that is broken: it is a text all the same.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file's own, about its escapes
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in module.body:
        if isinstance(node, Definition):
            yield first_line(node), 1, node.name
            for part in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(part, Definition):
                    yield first_line(part), 2, f"{node.name}.{part.name}"
                    yield part.end_lineno or part.lineno, 2, ""
            yield node.end_lineno or node.lineno, 1, ""


def first_line(node: Definition) -> int:
    """Return the line, counted from 0, with which a definition or its decorators begin."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1

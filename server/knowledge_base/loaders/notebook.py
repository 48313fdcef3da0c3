"""Jupyter notebooks. Does not know programming languages."""

import json
import re
from typing import Any, BinaryIO

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markdown import add_markdown
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline

CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]"
)  # of a terminal: colours, lines that are written anew
OBJECT = re.compile(r"<[\w.]+(?: [^<>\n]*)?>")  # what Python shows of a picture


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the cells in their order, and what the code put out as text or tables."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        for cell in cells(json.loads(decode(file.read(), name), parse_int=str, parse_float=str)):
            add_cell(outline, cell)
    except (RecursionError, TypeError, ValueError, AttributeError, LookupError) as error:
        raise UnreadableDocument(
            name=name,
            reason_en="it is not a Jupyter notebook, or a damaged one.",
            reason_zh="它不是 Jupyter 笔记本，或文件已损坏。",
        ) from error
    return outline.document()


def cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells; up to version 3 they lie in worksheets."""
    if "worksheets" in notebook:
        return [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    found: list[dict[str, Any]] = notebook["cells"]
    return found


def add_cell(outline: Outline, cell: dict[str, Any]) -> None:
    """Add a cell and its outputs."""
    source = joined(cell.get("source", cell.get("input", "")))
    match cell["cell_type"]:
        case "markdown":
            add_markdown(outline, source)
        case "heading":
            outline.heading(int(str(cell.get("level", 1))[:1]), source)
        case _:
            outline.add(source)
    for output in cell.get("outputs") or ():
        add_output(outline, output)


def add_output(outline: Outline, output: dict[str, Any]) -> None:
    """Add what code put out: Markdown or a table as such, else as text."""
    data = output.get("data", output)
    page = parse(joined(data.get("text/html", "")))
    if markdown := joined(data.get("text/markdown", "")):
        add_markdown(outline, markdown)
    elif page.find("table") or not ("text/plain" in data or "text" in data):
        add_markup(outline, page)
    else:
        text = CONTROL.sub("", joined(data.get("text/plain", data.get("text", ""))))
        lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
        kept = "\n".join(lines)
        outline.add("" if OBJECT.fullmatch(kept.strip()) else kept)
    if "ename" in output:
        outline.add(f"{output['ename']}: {output.get('evalue', '')}")


def joined(text: str | list[str]) -> str:
    """Return a text that may be stored as a list of lines."""
    return text if isinstance(text, str) else "".join(text)

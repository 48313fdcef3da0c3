"""Markdown. Does not know encodings, nor the tags of HTML that is mixed in."""

import re
from collections.abc import Iterator
from typing import BinaryIO

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from server.datatypes import Document
from server.knowledge_base.loaders.encoding import decode
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.markup import add_markup, parse
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.prose import fold
from server.knowledge_base.loaders.tables import row_lines

FRONT_MATTER = re.compile(r"---[^\S\n]*\n(.*?\n)?(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL)
INLINE_TAG = re.compile(
    r"</?(?:a|b|big|center|code|del|details|div|em|font|i|img|ins|kbd|mark|p|s|small|span|strike|"
    r"strong|sub|summary|sup|u|wbr)\b.*>|<!--.*-->",
    re.IGNORECASE | re.DOTALL,
)
HARD_BREAK = "\v"  # kept apart from line ends, which only wrap
LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the blocks of the document; a front matter gives its title and nothing else."""
    text = decode(file.read(), name).replace("\r\n", "\n")
    title, text = split_front_matter(text)
    outline = Outline(name, max_chars=limits.max_chars)
    add_markdown(outline, text)
    return outline.document(title)


def add_markdown(outline: Outline, text: str) -> None:
    """Add the blocks of a text."""
    # Without the rule "reference": it swallows lines such as "[注]:说明" as link definitions.
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").disable("reference")
    add_tokens(outline, parser.parse(text))


def split_front_matter(text: str) -> tuple[str, str]:
    """Return the title from the YAML at the head of the file, and the rest of the file."""
    match = FRONT_MATTER.match(text)
    if not match:
        return "", text
    try:
        values = yaml.safe_load(match.group(1) or "")
    except yaml.YAMLError:
        return "", text
    if not isinstance(values, dict):  # two rules with prose between them
        return "", text
    return str(values.get("title") or ""), text[match.end() :]


def add_tokens(outline: Outline, tokens: list[Token]) -> None:
    """Add the blocks of a run of tokens."""
    start = 0
    while start < len(tokens):
        end = closing(tokens, start)
        add_block(outline, tokens[start : end + 1])
        start = end + 1


def closing(tokens: list[Token], start: int) -> int:
    """Return the index of the token that closes the one at ``start``."""
    end = start
    if tokens[start].nesting == 1:
        while tokens[end].nesting != -1 or tokens[end].level != tokens[start].level:
            end += 1
    return end


def add_block(outline: Outline, tokens: list[Token]) -> None:
    """Add one block: the tokens from its opening to its closing one."""
    first = tokens[0]
    match first.type:
        case "heading_open":
            outline.heading(int(first.tag[1]), inline_text(tokens[1]))
        case "paragraph_open":
            outline.add(inline_text(tokens[1]))
        case "bullet_list_open" | "ordered_list_open":
            outline.add("\n".join(list_lines(tokens)), "list")
        case "table_open":
            outline.table(table_lines(tokens))
        case "blockquote_open":
            add_tokens(outline, tokens[1:-1])
        case "fence" | "code_block":
            outline.add(first.content)
        case "html_block":
            add_markup(outline, parse(first.content))


def list_lines(tokens: list[Token]) -> Iterator[str]:
    """Yield the lines of a list with their markers, nested items indented."""
    prefix = ""
    depth = -1
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "list_item_open":
            marker = f"{token.info}{token.markup}" if token.info else "-"
            prefix = f"{'  ' * depth}{marker} "
        elif token.type in ("inline", "fence", "code_block", "html_block"):
            text = inline_text(token) if token.type == "inline" else token.content.rstrip()
            for line in text.split("\n"):
                yield prefix + line
                prefix = " " * len(prefix)


def table_lines(tokens: list[Token]) -> Iterator[str]:
    """Return the lines of a table; a header without any label counts as none."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(fold(inline_text(token)))
    return row_lines(rows, header_rows=1) if any(rows[0]) else row_lines(rows[1:], header_rows=0)


def inline_text(token: Token) -> str:
    """Return the text without its marks; lines that only wrap are joined."""
    parts: list[str] = []
    marks: list[str] = []
    for child in token.children or ():
        if child.type in ("em_open", "strong_open"):
            marks.append(kept_mark(parts, child.markup))
            parts.append(marks[-1])
        elif child.type in ("em_close", "strong_close"):
            parts.append(marks.pop())
        else:
            parts.append(plain(child))
    return "\n".join(fold(line) for line in "".join(parts).split(HARD_BREAK) if line.strip())


def kept_mark(parts: list[str], mark: str) -> str:
    """Return the mark where it is a sign of the text: 600*400*300 mm means no emphasis."""
    before = next((part for part in reversed(parts) if part), "")
    return mark if before[-1:].isdigit() else ""


def plain(token: Token) -> str:
    """Return the text of an inline token, nothing for one that only marks."""
    match token.type:
        case "softbreak":
            return "\n"
        case "hardbreak":
            return HARD_BREAK
        case "html_inline":
            if LINE_BREAK_TAG.fullmatch(token.content):
                return HARD_BREAK
            return "" if INLINE_TAG.fullmatch(token.content) else token.content
        case _:
            return token.content

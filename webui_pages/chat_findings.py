"""What the sources of an answer do not hold, under the answer. Knows no widget but its own."""

from html import escape

import streamlit as st

from server.schemas.native import ChatAnswer, Finding
from webui_pages.catalogue import language, text

MAX_LINES = 6
SENTENCE_CHARS = 80
WORDS = {
    "unknown_number": "chat.finding_unknown_number",
    "quote_not_found": "chat.finding_quote_not_found",
    "figure_not_found": "chat.finding_figure_not_found",
}


def draw_findings(message: ChatAnswer) -> None:
    """Show in amber what in an answer of a model should be checked, if anything should."""
    if lines := describe_findings(message):
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        head = escape(text("chat.findings"))
        st.html(f'<div class="zw-findings" role="note">{head}<ul>{items}</ul></div>')


def describe_findings(message: ChatAnswer) -> list[str]:
    """Return the findings in words, as plain text; sentences without a source in one line."""
    found = [finding for finding in message.findings if finding.kind != "uncited"]
    uncited = len(message.findings) - len(found)
    lines = [describe_finding(finding, message.answer) for finding in found[:MAX_LINES]]
    if len(found) > MAX_LINES:
        lines.append(text("chat.findings_more", count=len(found) - MAX_LINES))
    if uncited:
        share = f"{message.cited_share or 0:.0%}"
        lines.append(text("chat.finding_uncited", count=uncited, share=share))
    return lines


def describe_finding(finding: Finding, answer: str) -> str:
    """Return a finding in words, with the sentence it is about."""
    marks = ("、" if language() == "zh" else ", ").join(f"[{each}]" for each in finding.citations)
    where = text("chat.finding_in", marks=marks) if marks else text("chat.finding_in_any")
    return text(
        WORDS[finding.kind],
        words=finding.text,
        where=where,
        sentence=shorten(answer[finding.start : finding.end]),
    )


def shorten(sentence: str) -> str:
    """Return a sentence on one line, not too long."""
    line = " ".join(sentence.split())
    return line if len(line) <= SENTENCE_CHARS else f"{line[: SENTENCE_CHARS - 1]}…"

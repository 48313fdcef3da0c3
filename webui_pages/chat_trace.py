"""How an answer was found: the candidates with their scores, and the timings."""

from html import escape
from typing import Any

import streamlit as st

from server.schemas.native import Message
from webui_pages.catalogue import text

MAX_CANDIDATES = 20
DENSE = {
    "used": "chat.trace_dense_used",
    "no_model_for_language": "chat.trace_dense_no_model",
}
STEPS = {
    "prepare": "chat.trace_step_prepare",
    "lexical": "chat.trace_step_lexical",
    "dense": "chat.trace_step_dense",
    "fusion": "chat.trace_step_fusion",
}


def draw_trace(message: Message) -> None:
    """Offer to show how the sources of a message were found."""
    trace = message.trace
    if not trace or "candidates" not in trace:
        return
    with st.expander(text("chat.trace"), icon=":material/manage_search:"):
        st.html(f'<div class="zw-facts">{describe(trace)}</div>')
        if trace["candidates"]:
            st.html(candidate_table(trace, {source.chunk_id for source in message.sources}))
        if prompt := trace.get("prompt"):
            st.caption(text("chat.trace_prompt"))
            st.code(str(prompt), language=None, wrap_lines=True)


def describe(trace: dict[str, Any]) -> str:  # JSON of the API
    """Return what was asked for and how long it took, as HTML."""
    timings = " · ".join(
        f"{text(STEPS[name])} {ms:.0f} ms"
        for name, ms in trace.get("timings_ms", {}).items()
        if name in STEPS
    )
    dense = DENSE.get(trace.get("dense", ""))
    facts = {
        "chat.trace_query": trace.get("query", ""),
        "chat.trace_terms": " · ".join(map(str, trace.get("terms", []))),
        "chat.trace_dense": text(dense) if dense else "",
        "chat.trace_timings": timings,
    }
    return "<br>".join(
        f"<b>{escape(text(key))}</b> {escape(str(fact))}" for key, fact in facts.items() if fact
    )


def candidate_table(trace: dict[str, Any], used: set[int]) -> str:
    """Return the candidates, best first, as an HTML table; a line marks what was needed."""
    heads = [
        text(key)
        for key in (
            "chat.trace_file",
            "chat.relevance",
            "chat.score",
            "chat.trace_words",
            "chat.trace_meaning",
        )
    ]
    rows = [candidate_row(item, used) for item in trace["candidates"][:MAX_CANDIDATES]]
    needed = trace.get("needed")
    foot = ""
    if isinstance(needed, int | float):
        foot = f"<p>{escape(text('chat.trace_needed', needed=f'{needed:.0%}'))}</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f'<table class="zw-trace"><tr>{head}</tr>{"".join(rows)}</table>{foot}'


def candidate_row(item: dict[str, Any], used: set[int]) -> str:
    """Return a candidate as a row; the ones that became sources stand out."""
    figures = [
        f"{item['relevance']:.0%}" if "relevance" in item else "–",
        *(f"{item[name]:.2f}" if name in item else "–" for name in ("score", "lexical", "dense")),
    ]
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    name = "zw-used" if item.get("chunk_id") in used else ""
    return f'<tr class="{name}"><td>{escape(str(item.get("file_name", "")))}</td>{cells}</tr>'

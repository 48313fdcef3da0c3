"""One question of a run, opened: what was expected, what was found, what was answered."""

from html import escape

import streamlit as st

from server.schemas.evaluation import FoundChunk, RunQuestion
from webui_pages.catalogue import text
from webui_pages.dialogs import open_dialog
from webui_pages.evaluation_words import explain, name_kind
from webui_pages.session import download_url


def open_outcome_dialog(base: str, asked: RunQuestion) -> None:
    """Show a question in a dialog."""
    title = text("evaluation.outcome_title")
    open_dialog(title, show_outcome, ":material/fact_check:", "medium")(base, asked)


def show_outcome(base: str, asked: RunQuestion) -> None:
    """Draw what was expected beside what came."""
    st.html(f'<div class="zw-asked">{escape(asked.expected.question)}</div>')
    if reasons := explain(asked):
        st.warning("  \n".join(reasons), icon=":material/warning:")
    else:
        st.success(text("evaluation.all_well"), icon=":material/check_circle:")
    st.markdown(f"**{text('evaluation.expected')}**")
    st.html(draw_expected(base, asked))
    st.markdown(f"**{text('evaluation.given')}**")
    st.html(draw_given(asked))
    st.markdown(f"**{text('evaluation.found')}**")
    if asked.outcome.found:
        st.html("".join(draw_found(base, chunk) for chunk in asked.outcome.found))
    else:
        st.caption(text("evaluation.found_nothing"))


def draw_expected(base: str, asked: RunQuestion) -> str:
    """Return what is right as HTML: files that can be opened, answers, passages."""
    expected = asked.expected
    if expected.kind != "answerable":
        return f'<div class="zw-facts">{escape(name_kind(expected.kind))}</div>'
    facts = [
        (text("evaluation.files"), [link(base, name) for name in expected.files]),
        (text("evaluation.answers_one"), [escape(answer) for answer in expected.answers]),
        (text("evaluation.quotes_one"), [escape(quote) for quote in expected.quotes]),
    ]
    lines = [
        text("evaluation.fact", name=f"<b>{escape(name)}</b>", value=" · ".join(values))
        for name, values in facts
        if values
    ]
    return f'<div class="zw-facts">{"<br>".join(lines)}</div>'


def draw_given(asked: RunQuestion) -> str:
    """Return the answer as HTML."""
    outcome = asked.outcome
    if not outcome.is_covered:
        return f'<div class="zw-facts">{escape(text("evaluation.was_refused"))}</div>'
    quotes = "".join(f'<div class="zw-chunk zw-text">{escape(q)}</div>' for q in outcome.answer)
    if outcome.is_supported:
        return quotes
    warned = escape(text("evaluation.was_warned"))
    return f'<div class="zw-facts">{warned}</div>{quotes}'


def draw_found(base: str, chunk: FoundChunk) -> str:
    """Return a passage that was found as HTML, with its file to open."""
    right = f" · <b>{escape(text('evaluation.is_right'))}</b>" if chunk.is_right else ""
    place = escape(text("evaluation.place", rank=chunk.rank))
    close = escape(text("evaluation.closeness", relevance=f"{chunk.relevance:.0%}"))
    kind = "zw-right" if chunk.is_right else ""
    return (
        f'<div class="zw-chunk {kind}"><small>{place} · {link(base, chunk.file)} · {close}{right}'
        f'</small><div class="zw-text zw-cut">{escape(chunk.text)}</div></div>'
    )


def link(base: str, file_name: str) -> str:
    """Return the name of a file as a link that opens it beside the page."""
    address = escape(download_url(base, file_name, view=True))
    return f'<a href="{address}" target="_blank">{escape(file_name)}</a>'

"""A question with its answer, as they stand in the chat. Knows no conversation."""

import streamlit as st

from server.schemas.native import ChatAnswer, Message, Source
from webui_pages.catalogue import text
from webui_pages.chat_clicks import COPY, source_link
from webui_pages.chat_findings import draw_findings
from webui_pages.chat_source import page_of
from webui_pages.chat_trace import draw_trace
from webui_pages.markup import Cite, cited_numbers, plain, quoted, split_code, written

ASSISTANT = ":material/auto_stories:"


def draw_question(question: str) -> None:
    """Show what the person asked."""
    with st.chat_message("user", avatar=":material/person:"):
        st.text(question)


def draw_message(message: Message) -> None:
    """Show a question and all that belongs to its answer."""
    draw_question(message.question)
    with st.chat_message("assistant", avatar=ASSISTANT):
        draw_notices(message)
        with st.container(key=f"chat_answer_{message.message_id}"):
            draw_text(message)
        draw_findings(message)
        if message.stopped:
            st.caption(f":material/stop_circle: {text('chat.stopped')}")
        draw_sources(message)
        st.caption(describe(message))
        draw_trace(message)


def draw_notices(message: ChatAnswer) -> None:
    """Say what is particular about an answer, before it."""
    if message.mode == "refusal":
        st.markdown(f":gray-badge[:material/search_off: {text('chat.nothing_found')}]")
    if message.notice and not message.findings:  # which say the same, under the answer
        st.info(plain(message.notice), icon=":material/info:")


def draw_text(message: ChatAnswer) -> None:
    """Show the words of an answer; only a model's are Markdown."""
    known = {source.number for source in citable(message)}

    def cite(number: int) -> str | None:
        return source_link(message.message_id, number) if number in known else None

    if message.mode != "llm":
        draw_words(message.answer, cite, is_markdown=False)
        return
    for part, language in split_code(message.answer):
        if language is not None:
            st.code(part, language=language or None, wrap_lines=True)
        elif part.strip():
            draw_words(part, cite, is_markdown=True)


def draw_words(words: str, cite: Cite, *, is_markdown: bool) -> None:
    """Show words with their citations, as a model wrote them or as they stand in documents."""
    if is_markdown:
        st.markdown(written(words, cite))
    else:
        st.html(f'<div class="zw-answer">{quoted(words, cite)}</div>')


def citable(message: ChatAnswer) -> list[Source]:
    """Return the sources that the answer can cite: a quotation those that it quotes."""
    if message.mode != "extractive":
        return message.sources
    return [source for source in message.sources if source.quotes] or message.sources


def draw_sources(message: ChatAnswer) -> None:
    """List the sources that the answer cites, or all when it cites none."""
    sources = citable(message)
    if message.mode == "llm":
        cited = cited_numbers(message.answer)
        sources = [source for source in sources if source.number in cited] or sources
    lines = [describe_source(message.message_id, source) for source in sources]
    if lines:
        with st.container(key=f"chat_sources_{message.message_id}"):
            st.markdown("  \n".join(lines))


def describe_source(message_id: str, source: Source) -> str:
    """Return a line of the list of sources."""
    place = [plain(source.file_name)]
    if (page := page_of(source)) is not None:
        place.append(text("chat.page", page=page))
    if source.headings:
        place.append(plain(source.headings[-1]))
    link = source_link(message_id, source.number)
    return f"[{source.number}]({link}) [{' · '.join(place)}]({link})"


def describe(message: ChatAnswer) -> str:
    """Return who wrote the answer, and the link that copies it, as Markdown."""
    who = {
        "llm": text("chat.by_model", model=plain(message.model or "")),
        "extractive": text("chat.by_quotation"),
        "refusal": text("chat.by_nobody"),
    }[message.mode]
    copy = f"[:material/content_copy: {text('chat.copy')}]({COPY}{message.message_id})"
    return f"{who} · {copy}"

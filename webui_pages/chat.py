"""The chat page: ask a knowledge base, read the answer with its sources.

Knows in which order things happen; what each looks like is in the files beside.
"""

import time
from dataclasses import dataclass

import streamlit as st

from server.schemas.native import (
    ChatRequest,
    ConversationWithMessages,
    KnowledgeBase,
    Message,
    ServedModel,
    Source,
)
from webui_pages.asking import Asking, Delta, Final, Found
from webui_pages.catalogue import text
from webui_pages.chat_clicks import listen
from webui_pages.chat_conversations import (
    AGAIN,
    FAILED,
    LAST_BASE,
    draw_head,
    draw_list,
    find_open,
    forget_wish,
    open_conversation,
)
from webui_pages.chat_message import ASSISTANT, draw_message, draw_question, draw_words
from webui_pages.chat_source import open_source
from webui_pages.chat_welcome import SUGGESTED, draw_welcome
from webui_pages.client import ApiClient, ApiError
from webui_pages.markup import no_citations, plain
from webui_pages.session import api, settings

DRAW_EVERY_S = 0.06  # each time the whole text is sent; more often costs and is not seen
TYPED = "chat_typed"
ASKING = "chat_asking"
OPENING = "chat_opening"  # in the session: which conversation is drawn, the how many-th opened
CHOSEN = "chat_model_chosen"  # in the session: the model that was asked last
STORED_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom to ask."""

    base: KnowledgeBase | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question without an answer, so far or for good."""

    conversation_id: str
    question: str
    message: str = ""  # what went wrong
    stored: int = 0  # messages that the conversation had before it


def show() -> None:
    """Draw the page; a question that cannot be asked now is asked once the API is back."""
    try:
        draw(api())
    except ApiError:
        if question := st.session_state.get(AGAIN):
            draw_question(question)
        raise


def draw(client: ApiClient) -> None:
    """Draw the conversation that is open, and ask what is to be asked."""
    current = find_open(client)
    if current:
        current = await_stopped(client, current)
    follow_clicks(client, current.items if current else [])
    draw_list(client, current)
    if current:
        draw_head(client, current)
    scope = choose_scope(client.knowledge_bases(), client.models(), current)
    if scope.base is None and current and current.knowledge_base:
        st.info(text("chat.base_gone", name=plain(current.knowledge_base)), icon=":material/info:")
    st.chat_input(
        text("chat.placeholder"),
        submit_mode="stop",
        max_chars=settings().chat.max_question_chars,
        disabled=scope.base is None,
        key=TYPED,
        on_submit=ask_typed,
    )
    question = st.session_state.pop(AGAIN, "") or st.session_state.pop(SUGGESTED, "")
    failed = find_failure(current)
    if current and current.items:
        draw_messages(current)
    elif not question and not failed:
        draw_welcome(scope.base)
    if question:
        ask(client, current, scope, question)
    else:
        draw_way_on(current, failed)
    forget_wish()


def choose_scope(
    bases: list[KnowledgeBase],
    models: list[ServedModel],
    current: ConversationWithMessages | None,
) -> Scope:
    """Let the person choose the knowledge base and the model."""
    of = number_opening(current.id if current else None)
    with st.container(horizontal=True, vertical_alignment="center", key="chat_scope"):
        base = choose_base(bases, current, key=f"chat_base_{of}")
        if not models:
            st.caption(f":material/format_quote: {text('chat.no_model')}", width="stretch")
            return Scope(base, None)
        return Scope(base, choose_model(models, current, key=f"chat_model_{of}"))


def number_opening(conversation_id: str | None) -> int:
    """Return a number that is another whenever another conversation is drawn.

    A key that comes back may show nothing: when a click overtakes the end of a run, the browser has
    forgotten the value that the server still knows.
    """
    opening: tuple[str | None, int] = st.session_state.get(OPENING, (conversation_id, 0))
    number = opening[1] + (conversation_id != opening[0])
    st.session_state[OPENING] = (conversation_id, number)
    return number


def choose_base(
    bases: list[KnowledgeBase], current: ConversationWithMessages | None, *, key: str
) -> KnowledgeBase | None:
    """Let the person choose a knowledge base: at first the conversation's, or the default."""
    by_name = {base.name: base for base in bases}
    names = list(by_name)
    asked = current.knowledge_base if current else None
    if st.session_state.get(key) not in by_name:
        wanted = asked or st.session_state.get(LAST_BASE) or settings().kb.default
        first = None if asked else next(iter(names), None)  # none answers in place of a lost one
        st.session_state[key] = wanted if wanted in by_name else first
    name = st.selectbox(
        text("chat.knowledge_base"),
        names,
        index=None,
        key=key,
        label_visibility="collapsed",
        placeholder=text("chat.choose_base" if names else "chat.no_base_yet"),
    )
    if name:
        st.session_state[LAST_BASE] = name  # for the next new chat
    return by_name[name] if name else None


def choose_model(
    models: list[ServedModel], current: ConversationWithMessages | None, *, key: str
) -> str:
    """Let the person choose a model: at first the one that wrote or was asked last."""
    names = [model.id for model in models]
    default = next((model.id for model in models if model.is_default), names[0])
    wrote = [message.model for message in current.items if message.model] if current else []
    last = wrote[-1] if wrote else st.session_state.get(CHOSEN)
    name: str = st.selectbox(
        text("chat.model"),
        names,
        index=names.index(last if last in names else default),
        key=key,
        label_visibility="collapsed",
    )
    return name


def draw_messages(current: ConversationWithMessages) -> None:
    """Draw the conversation so far."""
    for message in current.items:
        draw_message(message)


def follow_clicks(client: ApiClient, items: list[Message]) -> None:
    """Open the source whose citation was clicked."""
    clicked = listen({message.message_id: message.answer for message in items})
    sources: dict[tuple[str, int], Source] = {
        (message.message_id, source.number): source
        for message in items
        for source in message.sources
    }
    if clicked in sources:
        open_source(client, sources[clicked])


def ask(
    client: ApiClient, current: ConversationWithMessages | None, scope: Scope, question: str
) -> None:
    """Ask, show the answer as it comes, then draw all of it anew from what was stored."""
    base = scope.base.name if scope.base else None
    st.session_state[CHOSEN] = scope.model
    st.session_state.pop(FAILED, None)
    with st.container(key="chat_asked"):  # the page scrolls to it
        draw_question(question)
    try:
        conversation_id = current.id if current else client.create_conversation(base).id
    except ApiError as error:
        st.session_state[FAILED] = Unanswered("", question, error.message)
        st.rerun()
    forget_wish()
    open_conversation(conversation_id)
    stored = len(current.items) if current else 0
    st.session_state[ASKING] = Unanswered(conversation_id, question, stored=stored)
    request = ChatRequest(
        question=question,
        knowledge_base=base,
        conversation_id=conversation_id,
        model=scope.model,
    )
    try:
        with client.ask(request) as events:
            draw_answer(events, is_markdown=scope.model is not None)
    except ApiError as error:
        is_kept = current is not None or keep_if_answered(client, conversation_id)
        failed = Unanswered(conversation_id if is_kept else "", question, error.message)
        st.session_state[FAILED] = failed
    del st.session_state[ASKING]
    st.rerun()


def keep_if_answered(client: ApiClient, conversation_id: str) -> bool:
    """Delete a new conversation whose question failed, unless a part of an answer came."""
    try:
        if client.conversation(conversation_id).items:
            return True
        client.delete_conversation(conversation_id)
    except ApiError:
        return True  # the API is away; what it has shows later
    open_conversation(None)
    return False


def await_stopped(client: ApiClient, current: ConversationWithMessages) -> ConversationWithMessages:
    """Return the conversation with the answer that the person stopped a moment ago.

    The API stores it when it notices that nobody listens any more.
    """
    asked: Unanswered | None = st.session_state.pop(ASKING, None)
    if asked is None or asked.conversation_id != current.id:
        return current
    deadline = time.monotonic() + STORED_WITHIN_S
    while len(current.items) <= asked.stored and time.monotonic() < deadline:
        time.sleep(0.1)
        current = client.conversation(current.id)
    if len(current.items) <= asked.stored:
        message = text("chat.stopped")
        st.session_state[FAILED] = Unanswered(current.id, asked.question, message)
    return current


def draw_answer(events: Asking, *, is_markdown: bool) -> None:
    """Draw an answer while it comes; its citations open when it is complete."""
    written, drawn_at = "", 0.0
    doing = text("chat.searching")
    with st.chat_message("assistant", avatar=ASSISTANT):
        place = st.empty()
        for event in events:
            if isinstance(event, Found):
                doing = text("chat.reading", count=len(event.sources))
            elif isinstance(event, Delta):
                written += event.text
            elif isinstance(event, Final):
                return
            if not written:
                place.caption(f":material/hourglass_top: {doing}")
            elif event is None or time.monotonic() - drawn_at > DRAW_EVERY_S:
                with place:
                    draw_words(written, no_citations, is_markdown=is_markdown)
                drawn_at = time.monotonic()


def find_failure(current: ConversationWithMessages | None) -> Unanswered | None:
    """Return the last question of this conversation if it failed."""
    failed: Unanswered | None = st.session_state.get(FAILED)
    return failed if failed and failed.conversation_id == (current.id if current else "") else None


def draw_way_on(current: ConversationWithMessages | None, failed: Unanswered | None) -> None:
    """Say why the last question has no answer, or only half of one, and offer to ask again."""
    last = current.items[-1] if current and current.items else None
    if failed:
        if not (last and last.stopped and last.question == failed.question):
            draw_question(failed.question)
        st.error(plain(failed.message), icon=":material/error:")
        draw_again(failed.question)
    elif last and last.stopped:
        draw_again(last.question)


def draw_again(question: str) -> None:
    """Offer to ask a question again."""
    st.button(
        text("chat.again"),
        icon=":material/refresh:",
        key="chat_again_button",
        on_click=ask_again,
        args=(question,),
    )


def ask_typed() -> None:
    """Ask what was typed in the run that follows, or in the first that reaches the API."""
    st.session_state[AGAIN] = st.session_state[TYPED]


def ask_again(question: str) -> None:
    """Ask a question again in the next run."""
    st.session_state[AGAIN] = question

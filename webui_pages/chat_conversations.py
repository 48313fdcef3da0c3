"""The conversations in the side bar, and which of them is open. Knows no messages."""

import streamlit as st

from server.schemas.native import Conversation, ConversationWithMessages
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.markup import plain
from webui_pages.session import show_error

OPEN = "c"  # in the address, so that a reload and a link open the conversation again
AGAIN = "chat_again"  # in the session: the question to ask in the next run
FAILED = "chat_failed"  # in the session: the question that went wrong, until another is opened
LAST_BASE = "chat_base_last"  # in the session: the knowledge base that was chosen last
SHOWN = "chat_list_shown"  # in the session: how many conversations the list shows
STEP = 50
MOST = 200  # that the API gives at once
REMEMBERED = "chat_open"  # in the session, for the way back from another page
WISHED = "chat_wished"  # in the session: (what the person opened,), until it is drawn


def find_open(client: ApiClient) -> ConversationWithMessages | None:
    """Return the conversation that is open, None for a new one.

    What the person opened last counts more than the address: when the click comes at the end of an
    answer, the run that follows still has the address from before.
    """
    wished: tuple[str | None] | None = st.session_state.get(WISHED)
    if wished:
        open_conversation(*wished)
    wanted = st.query_params.get(OPEN) or st.session_state.get(REMEMBERED)
    if not wanted:
        return None
    try:
        found = client.conversation(wanted)
    except ApiError as error:
        if error.status not in (404, 422):
            raise
        # A toast outlives the run that a question to the new conversation begins.
        st.toast(text("chat.gone"), icon=":material/info:", duration="long")
        forget_wish()
        open_conversation(None)
        return None
    open_conversation(found.id)
    return found


def open_conversation(conversation_id: str | None) -> None:
    """Open a conversation, or a new one."""
    st.session_state[REMEMBERED] = conversation_id
    if conversation_id:
        st.query_params[OPEN] = conversation_id
    else:
        st.query_params.pop(OPEN, None)


def switch(conversation_id: str | None) -> None:
    """Open a conversation, or a new one, at the wish of the person."""
    st.session_state.pop(FAILED, None)
    st.session_state.pop(AGAIN, None)
    open_conversation(conversation_id)
    st.session_state[WISHED] = (conversation_id,)


def forget_wish() -> None:
    """Follow the address from now on: what the person opened is drawn, or another follows it."""
    st.session_state.pop(WISHED, None)


def draw_list(client: ApiClient, current: Conversation | None) -> None:
    """Draw the conversations in the side bar."""
    with st.sidebar.container(key="chat_list"):
        st.button(
            text("chat.new"),
            icon=":material/edit_square:",
            width="stretch",
            on_click=switch,
            args=(None,),
        )
        shown = st.session_state.get(SHOWN, STEP)
        found = read_newest(client, shown + 1)
        for conversation in found[:shown]:
            is_open = current is not None and conversation.id == current.id
            st.button(
                plain(conversation.title) or text("chat.untitled"),
                key=f"chat_open_{conversation.id}",
                type="secondary" if is_open else "tertiary",
                width="stretch",
                wrap=False,
                on_click=switch,
                args=(conversation.id,),
            )
        if len(found) > shown:
            st.button(
                text("chat.more"),
                icon=":material/expand_more:",
                type="tertiary",
                on_click=show_more,
            )


def read_newest(client: ApiClient, count: int) -> list[Conversation]:
    """Return the newest conversations."""
    found: dict[str, Conversation] = {}  # between two requests one may move up
    for offset in range(0, count, MOST):
        page = client.conversations(offset=offset, limit=min(MOST, count - offset))
        found.update((conversation.id, conversation) for conversation in page)
    return list(found.values())


def show_more() -> None:
    """Let the list show more conversations from now on."""
    st.session_state[SHOWN] = st.session_state.get(SHOWN, STEP) + STEP


def draw_head(client: ApiClient, current: Conversation) -> None:
    """Draw the title of the conversation, and what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", key="chat_head"):
        st.subheader(plain(current.title) or text("chat.untitled"), anchor=False)
        if st.button(
            text("chat.rename"), icon=":material/edit:", type="tertiary", key="chat_rename"
        ):
            open_rename(client, current)
        if st.button(
            text("chat.delete_sure"), icon=":material/delete:", type="tertiary", key="chat_delete"
        ):
            open_delete(client, current)


def open_rename(client: ApiClient, current: Conversation) -> None:
    """Ask for another title."""

    @st.dialog(text("chat.rename"), icon=":material/edit:")
    def ask() -> None:
        with st.form("chat_rename_form", border=False):
            title = st.text_input(text("chat.title"), current.title, max_chars=200).strip()
            is_sent = st.form_submit_button(text("chat.save"), type="primary")
        if is_sent and title:
            try:
                client.rename_conversation(current.id, title)
            except ApiError as error:
                show_error(error)
                return
            st.rerun()

    ask()


def open_delete(client: ApiClient, current: Conversation) -> None:
    """Ask whether the conversation may go."""

    @st.dialog(text("chat.delete"), icon=":material/delete:")
    def ask() -> None:
        title = plain(current.title) or text("chat.untitled")
        st.markdown(text("chat.delete_question", title=title, messages=current.messages))
        if st.button(text("chat.delete_sure"), type="primary", key="chat_delete_sure"):
            try:
                client.delete_conversation(current.id)
            except ApiError as error:
                show_error(error)
                return
            open_conversation(None)
            st.rerun()

    ask()

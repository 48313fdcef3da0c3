"""Adding files to a knowledge base, one after the other. Does not know what becomes of them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from server.schemas.native import UploadedFile as Added
from webui_pages.catalogue import text
from webui_pages.chat_conversations import switch
from webui_pages.client import ApiClient, ApiError
from webui_pages.markup import plain
from webui_pages.menu import make_page

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

OUTCOMES = "kb_outcomes"
ROUND = "kb_upload_round"  # part of the field's key: the next round begins with an empty field
MAX_NAMES = 5


@dataclass(frozen=True)
class Outcome:
    """What became of a file, as a person reads it."""

    name: str
    note: str
    state: Literal["added", "kept", "refused"]


def show_upload(client: ApiClient, base: str, present: set[str]) -> None:
    """Draw the field for files; ``present`` are the names that are taken."""
    status = client.status()
    limit = status.max_file_mb
    with st.container(key="kb_upload"):
        chosen = st.file_uploader(
            text("knowledge_bases.upload"),
            accept_multiple_files=True,
            max_upload_size=limit,
            key=f"kb_upload_{base}_{st.session_state.get(ROUND, 0)}",
            label_visibility="collapsed",
        )
        # The browser refuses before it sends anything and tells no one: its style shows this.
        refusal = text("knowledge_bases.upload_refused", limit=limit)
        st.html(f'<div class="zw-refusal" role="alert">{escape(refusal)}</div>')
    formats = " ".join(ending.lstrip(".") for ending in status.formats)
    st.caption(text("knowledge_bases.upload_limit", limit=limit, formats=plain(formats)))
    if chosen:
        offer(client, base, chosen, present)
    else:
        show_outcomes(base)


def offer(
    client: ApiClient, base: str, chosen: "Sequence[UploadedFile]", present: set[str]
) -> None:
    """Show the button that adds the chosen files; first ask about names that are taken."""
    taken = {name for file in chosen if (name := stored_name(file)) in present}
    is_replacing = bool(taken) and ask_about(sorted(taken))
    label = (
        text("knowledge_bases.upload_start_one", name=plain(chosen[0].name))
        if len(chosen) == 1
        else text("knowledge_bases.upload_start", count=len(chosen))
    )
    if st.button(label, type="primary", icon=":material/upload:"):
        upload(client, base, chosen, taken, is_replacing=is_replacing)


def stored_name(file: "UploadedFile") -> str:
    """Return the name as the API keeps it; macOS sends accents apart from their letters."""
    return unicodedata.normalize("NFC", file.name)


def ask_about(taken: list[str]) -> bool:
    """Return whether files of those names shall be replaced."""
    st.warning(
        text("knowledge_bases.collision", names=plain(shorten(taken))), icon=":material/warning:"
    )
    replace = text("knowledge_bases.collision_replace")
    choice = st.radio(
        text("knowledge_bases.collision_choose"),
        [text("knowledge_bases.collision_skip"), replace],
        horizontal=True,
    )
    return choice == replace


def shorten(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = list(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        shown.append(text("knowledge_bases.and_more", count=len(names) - MAX_NAMES))
    return ", ".join(shown)


def upload(
    client: ApiClient,
    base: str,
    chosen: "Sequence[UploadedFile]",
    taken: set[str],
    *,
    is_replacing: bool,
) -> None:
    """Add the files one by one, so that the progress is real and each tells its own error."""
    outcomes: list[Outcome] = []
    st.session_state[OUTCOMES] = (base, outcomes)  # grows as files come, also if the person leaves
    bar = st.progress(0.0)
    for number, file in enumerate(chosen):
        name = stored_name(file)
        progress = text(
            "knowledge_bases.upload_progress",
            done=number + 1,
            count=len(chosen),
            name=plain(name),
        )
        bar.progress(number / len(chosen), progress)
        if name in taken and not is_replacing:
            outcomes.append(Outcome(name, text("knowledge_bases.upload_kept"), "kept"))
        else:
            outcomes.append(add(client, base, file, override=name in taken))
        release(file)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.rerun()


def add(client: ApiClient, base: str, file: "UploadedFile", *, override: bool) -> Outcome:
    """Add one file and return what became of it."""
    try:
        (answer,) = client.upload(base, [(file.name, file.getvalue())], override=override)
    except ApiError as error:
        return Outcome(file.name, error.message, "refused")
    return describe(answer, is_replaced=override)


def release(file: "UploadedFile") -> None:
    """Forget the bytes of a file: Streamlit would keep them as long as the session lasts."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def describe(answer: Added, *, is_replaced: bool) -> Outcome:
    """Return what the API says about a file."""
    if answer.file is None:
        return Outcome(answer.name, answer.error.message if answer.error else "", "refused")
    key = "knowledge_bases.upload_replaced" if is_replaced else "knowledge_bases.upload_added"
    return Outcome(answer.file.name, text(key, chunks=answer.file.chunks), "added")


def show_outcomes(base: str) -> None:
    """Show what became of each file of the last upload, until the person has read it."""
    of, outcomes = st.session_state.get(OUTCOMES, ("", []))
    if of != base or not outcomes:
        return
    added = sum(outcome.state == "added" for outcome in outcomes)
    with st.container(border=True):
        st.markdown(text("knowledge_bases.upload_summary", added=added, count=len(outcomes)))
        st.html("".join(map(draw, outcomes)))
        with st.container(horizontal=True):
            label = text("knowledge_bases.ask")
            if added and st.button(label, type="primary", icon=":material/forum:"):
                ask_about_it(base)
            if st.button(text("knowledge_bases.upload_dismiss")):
                del st.session_state[OUTCOMES]
                st.rerun()


def ask_about_it(base: str) -> None:
    """Go to a new chat with this knowledge base; its first question makes it a conversation."""
    switch(None)
    st.session_state["chat_base_new"] = base  # what the list of knowledge bases there shows
    st.switch_page(make_page("chat"))


def draw(outcome: Outcome) -> str:
    """Return a line of HTML about a file."""
    name = "" if outcome.name in outcome.note else f"<b>{escape(outcome.name)}</b> "
    return f'<div class="zw-outcome zw-{outcome.state}">{name}{escape(outcome.note)}</div>'

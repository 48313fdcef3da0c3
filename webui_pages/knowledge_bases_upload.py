"""Choosing files for a knowledge base and sending them. Does not know what becomes of them."""

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from server.schemas.native import Status
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.knowledge_bases_jobs import watch
from webui_pages.markup import plain
from webui_pages.session import show_error

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

NOTE = "kb_note"
ROUND = "kb_upload_round"  # part of the field's key: the next round begins with an empty field
MAX_NAMES = 5
HEAD_BYTES = 2_000  # that a request spends on a file beside its bytes


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
    with st.container(key="kb_offer"):
        if chosen:
            offer(client, base, chosen, present, status)


def offer(
    client: ApiClient,
    base: str,
    chosen: "Sequence[UploadedFile]",
    present: set[str],
    status: Status,
) -> None:
    """Show the button that adds the chosen files; first ask about names that are taken."""
    taken = {name for file in chosen if (name := stored_name(file)) in present}
    is_replacing = bool(taken) and ask_about(sorted(taken))
    new = [file for file in chosen if stored_name(file) not in taken]
    replacing = [file for file in chosen if stored_name(file) in taken and is_replacing]
    if st.button(label_of(new, replacing), type="primary", icon=":material/upload:") and (
        send(client, base, new, replacing, status)
    ):
        close_round(chosen, set() if is_replacing else taken)


def label_of(new: "Sequence[UploadedFile]", replacing: "Sequence[UploadedFile]") -> str:
    """Return what the button says that it will do."""
    files = [*new, *replacing]
    if not files:
        return text("knowledge_bases.upload_keep")
    if len(files) == 1:
        name = plain(files[0].name)
        if new:
            return text("knowledge_bases.upload_start_one", name=name)
        return text("knowledge_bases.upload_replace_one", name=name)
    if new:
        return text("knowledge_bases.upload_start", count=len(files))
    return text("knowledge_bases.upload_replace", count=len(files))


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


def send(
    client: ApiClient,
    base: str,
    new: "Sequence[UploadedFile]",
    replacing: "Sequence[UploadedFile]",
    status: Status,
) -> bool:
    """Send the files, in as few jobs as the limits allow; return whether all jobs have begun.

    A job that has begun goes on, and sending its files again changes nothing.
    """
    count = len(new) + len(replacing)
    label = (
        text("jobs.sending_one", name=plain((*new, *replacing)[0].name))
        if count == 1
        else text("jobs.sending", count=count)
    )
    with st.spinner(label):
        accepted = [
            send_portion(client, base, portion, override=override)
            for files, override in ((new, False), (replacing, True))
            for portion in portions(files, status)
        ]
    return all(accepted)


def send_portion(
    client: ApiClient, base: str, files: "Sequence[UploadedFile]", *, override: bool
) -> bool:
    """Send files and return whether they were accepted; if none can be added, say why."""
    try:
        watch(client.add_files(base, [(file.name, file) for file in files], override=override))
    except ApiError as error:
        if len(files) > 1:
            st.markdown(text("jobs.all_refused", count=len(files)))
        show_error(error)
        return False
    return True


def portions(files: "Sequence[UploadedFile]", status: Status) -> "Iterator[Sequence[UploadedFile]]":
    """Yield the files in portions that the API takes in one request."""
    most_files = int(status.settings["server"]["max_files_per_upload"])
    most_bytes = status.max_upload_mb * 1024**2
    portion: list[UploadedFile] = []
    used = 0
    for file in files:
        needed = file.size + HEAD_BYTES
        if portion and (len(portion) == most_files or used + needed > most_bytes):
            yield portion
            portion, used = [], 0
        portion.append(file)
        used += needed
    if portion:
        yield portion


def close_round(chosen: "Sequence[UploadedFile]", kept: set[str]) -> None:
    """Begin anew with an empty field; name the files that were kept as they were."""
    for file in chosen:
        release(file)
    if kept:
        st.session_state[NOTE] = text("jobs.kept", names=plain(shorten(sorted(kept))))
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.rerun()


def release(file: "UploadedFile") -> None:
    """Forget the bytes of a file: Streamlit would keep them as long as the session lasts."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)

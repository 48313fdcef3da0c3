"""The versions of a file: which there are, and back to one of them. Shows no contents."""

from dataclasses import dataclass

import streamlit as st

from server.schemas.jobs import FileVersion
from server.schemas.native import File
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.quantities import moment, size
from webui_pages.session import download_url, show_error

RESTORED = "kb_restored"


@dataclass(frozen=True)
class Restored:
    """A file after an earlier version came back, and what is to be said about it."""

    file: File
    number: int  # of the version that came back
    created: str


def forget_restored() -> None:
    """Begin to show a file as the list has it."""
    st.session_state.pop(RESTORED, None)


def present_file(file: File) -> File:
    """Return a file as it is now: a version may have come back since the list was drawn."""
    restored: Restored | None = st.session_state.get(RESTORED)
    return restored.file if restored else file


def show_versions(client: ApiClient, base: str, file: File) -> None:
    """Draw the versions, newest first, and what the last restoring did."""
    versions = client.versions(base, file.name)
    with st.container():
        if restored := st.session_state.get(RESTORED):
            note = text(
                "knowledge_bases.version_restored",
                number=restored.number,
                created=restored.created,
                now=versions[0].version,
            )
            st.success(note, icon=":material/check_circle:")
    with st.container(key="kb_versions"):
        for version in versions:
            show_version(client, base, file, version)
    if len(versions) < 2:
        st.caption(text("knowledge_bases.versions_none"))


def show_version(client: ApiClient, base: str, file: File, version: FileVersion) -> None:
    """Draw one version with what can be done with it."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(describe(version))
        with st.container(horizontal=True, width="content"):
            st.link_button(
                text("knowledge_bases.column_download"),
                download_url(base, file.name, version=version.version),
                icon=":material/download:",
                help=text("knowledge_bases.version_download_help", number=version.version),
                key=f"kb_version_get_{version.version}",
            )
            if not version.is_current and st.button(
                text("knowledge_bases.version_restore"),
                icon=":material/history:",
                help=text("knowledge_bases.version_restore_help", number=version.version),
                key=f"kb_version_restore_{version.version}",
            ):
                restore(client, base, file, version)


def describe(version: FileVersion) -> str:
    """Return the words about a version, as Markdown."""
    title = text("knowledge_bases.version_title", number=version.version)
    facts = text(
        "knowledge_bases.version_facts",
        created=moment(version.created_at),
        size=size(version.size),
        chunks=version.chunks,
    )
    current = f" · {text('knowledge_bases.version_current')}" if version.is_current else ""
    return f"**{title}**{current}  \n:small[{facts}]"


def restore(client: ApiClient, base: str, file: File, version: FileVersion) -> None:
    """Make a version the current one and draw the dialog anew; an error stays below it."""
    number = version.version
    try:
        with st.spinner(text("knowledge_bases.version_restoring", number=number)):
            present = client.restore(base, file.name, number)
    except ApiError as error:
        show_error(error)
        return
    st.session_state[RESTORED] = Restored(present, number, moment(version.created_at))
    st.rerun(scope="fragment")

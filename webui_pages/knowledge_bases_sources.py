"""The dialog of the sources that a knowledge base is kept in step with. Knows no files."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import streamlit as st

from server.schemas.sources import MAX_DEPTH, MAX_PAGES, CreateWebSource, KbSource, WebOptions
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError
from webui_pages.dialogs import open_dialog
from webui_pages.markup import plain
from webui_pages.quantities import moment
from webui_pages.session import show_error

KINDS = "kb_source_kinds"  # in the session: the kinds that the settings of the API allow
REFUSAL = "kb_source_refusal"
DELETING = "kb_source_deleting"  # in the session: the id of the source that may go
REFRESH_S = 2
FEW_PAGES = 100
FEW_PROBLEMS = 5  # that are shown; the API tells more


def kinds_allowed(client: ApiClient) -> set[str]:
    """Return the kinds of sources that can be added; they change only with a restart."""
    if KINDS not in st.session_state:
        settings = client.status().settings.get("sources", {})
        st.session_state[KINDS] = {kind for kind in ("web", "sql") if settings.get(kind)}
    allowed: set[str] = st.session_state[KINDS]
    return allowed


def open_sources_dialog(client: ApiClient, base: str) -> None:
    """Show the sources of a knowledge base."""
    st.session_state.pop(DELETING, None)
    open_dialog(text("sources.title"), show_sources, ":material/cloud_sync:", "medium")(
        client, base
    )


def show_sources(client: ApiClient, base: str) -> None:
    """Draw the sources with what can be done, and how to add one."""
    st.caption(text("sources.explained"))
    try:
        sources = client.sources(base)
    except ApiError as error:
        show_error(error)
        return
    show_refusal()
    st.fragment(show_list, run_every=REFRESH_S)(client, base)
    if "web" in kinds_allowed(client):
        with st.expander(text("sources.add_web"), icon=":material/add:", expanded=not sources):
            show_form(client, base)


def show_list(client: ApiClient, base: str) -> None:
    """Draw the sources as they are now."""
    try:
        sources = client.sources(base)
    except ApiError as error:
        show_error(error)
        return
    show_refusal()
    if not sources:
        st.caption(text("sources.none"))
    for source in sources:
        with st.container(border=True):
            show_source(client, base, source)


def show_source(client: ApiClient, base: str, source: KbSource) -> None:
    """Draw one source with what can be done with it."""
    name = plain(source.name)
    st.markdown(f"**{name}** · {name_state(source)}")
    st.code(str(source.options.get("url", "")), language=None, wrap_lines=True)
    if source.kind == "sql":
        st.code(str(source.options.get("query", "")), language="sql", wrap_lines=True)
    st.caption("  \n".join(describe(source)))
    if source.error is not None:
        st.warning(plain(source.error.message), icon=":material/warning:")
    others = [each.error.message for each in source.problems if each.error != source.error]
    if others:
        more = ["…"] if len(others) > FEW_PROBLEMS else []
        st.caption("  \n".join([*map(plain, others[:FEW_PROBLEMS]), *more]))
    with st.container(horizontal=True):
        if source.error is not None and source.error.code == "many_gone":
            st.button(
                text("sources.delete_many"),
                icon=":material/delete_sweep:",
                key=f"kb_source_delete_many_{source.id}",
                on_click=partial(sync, delete_many=True),
                args=(client, base, source.id),
            )
        st.button(
            text("sources.sync"),
            icon=":material/sync:",
            help=text("sources.sync_help", name=name),
            disabled=source.state == "syncing",
            key=f"kb_source_sync_{source.id}",
            on_click=sync,
            args=(client, base, source.id),
        )
        st.button(
            text("sources.delete"),
            icon=":material/delete:",
            type="tertiary",
            help=text("sources.delete_help", name=name),
            key=f"kb_source_delete_{source.id}",
            on_click=partial(st.session_state.update, {DELETING: source.id}),
        )
    if st.session_state.get(DELETING) == source.id:
        ask_whether_it_goes(client, base, source)


def name_state(source: KbSource) -> str:
    """Return in words how a source is."""
    return {
        "new": text("sources.state_new"),
        "syncing": text("sources.state_syncing"),
        "done": text("sources.state_done"),
        "incomplete": text("sources.state_incomplete"),
        "failed": text("sources.state_failed"),
        "interrupted": text("sources.state_interrupted"),
    }[source.state]


def describe(source: KbSource) -> list[str]:
    """Return lines about a source, as Markdown: what was done the last time, and what was not."""
    lines = []
    if source.synced_at is not None:
        lines.append(text("sources.last", when=moment(source.synced_at)))
    if source.counts is not None:
        counts = source.counts
        lines.append(
            text(
                "sources.counts",
                found=counts.found,
                changed=counts.changed,
                deleted=counts.deleted,
            )
        )
        left = (
            (counts.failed, text("sources.count_failed", count=counts.failed)),
            (counts.missed, text("sources.count_missed", count=counts.missed)),
            (counts.kept, text("sources.count_kept", count=counts.kept)),
            (counts.skipped, text("sources.count_skipped", count=counts.skipped)),
        )
        lines += [words for number, words in left if number]
    return lines


def sync(client: ApiClient, base: str, source_id: int, *, delete_many: bool = False) -> None:
    """Begin to synchronise."""
    with refusal_kept():
        client.sync_source(base, source_id, delete_many=delete_many)


def ask_whether_it_goes(client: ApiClient, base: str, source: KbSource) -> None:
    """Ask what becomes of the documents, and delete the source."""
    st.markdown(text("sources.delete_question", name=plain(source.name)))
    choices = {False: text("sources.delete_keep"), True: text("sources.delete_all")}
    with st.container(horizontal=True):
        for with_documents, label in choices.items():
            st.button(
                label,
                key=f"kb_source_delete_{source.id}_{with_documents}",
                on_click=delete,
                args=(client, base, source.id, with_documents),
            )


def delete(client: ApiClient, base: str, source_id: int, with_documents: bool) -> None:
    """Delete a source."""
    with refusal_kept():
        client.delete_source(base, source_id, with_documents=with_documents)
        st.session_state.pop(DELETING, None)


def show_form(client: ApiClient, base: str) -> None:
    """Draw the fields of a new web page; once they are sent and accepted, it is fetched."""
    with st.form("kb_source", border=False):
        st.text_input(
            text("sources.address"),
            max_chars=2000,
            placeholder="https://",
            help=text("sources.address_help"),
            key="kb_source_url",
        )
        st.text_input(
            text("sources.name"), max_chars=64, help=text("sources.name_help"), key="kb_source_name"
        )
        left, right = st.columns(2)
        left.number_input(text("sources.depth"), 0, MAX_DEPTH, 0, key="kb_source_depth")
        right.number_input(
            text("sources.max_pages"), 1, MAX_PAGES, FEW_PAGES, key="kb_source_pages"
        )
        st.form_submit_button(
            text("sources.add"), type="primary", on_click=add, args=(client, base)
        )


def add(client: ApiClient, base: str) -> None:
    """Add the web page that the form holds and begin to synchronise."""
    fields = st.session_state
    name, url = fields.kb_source_name.strip(), fields.kb_source_url.strip()
    if not name or not url:
        fields[REFUSAL] = text("sources.missing")
        return
    options = WebOptions(url=url, depth=fields.kb_source_depth, max_pages=fields.kb_source_pages)
    with refusal_kept():
        added = client.add_source(base, CreateWebSource(kind="web", name=name, options=options))
        fields.kb_source_name = fields.kb_source_url = ""
        client.sync_source(base, added.id)


@contextmanager
def refusal_kept() -> Iterator[None]:
    """Keep what the API refuses until the dialog is drawn again."""
    try:
        yield
    except ApiError as error:
        st.session_state[REFUSAL] = error.message


def show_refusal() -> None:
    """Show what the API refused, once."""
    if told := st.session_state.pop(REFUSAL, ""):
        st.error(plain(told), icon=":material/error:")


def show_origin(origin: str | None) -> None:
    """Offer the web page that a file was fetched from, if it was."""
    if origin is not None and origin.startswith(("http://", "https://")):
        st.link_button(text("sources.open_origin"), origin, icon=":material/language:")

"""The system page: what runs, in which state, with which settings. Changes nothing.

Knows what the API says about itself; how a service is started is the supervisor's matter.
"""

from collections.abc import Iterable, Mapping
from html import escape

import streamlit as st

from server.schemas.native import ServiceState, Status
from webui_pages.catalogue import text
from webui_pages.client import ApiClient, ApiError, Unreachable
from webui_pages.session import api, show_error

REFRESH_S = 5
STYLE = """<style>
.zw-table { width: 100%; border-collapse: collapse; font-size: .95rem; }
.zw-table th, .zw-table td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent);
  overflow-wrap: anywhere; }
.zw-table th { font-weight: 400; opacity: .72; white-space: nowrap; }
.zw-table code { font-size: .85rem; background: none; padding: 0; color: inherit; }
.zw-pairs th { width: 13rem; white-space: normal; }
.zw-state::before { content: ""; display: inline-block; width: .6rem; height: .6rem;
  border-radius: 50%; margin-right: .5rem; background: #d0453b; }
.zw-ready::before { background: #2e8b57; }
.zw-starting::before, .zw-waiting::before { background: #d29a28; }
</style>"""
LOW_DISK_MB = 1000  # an upload needs room for the file, its text and its index


def show() -> None:
    """Draw the page."""
    st.html(STYLE)
    st.title(text("system.title"))
    st.fragment(show_state, run_every=REFRESH_S)(api())


def show_state(client: ApiClient) -> None:
    """Draw what holds now; runs again by itself."""
    try:
        status = client.status()
    except Unreachable as error:
        show_unreachable(error)
        return
    except ApiError as error:
        show_error(error)
        return
    show_services(status.services)
    show_facts(status)
    show_details(status)


def show_unreachable(error: Unreachable) -> None:
    """Say that the API is away, and what to do."""
    st.error(text("system.unreachable"), icon=":material/cloud_off:")
    st.text(error.message)
    st.markdown(text("system.unreachable_help"))


def show_services(services: list[ServiceState]) -> None:
    """Draw the services with their state, and what to do about those that are not well."""
    states = {service.state for service in services}
    if states & {"failed", "waiting"}:
        st.error(text("system.trouble"), icon=":material/error:")
    elif "starting" in states:
        st.info(text("system.busy"), icon=":material/hourglass_top:")
    else:
        st.success(text("system.fine"), icon=":material/check_circle:")
    for service in services:
        if service.state == "failed":
            st.text(text("system.failed_help", name=service.name))
        elif service.state == "waiting":
            st.text(text("system.waiting_help", name=service.name))
    st.subheader(text("system.services"))
    if not services:
        st.caption(text("system.alone"))
        return
    head = [
        text("system.service"),
        text("system.state"),
        text("system.address"),
        text("system.process"),
    ]
    st.html(draw_table(head, map(describe, services)))


def describe(service: ServiceState) -> list[str]:
    """Return the cells of a service."""
    states = {
        "ready": text("system.ready"),
        "starting": text("system.starting"),
        "waiting": text("system.waiting"),
        "failed": text("system.failed"),
    }
    state = escape(" · ".join(filter(None, [states[service.state], service.doing])))
    return [
        escape(service.name),
        f'<span class="zw-state zw-{service.state}">{state}</span>',
        f"<code>{escape(service.url)}</code>" if service.url else "",
        str(service.pid or ""),
    ]


def show_facts(status: Status) -> None:
    """Draw what a person asks for first."""
    st.subheader(text("system.facts"))
    if status.disk_free_mb < LOW_DISK_MB:
        st.warning(text("system.disk_low"), icon=":material/hard_drive:")
    names = {"en": text("system.language_en"), "zh": text("system.language_zh")}
    languages = [names.get(known, known) for known in status.embedding_languages]
    needed = text("system.key_needed") if status.needs_key else text("system.key_not_needed")
    facts = {
        text("system.version"): f"{status.version} (Python {status.python})",
        text("system.knowledge_bases"): str(status.knowledge_bases),
        text("system.embedding"): status.embedding_model,
        text("system.languages"): ", ".join(languages) or text("system.none"),
        text("system.models"): ", ".join(status.models) or text("system.no_models"),
        text("system.disk"): f"{status.disk_free_mb / 1000:.1f} GB",
        text("system.data"): status.data,
        text("system.formats"): " ".join(ending.lstrip(".") for ending in status.formats),
        text("system.limit"): f"{status.max_file_mb} MB",
        text("system.key"): needed,
    }
    st.html(draw_pairs(facts))


def show_details(status: Status) -> None:
    """Draw settings and versions, folded away."""
    with st.expander(text("system.settings"), icon=":material/tune:"):
        st.caption(text("system.settings_hint"))
        for section, values in status.settings.items():
            shown = {f"{section}.{name}": write(value) for name, value in values.items()}
            st.html(draw_pairs(shown))
    with st.expander(text("system.packages"), icon=":material/inventory_2:"):
        st.html(draw_pairs(status.packages))
    st.caption(text("system.refreshed", seconds=REFRESH_S))


def write(value: object) -> str:
    """Return the value of a setting as a person would write it into the file."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def draw_pairs(pairs: Mapping[str, str]) -> str:
    """Return names and values as HTML."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs.items()
    )
    return f'<table class="zw-table zw-pairs">{rows}</table>'


def draw_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as HTML; the cells of ``rows`` are HTML already."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for cells in rows)
    return f'<table class="zw-table"><tr>{titles}</tr>{lines}</table>'

"""The work under way on a knowledge base, and what became of it. Starts none of it.

The API keeps the jobs; a session only remembers which of those that ended its person has not
read about yet. So a page that is left or loaded again shows what runs.
"""

from collections.abc import Iterable, Mapping
from math import ceil

import streamlit as st

from server.schemas.intake import RefusedFile
from server.schemas.jobs import Job, JobFile
from server.schemas.native import File
from webui_pages.catalogue import text
from webui_pages.chat_conversations import LAST_BASE, switch
from webui_pages.client import ApiClient, ApiError
from webui_pages.dialogs import is_dialog_open, open_dialog
from webui_pages.job_words import (
    count,
    draw_bar,
    draw_failures,
    draw_outcomes,
    draw_work,
    is_active,
    name_result,
    name_work,
)
from webui_pages.markup import plain
from webui_pages.menu import make_page
from webui_pages.quantities import moment
from webui_pages.session import show_error

WATCHED = "kb_jobs"  # in the session: by knowledge base and id, the jobs to be told to the end
REFRESH_S = 1
MAX_RUNNING = 5  # cards; programs may have started any number
FILES_ON_A_PAGE = 20
HISTORY = 20

Jobs = tuple[list[Job], list[Job]]  # those that run, those that ended


def watch(job: Job) -> None:
    """Show a job until the person has read how it ended."""
    watched = st.session_state.setdefault(WATCHED, {})
    watched.setdefault(job.knowledge_base, {})[job.id] = job


def forget_jobs(base: str) -> None:
    """Show none of the jobs of a knowledge base that is gone; another may take its name."""
    st.session_state.get(WATCHED, {}).pop(base, None)


def show_jobs(client: ApiClient, base: str, jobs: Jobs, present: Iterable[File]) -> None:
    """Draw what runs, drawn again by itself, and what has ended.

    ``present`` are the files that were there after the jobs were looked at.
    """
    chunks = {file.name: file.chunks for file in present}
    active, ended = jobs
    with st.container(key="kb_jobs"):
        if active:
            st.fragment(show_active, run_every=REFRESH_S)(client, base)
        for job in ended:
            show_ended(client, job, chunks)


def look(client: ApiClient, base: str) -> Jobs:
    """Return the jobs that run, oldest first, and those that ended and are still to be read."""
    active = {job.id: job for job in reversed(client.jobs(base, active=True))}
    # Work that ran when the person came is theirs to follow; what comes later may be anybody's.
    watched = st.session_state.setdefault(WATCHED, {}).setdefault(base, dict(active))
    for job in list(watched.values()):
        if job.id in active:
            watched[job.id] = active[job.id]
        elif is_active(job):
            follow(client, watched, job)
    return list(active.values()), [job for job in watched.values() if not is_active(job)]


def follow(client: ApiClient, watched: dict[str, Job], job: Job) -> None:
    """Learn how a job ended."""
    try:
        watched[job.id] = client.job(job.id)
    except ApiError as error:
        if error.code != "unknown_job":
            raise
        del watched[job.id]


def show_active(client: ApiClient, base: str) -> None:
    """Draw what runs now; at an end, the whole page is drawn anew with the files there are."""
    before = [job for job in st.session_state[WATCHED].get(base, {}).values() if is_active(job)]
    try:
        active, ended = look(client, base)
    except ApiError as error:  # the API may be starting anew; then the work goes on
        st.warning(plain(error.message), icon=":material/cloud_off:")
        show_running(client, before)
        return
    has_ended = not active or {job.id for job in before} & {job.id for job in ended}
    if has_ended and not is_dialog_open():
        st.rerun()
    show_running(client, active)


def show_running(client: ApiClient, jobs: list[Job]) -> None:
    """Draw the jobs that run."""
    for job in jobs[:MAX_RUNNING]:
        show_progress(client, job)
    if len(jobs) > MAX_RUNNING:
        st.caption(text("jobs.and_more_running", count=len(jobs) - MAX_RUNNING))
    if jobs:
        st.caption(text("jobs.leave"))


def show_progress(client: ApiClient, job: Job) -> None:
    """Draw how far a job is, and the button that ends it."""
    with st.container(border=True, key=f"kb_job_{job.id}"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(f"**{name_work(job)}**")
            if st.button(
                text("jobs.cancel"),
                help=text("jobs.cancel_help"),
                icon=":material/close:",
                key=f"kb_job_cancel_{job.id}",
            ):
                cancel(client, job)
        st.html(draw_bar(job) + draw_work(job))


def cancel(client: ApiClient, job: Job) -> None:
    """End a job and draw the page anew."""
    try:
        watch(client.cancel_job(job.id))
    except ApiError as error:
        show_error(error)
        return
    st.rerun()


def show_ended(client: ApiClient, job: Job, chunks: Mapping[str, int]) -> None:
    """Draw how a job ended and what became of each file, until the person has read it."""
    with st.container(border=True, key=f"kb_job_{job.id}"):
        st.markdown(f"**{name_result(job)}**")
        if job.total:
            st.caption(count(job))
            show_outcomes(client, job, chunks)
        with st.container(horizontal=True):
            has_new = job.kind == "add" and job.done
            if has_new and st.button(
                text("jobs.ask"),
                type="primary",
                icon=":material/forum:",
                key=f"kb_job_ask_{job.id}",
            ):
                ask_about_it(job.knowledge_base)
            if st.button(text("jobs.dismiss"), key=f"kb_job_dismiss_{job.id}"):
                del st.session_state[WATCHED][job.knowledge_base][job.id]
                st.rerun()


def show_outcomes(client: ApiClient, job: Job, chunks: Mapping[str, int]) -> None:
    """Draw a line for each file, a page at a time; what failed comes first."""
    pages = ceil(job.total / FILES_ON_A_PAGE)
    page = st.session_state.get(f"kb_job_page_{job.id}", 1)
    files = read_outcomes(client, job, (page - 1) * FILES_ON_A_PAGE)
    st.html(draw_outcomes(job, files, chunks))
    if pages > 1:
        st.pagination(pages, key=f"kb_job_page_{job.id}")


def read_outcomes(client: ApiClient, job: Job, offset: int) -> list[JobFile]:
    """Return the files on a page of a job that has ended; ``offset`` counts failures first."""
    files: list[JobFile] = []
    for status in ("failed", "done", "skipped", "cancelled"):
        wanted = FILES_ON_A_PAGE - len(files)
        number: int = getattr(job, status)
        if wanted and offset < number:
            files += client.job_files(job.id, status=status, offset=offset, limit=wanted)
        offset = max(0, offset - number)
    return files


def show_unread(base: str, unread: Iterable[RefusedFile]) -> None:
    """Say what lies in the folder ``content/`` and could not be read, unless a job here says it."""
    ended = [job for job in st.session_state[WATCHED].get(base, {}).values() if not is_active(job)]
    told = {(file.name, file.error.message) for job in ended for file in job.failures}
    files = [file for file in unread if (file.name, file.error.message) not in told]
    if not files:
        return
    with st.container(border=True, key="kb_unread"):
        words = (
            text("knowledge_bases.unread_file")
            if len(files) == 1
            else text("knowledge_bases.unread_files", count=len(files))
        )
        st.markdown(f":orange[:material/warning: **{words}**]")
        st.html("".join(draw_failures(files[:FILES_ON_A_PAGE])))
        if len(files) > FILES_ON_A_PAGE:
            st.caption(text("knowledge_bases.and_more", count=len(files) - FILES_ON_A_PAGE))
        st.caption(text("knowledge_bases.unread_explained"))


def show_failures(job: Job) -> None:
    """Draw a line for each file that failed, as far as the API names them at once."""
    if job.failed > len(job.failures):
        st.caption(text("jobs.first_failures", count=len(job.failures)))
    st.html("".join(draw_failures(job.failures)))


def ask_about_it(base: str) -> None:
    """Go to a new chat with this knowledge base; its first question makes it a conversation."""
    switch(None)
    st.session_state[LAST_BASE] = base
    st.switch_page(make_page("chat"))


def open_history(client: ApiClient, base: str) -> None:
    """Show the last jobs of a knowledge base in a dialog."""
    open_dialog(text("jobs.history"), show_history, ":material/history:", "medium")(client, base)


def show_history(client: ApiClient, base: str) -> None:
    """Draw the last jobs, each with what failed."""
    try:
        jobs = client.jobs(base, limit=HISTORY)
    except ApiError as error:
        show_error(error)
        return
    if not jobs:
        st.caption(text("jobs.history_none"))
    for job in jobs:
        with st.container(border=True):
            st.markdown(f"**{name_work(job) if is_active(job) else name_result(job)}**")
            facts = [moment(job.created_at), count(job)]
            st.caption(" · ".join(filter(None, facts)))
            if job.failures:
                show_failures(job)

"""What a job does and did, in words and as HTML. Asks the API nothing and draws no widget."""

from collections.abc import Iterable, Mapping
from html import escape

from server.schemas.intake import RefusedFile
from server.schemas.jobs import FailedFile, Job, JobFile, WorkingFile
from server.schemas.native import ErrorDetail
from webui_pages.catalogue import text

UNSUPPORTED = "unsupported_format"  # the code of an error that lists all formats
MAX_FAILURES = 5  # while it runs; all of them are told at its end


def is_active(job: Job) -> bool:
    """Return whether a job is still to end."""
    return job.status in ("queued", "running")


def name_work(job: Job) -> str:
    """Return what a job is doing."""
    if job.kind == "add":
        return text("jobs.adding")
    return text("jobs.rereading") if job.kind == "reindex" else text("jobs.remodelling")


def name_result(job: Job) -> str:
    """Return how a job ended."""
    if job.kind == "add":
        return name_added(job)
    return name_reread(job) if job.kind == "reindex" else name_remodelled(job)


def name_added(job: Job) -> str:
    """Return how adding files ended."""
    if job.status == "cancelled":
        return text("jobs.add_cancelled")
    if job.failed:
        return text("jobs.add_partly") if job.done or job.skipped else text("jobs.add_failed")
    return text("jobs.add_done") if job.done else text("jobs.add_same")


def name_reread(job: Job) -> str:
    """Return how reading all files again ended."""
    if job.status == "cancelled":
        return text("jobs.reread_cancelled")
    if job.failed:
        return text("jobs.reread_partly") if job.done else text("jobs.reread_failed")
    return text("jobs.reread_done")


def name_remodelled(job: Job) -> str:
    """Return how changing the embedding model ended."""
    if job.status == "cancelled":
        return text("jobs.remodel_cancelled")
    return text("jobs.remodel_failed") if job.failed else text("jobs.remodel_done")


def settled(job: Job) -> int:
    """Return of how many files the outcome is known."""
    return job.done + job.skipped + job.failed + job.cancelled


def count(job: Job) -> str:
    """Return how many files ended how; what no file did is left out."""
    parts = [
        (job.done, text("jobs.count_done", count=job.done)),
        (job.skipped, text("jobs.count_skipped", count=job.skipped)),
        (job.failed, text("jobs.count_failed", count=job.failed)),
        (job.cancelled, text("jobs.count_cancelled", count=job.cancelled)),
    ]
    return " · ".join(words for number, words in parts if number)


def draw_bar(job: Job) -> str:
    """Return how far a job is as HTML; Streamlit's own bar is read aloud in English only."""
    words = escape(text("jobs.progress", done=settled(job), count=job.total))
    percent = int(100 * job.progress)
    return (
        f'<div>{words}</div><div class="zw-bar" role="progressbar"'
        f' aria-label="{escape(name_work(job))}" aria-valuetext="{words}"'
        f' aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
        f'<span style="width: {percent}%"></span></div>'
    )


def draw_work(job: Job) -> str:
    """Return the files in work with their stage, and what failed so far, as HTML."""
    lines = [draw_line(file.name, name_stage(file), "working") for file in job.working]
    if job.failed:
        lines.append(f"<div>{escape(text('jobs.failed_so_far', count=job.failed))}</div>")
    lines += draw_failures(job.failures[:MAX_FAILURES])
    return "".join(lines)


def name_stage(file: WorkingFile) -> str:
    """Return what is being done with a file."""
    if file.stage == "reading" and file.total:
        return text("jobs.ocr", page=file.done, pages=file.total)
    if file.stage == "reading":
        return text("jobs.reading")
    if file.stage == "storing":
        return text("jobs.storing")
    if file.stage is None:
        return text("jobs.waiting")
    if file.total:
        return text("jobs.embedding", done=file.done, total=file.total)
    return text("jobs.embedding_soon")


def draw_failures(failures: Iterable[FailedFile | RefusedFile]) -> list[str]:
    """Return a line of HTML about each file that failed; the formats are listed only once."""
    lines, has_formats = [], False
    for file in failures:
        lines.append(draw_line(file.name, reason(file.name, file.error, has_formats), "refused"))
        has_formats |= file.error.code == UNSUPPORTED
    return lines


def reason(name: str, error: ErrorDetail, has_formats: bool) -> str:
    """Return why a file failed, without the formats there are where they were listed before."""
    if has_formats and error.code == UNSUPPORTED:
        return text("jobs.file_unsupported", name=name)
    return error.message


def draw_outcomes(job: Job, files: Iterable[JobFile], chunks: Mapping[str, int]) -> str:
    """Return a line of HTML about each file of a job that has ended.

    ``chunks`` are how many chunks each file of the knowledge base has by now.
    """
    lines, has_formats = [], False
    for file in files:
        lines.append(draw_outcome(job, file, chunks.get(file.name, 0), has_formats=has_formats))
        has_formats |= file.error is not None and file.error.code == UNSUPPORTED
    return "".join(lines)


def draw_outcome(job: Job, file: JobFile, chunks: int, *, has_formats: bool) -> str:
    """Return a line of HTML about what became of a file."""
    if file.error:
        state = "refused" if file.status == "failed" else "kept"
        return draw_line(file.name, reason(file.name, file.error, has_formats), state)
    if file.status == "cancelled":
        return draw_line(file.name, text("jobs.file_cancelled"), "kept")
    state = "kept" if file.status == "skipped" else "added"
    words = [name_outcome(job, file, chunks)]
    if file.same_content_as:
        words.append(text("jobs.file_same_as", name=file.same_content_as))
    return draw_line(file.name, " · ".join(words), state)


def name_outcome(job: Job, file: JobFile, chunks: int) -> str:
    """Return what became of a file that was not refused."""
    if file.outcome == "unchanged":
        return text("jobs.file_unchanged")
    if file.outcome == "superseded":
        return text("jobs.file_superseded")
    if file.outcome == "gone":
        return text("jobs.file_gone")
    if job.kind == "model":
        return text("jobs.file_embedded")
    if job.kind == "reindex":
        return text("jobs.file_reread", chunks=chunks)
    if file.outcome == "replaced":
        return text("jobs.file_replaced", chunks=chunks)
    return text("jobs.file_added", chunks=chunks)


def draw_line(name: str, note: str, state: str) -> str:
    """Return a line of HTML about a file; its name is not said twice."""
    shown = "" if name in note else f"<b>{escape(name)}</b> "
    return f'<div class="zw-outcome zw-{state}">{shown}{escape(note)}</div>'

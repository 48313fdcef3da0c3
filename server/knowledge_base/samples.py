"""The samples knowledge base, created at the first start. Knows no questions."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from contextlib import ExitStack
from pathlib import Path

from server.db.facts import read_fact, write_fact
from server.errors import UnknownKnowledgeBase
from server.errors.records import read_error
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.service import KnowledgeBases
from server.knowledge_base.submission import AllRefused, Upload

logger = logging.getLogger(__name__)

NAME = "samples"
INFO = "Sample documents of a made-up company, in Chinese and English · 虚构公司的中英文示例文档"
FACT = "samples_created"
LOOK_EVERY_S = 0.5


def create_samples(
    knowledge_bases: KnowledgeBases,
    folder: Path,
    *,
    report: Callable[[str, str], None],
    calibrate: Callable[[str], None],
) -> None:
    """Create the knowledge base and add the sample documents, once in the life of a data folder.

    Interrupted, it goes on at the next start; deleted by the user, it does not come back.
    """
    with knowledge_bases.database.read() as session:
        if read_fact(session, FACT):
            return
    known = existing_files(knowledge_bases)
    documents = (folder / "documents").glob("*")
    paths = sorted(path for path in documents if path.is_file() and path.name not in known)
    failed = add_samples(knowledge_bases, paths, report) if paths else 0
    calibrate(NAME)  # now, so that the first question is judged by it
    if failed:
        logger.error("%d samples were not added; the next start tries again.", failed)
        return
    with knowledge_bases.database.write("samples") as session:
        write_fact(session, FACT, "yes")


def add_samples(
    knowledge_bases: KnowledgeBases, paths: Sequence[Path], report: Callable[[str, str], None]
) -> int:
    """Add documents and return how many failed: a bad one must not stop the service."""
    with ExitStack() as stack:
        uploads = [Upload(path.name, stack.enter_context(path.open("rb"))) for path in paths]
        try:
            submitted = knowledge_bases.submissions.submit(NAME, uploads, options=IngestOptions())
        except AllRefused as refused:
            raise refused.first from refused
    while not submitted.ended.done():
        done = len(paths) - count_queued(knowledge_bases, submitted.job.id)
        report(
            f"adding the samples, {done} of {len(paths)} done",
            f"添加示例文档，已完成 {done}/{len(paths)}",
        )
        wait([submitted.ended], LOOK_EVERY_S)
    if (trouble := submitted.ended.exception()) is not None:
        logger.error("The samples wait: %s", trouble)  # their job tries again by itself
        return count_queued(knowledge_bases, submitted.job.id)
    files, _ = knowledge_bases.outcomes(NAME, submitted.job.id)
    failed = [file for file in files if file.status == "failed"]
    for file in failed:
        error = read_error(file.note or {})
        logger.error("The sample %r was not added: %s", file.name, error)
    return len(failed)


def count_queued(knowledge_bases: KnowledgeBases, job_id: str) -> int:
    """Return how many files of a job are still to be done."""
    files, _ = knowledge_bases.outcomes(NAME, job_id)
    return sum(file.status == "queued" for file in files)


def existing_files(knowledge_bases: KnowledgeBases) -> set[str]:
    """Return the names of the files that are there, after creating the knowledge base if needed."""
    try:
        return {row.name for row in knowledge_bases.list_files(NAME)}
    except UnknownKnowledgeBase:
        knowledge_bases.create(NAME, info=INFO)
        return set()

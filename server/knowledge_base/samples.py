"""The samples knowledge base, created at the first start. Knows no questions."""

import logging
from collections.abc import Callable
from pathlib import Path

from server.db.facts import read_fact, write_fact
from server.errors import UnknownKnowledgeBase, ZhiwenError
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.service import KnowledgeBases

logger = logging.getLogger(__name__)

NAME = "samples"
INFO = "Sample documents of a made-up company, in Chinese and English · 虚构公司的中英文示例文档"
FACT = "samples_created"


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
    files = sorted(path for path in (folder / "documents").glob("*") if path.is_file())
    known = existing_files(knowledge_bases)
    failed = 0
    for number, path in enumerate(files, 1):
        report(
            f"adding sample {number} of {len(files)}: {path.name}",
            f"添加示例文档 {number}/{len(files)}：{path.name}",
        )
        if path.name not in known:
            failed += not add_sample(knowledge_bases, path)
    calibrate(NAME)  # now, so that the first question is judged by it
    if failed:
        logger.error("%d samples were not added; the next start tries again.", failed)
        return
    with knowledge_bases.database.write("samples") as session:
        write_fact(session, FACT, "yes")


def add_sample(knowledge_bases: KnowledgeBases, path: Path) -> bool:
    """Add one document and return whether that worked: a bad one must not stop the service."""
    try:
        with path.open("rb") as source:
            knowledge_bases.add_file(NAME, path.name, source, options=IngestOptions())
    except ZhiwenError as error:
        logger.error("The sample %r was not added: %s", path.name, error)
        return False
    return True


def existing_files(knowledge_bases: KnowledgeBases) -> set[str]:
    """Return the names of the files that are there, after creating the knowledge base if needed."""
    try:
        return {row.name for row in knowledge_bases.list_files(NAME)}
    except UnknownKnowledgeBase:
        knowledge_bases.create(NAME, info=INFO)
        return set()

"""What an index lacks, read from SQL in bounded portions. Knows no index and no threads."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embeddings import Embedder, Vectors
from server.datatypes import Passage
from server.db.files import files_since, passages_of_files, removed_since
from server.db.models import KnowledgeBaseRow
from server.db.vectors import DamagedVectors, StoredVectors, read_vectors
from server.knowledge_base.analysis import Terms, analyze, index_text, language_of

logger = logging.getLogger(__name__)

CHUNKS_AT_ONCE = 5000  # of a portion, unless a single file has more
EMBEDDED_AT_ONCE = 256

Embed = Callable[[Embedder, list[str]], Vectors]


class OutOfStep(Exception):
    """An index and the database do not fit together; build the index again."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Files to add and chunks to remove, and the revision to note afterwards."""

    revision: int
    files: Sequence[int]
    removed: Sequence[int]


@dataclass(frozen=True, slots=True)
class Repair:
    """Vectors that were made again because the stored ones were damaged."""

    damaged: DamagedVectors
    vectors: StoredVectors


def read_portions(session: Session, kb: KnowledgeBaseRow, known: int) -> Iterator[Portion]:
    """Yield what an index of a known revision lacks.

    Only the last portion notes the new revision: a process that dies in between starts over, and
    adding a chunk twice changes nothing.

    Raises:
        OutOfStep: the log was pruned past ``known``.
    """
    if known == kb.revision:
        return
    removed: list[int] = []  # is of no concern to an index that never had it
    if known:
        changes = removed_since(session, kb.id, known)
        if len(changes) != kb.revision - known:
            raise OutOfStep(f"the change log has {len(changes)} of {kb.revision - known} changes")
        removed = np.concatenate(changes).tolist()
    portions = list(divide(files_since(session, kb.id, known))) or [[]]
    for number, files in enumerate(portions, 1):
        is_last = number == len(portions)
        yield Portion(kb.revision if is_last else known, files, removed if number == 1 else [])


def divide(files: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield ids of files whose chunks are few enough to be applied in one step."""
    some: list[int] = []
    chunks = 0
    for file_id, count in files:
        if some and chunks + count > CHUNKS_AT_ONCE:
            yield some
            some, chunks = [], 0
        some.append(file_id)
        chunks += count
    if some:
        yield some


def read_terms(session: Session, files: Sequence[int]) -> list[tuple[int, Terms]]:
    """Return the terms of all chunks of files."""
    return [
        (passage.chunk_id, analyze(index_text(passage)))
        for passage in passages_of_files(session, files)
    ]


def read_rows(
    session: Session, files: Sequence[int], embedder: Embedder, embed: Embed
) -> tuple[list[int], NDArray[np.float32], list[Repair]]:
    """Return ids and vectors of all chunks of files that have one, and what had to be repaired.

    Raises:
        EmbeddingFailed: damaged vectors cannot be made again.
    """
    good, damaged = read_vectors(session, files, embedder.generation, dimension=embedder.dimension)
    ids = [np.empty(0, np.int64), *(part.chunk_ids for part in good)]
    values = [np.empty((0, embedder.dimension), np.float32), *(part.values for part in good)]
    repairs = []
    for item in damaged:
        logger.warning("The vectors of file %d are damaged; embedding it again.", item.file_id)
        passages = [
            passage
            for passage in passages_of_files(session, [item.file_id])
            if language_of(passage.chunk.text) in embedder.languages
        ]
        made = embed_again(passages, embedder, embed)
        ids.append(np.array([passage.chunk_id for passage in passages], np.int64))
        values.append(made)
        orders = np.array([passage.order for passage in passages], np.int32)
        repairs.append(Repair(item, StoredVectors(item.generation, orders, made)))
    return np.concatenate(ids).tolist(), np.concatenate(values), repairs


def embed_again(passages: Sequence[Passage], embedder: Embedder, embed: Embed) -> Vectors:
    """Return the vectors of chunks, made in bounded portions."""
    texts = list(map(index_text, passages))
    parts = [np.empty((0, embedder.dimension), np.float32)]
    for start in range(0, len(texts), EMBEDDED_AT_ONCE):
        parts.append(embed(embedder, texts[start : start + EMBEDDED_AT_ONCE]))
    return np.concatenate(parts)

"""What chunks a file would have, without storing anything. Knows no routes."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Unpack

from server.datatypes import Chunk, Document
from server.db.knowledge_bases import find_kb
from server.errors import EmptyDocument
from server.knowledge_base.blobs import BLOCK, storage_errors, too_large
from server.knowledge_base.chunking import (
    Cutting,
    CuttingWishes,
    HasCutting,
    choose_cutting,
    cut_document,
)
from server.knowledge_base.loaders import check_format
from server.knowledge_base.names import check_file_name
from server.knowledge_base.service import KnowledgeBases


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file whose chunks are wanted."""

    name: str
    source: BinaryIO
    knowledge_base: str | None  # whose options and model are the usual ones; None: the settings


@dataclass(frozen=True, slots=True)
class Preview:
    """A document with its chunks, and how they were cut."""

    document: Document
    cutting: Cutting
    chunks: tuple[Chunk, ...]


def preview(
    service: KnowledgeBases,
    incoming: Incoming,
    *,
    is_cancelled: Callable[[], bool],
    **wishes: Unpack[CuttingWishes],
) -> Preview:
    """Read a file in a parser, as an upload would, and return its chunks.

    Raises:
        ZhiwenError: an upload of the file would fail as well, or there is no such knowledge base.
    """
    name = check_file_name(incoming.name)
    check_format(name)
    usual, model = find_usual(service, incoming.knowledge_base)
    cutting = choose_cutting(usual, **wishes)
    with tempfile.TemporaryDirectory(prefix="zhiwen-preview-") as folder:
        path = Path(folder) / "file"
        with storage_errors():
            copy(incoming.source, path, name, max_bytes=service.blobs.max_bytes)
        document = service.parsers.parse(path, name, is_cancelled=is_cancelled)
    tokenize = partial(service.embedders.find_tokens, model)
    return Preview(document, cutting, cut_document(document, cutting, tokenize))


def find_usual(service: KnowledgeBases, kb_name: str | None) -> tuple[HasCutting, str]:
    """Return the options and the embedding model of a knowledge base, or those of new ones.

    Raises:
        UnknownKnowledgeBase: there is none of that name.
    """
    if kb_name is None:
        return service.settings, service.embedders.check_name(None)
    with service.database.read() as session:
        kb = find_kb(session, kb_name)
    return kb, kb.embedding_model


def copy(source: BinaryIO, target: Path, name: str, *, max_bytes: int) -> None:
    """Copy a stream into a new file.

    Raises:
        TooLarge, EmptyDocument: it is longer than ``max_bytes``, or has no bytes.
    """
    size = 0
    with target.open("xb") as output:
        while block := source.read(BLOCK):
            size += len(block)
            if size > max_bytes:
                raise too_large(name, max_bytes)
            output.write(block)
    if not size:
        raise EmptyDocument(name=name)

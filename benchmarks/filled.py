"""Knowledge bases of any size in seconds: rows written straight into SQL. Knows no measurements.

Embedding 100k chunks with the real model takes most of an hour and is measured elsewhere
(``benchmarks.ingest``, ``benchmarks.embed``). Here the vectors are random unit vectors under the
model's name: an exact search costs the same whatever they hold.
"""

import hashlib
import sys
from random import Random

import numpy as np
from tqdm import tqdm

from benchmarks.texts import Prose
from server.container import Container
from server.datatypes import Block, Chunk, Document
from server.db.files import NewFile, put_file
from server.db.knowledge_bases import find_kb, next_revision
from server.db.vectors import StoredVectors
from server.knowledge_base.analysis import language_of

CHUNKS_PER_FILE = 50
FILES_PER_COMMIT = 20
CHUNK_BYTES = {"en": 450, "zh": 900}  # about 450 and 300 characters
CHINESE = 0.3  # share of files


def fill(container: Container, kb_name: str, chunks: int, *, model: str) -> None:
    """Create a knowledge base and write files of made-up text into it."""
    container.knowledge_bases.create(kb_name, embedding_model=model)
    random, prose = Random(chunks), Prose(chunks)
    vectors = np.random.default_rng(chunks)
    files = range(0, chunks, CHUNKS_PER_FILE)
    for start in tqdm(
        range(0, len(files), FILES_PER_COMMIT), desc=f"fill {kb_name}", file=sys.stderr
    ):
        made = [
            make_file(number, min(CHUNKS_PER_FILE, chunks - number), random, prose)
            for number in files[start : start + FILES_PER_COMMIT]
        ]
        with container.database.write("benchmark.fill") as session:
            for document, parts in made:
                kb = next_revision(session, find_kb(session, kb_name))
                put_file(
                    session,
                    kb,
                    NewFile(
                        name=f"{document.title}.txt",
                        blob=hashlib.sha256(document.text.encode()).hexdigest(),
                        size=len(document.text.encode()),
                        document=document,
                        chunks=parts,
                        chunk_size=500,
                        chunk_overlap=0,
                        vectors=make_vectors(container, model, parts, vectors),
                    ),
                    None,
                    keep_versions=0,
                )


def make_file(
    number: int, chunks: int, random: Random, prose: Prose
) -> tuple[Document, tuple[Chunk, ...]]:
    """Return a document in one language with its chunks."""
    language = "zh" if random.random() < CHINESE else "en"
    size = CHUNK_BYTES[language]
    texts = [prose.write(size, chinese=float(language == "zh")) for _ in range(chunks)]
    document = Document(f"file {number:06}", tuple(map(Block, texts)))
    parts, start = [], 0
    for text in texts:
        parts.append(Chunk(text, start, start + len(text)))
        start += len(text) + len(Document.SEPARATOR)
    return document, tuple(parts)


def make_vectors(
    container: Container, model: str, chunks: tuple[Chunk, ...], random: np.random.Generator
) -> StoredVectors | None:
    """Return unit vectors for the chunks in a language that the model knows."""
    embedder = container.embedders.get(model)
    if embedder is None:
        return None
    known = [n for n, chunk in enumerate(chunks) if language_of(chunk.text) in embedder.languages]
    if not known:
        return None
    rows = random.normal(size=(len(known), embedder.dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return StoredVectors(embedder.generation, np.array(known, np.int32), rows)

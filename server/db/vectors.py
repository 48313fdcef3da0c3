"""Vectors in SQL, packed one blob a file. Knows no index and no embedding model."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import ChunkRow, VectorRow


class DamagedVectors(Exception):
    """Stored vectors do not have the checksum they were stored with; embed the file again."""

    def __init__(self, file_id: int) -> None:
        self.file_id = file_id
        super().__init__(f"the vectors of file {file_id} are damaged")


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """The vectors of a file under one generation of a model."""

    generation: str
    orders: NDArray[np.int32]  # (n,): the chunks that have a vector, by their place in the file
    values: NDArray[np.float32]  # (n, dim), unit rows


@dataclass(frozen=True, slots=True)
class FileVectors:
    """The vectors of a file by chunk."""

    chunk_ids: NDArray[np.int64]  # (n,)
    values: NDArray[np.float32]  # (n, dim), unit rows


def pack_vectors(file_id: int, vectors: StoredVectors) -> VectorRow:
    """Return the row that stores vectors."""
    content = np.ascontiguousarray(vectors.values, np.float32).tobytes()
    return VectorRow(
        file_id=file_id,
        generation=vectors.generation,
        dimension=vectors.values.shape[1],
        orders=vectors.orders.astype(np.int32).tobytes(),
        values=content,
        crc32=zlib.crc32(content),
    )


def unpack_vectors(row: VectorRow) -> StoredVectors:
    """Return what a row stores.

    Raises:
        DamagedVectors: the bytes do not have their checksum.
    """
    if zlib.crc32(row.values) != row.crc32:
        raise DamagedVectors(row.file_id)
    values = np.frombuffer(row.values, np.float32).reshape(-1, row.dimension)
    return StoredVectors(row.generation, np.frombuffer(row.orders, np.int32), values)


def read_vectors(session: Session, file_id: int, generation: str) -> FileVectors | None:
    """Return the vectors of a file, or None if no chunk of it has any.

    Raises:
        DamagedVectors: the stored bytes do not have their checksum.
    """
    row = session.get(VectorRow, (file_id, generation))
    if row is None:
        return None
    vectors = unpack_vectors(row)
    ids = session.scalars(
        select(ChunkRow.id).where(ChunkRow.file_id == file_id).order_by(ChunkRow.order)
    ).all()
    return FileVectors(np.array(ids, np.int64)[vectors.orders], vectors.values)

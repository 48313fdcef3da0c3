"""Vectors in SQL, packed one blob a file. Knows no index and no embedding model."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import ChunkRow, VectorRow

VARIABLES = 500  # ids in one IN clause, well below SQLite's limit


@dataclass(frozen=True, slots=True)
class DamagedVectors:
    """Stored vectors that are not what was stored; the file is to be embedded again."""

    file_id: int
    generation: str
    crc32: int  # as stored, by which a repair knows the row again


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


def read_vectors(
    session: Session, file_ids: Sequence[int], generation: str, *, dimension: int
) -> tuple[list[FileVectors], list[DamagedVectors]]:
    """Return the vectors of files, in two queries for many of them, and which are damaged.

    Files of which no chunk has a vector are in neither list.
    """
    good: list[FileVectors] = []
    damaged: list[DamagedVectors] = []
    for start in range(0, len(file_ids), VARIABLES):
        some = file_ids[start : start + VARIABLES]
        chunk_ids = read_chunk_ids(session, some)
        rows = session.execute(
            select(
                VectorRow.file_id,
                VectorRow.dimension,
                VectorRow.orders,
                VectorRow.values,
                VectorRow.crc32,
            ).where(VectorRow.file_id.in_(some), VectorRow.generation == generation)
        )
        for file_id, stored_dimension, orders, values, crc32 in rows:
            ids = chunk_ids.get(file_id, np.empty(0, np.int64))
            places = np.frombuffer(orders[: len(orders) // 4 * 4], np.int32)
            if (
                zlib.crc32(values) != crc32
                or stored_dimension != dimension
                or len(values) != len(orders) * dimension
                or ((places < 0) | (places >= len(ids))).any()
            ):
                damaged.append(DamagedVectors(file_id, generation, crc32))
                continue
            rows_of_file = np.frombuffer(values, np.float32).reshape(-1, dimension)
            good.append(FileVectors(ids[places], rows_of_file))
    return good, damaged


def read_chunk_ids(session: Session, file_ids: Sequence[int]) -> dict[int, NDArray[np.int64]]:
    """Return the ids of the chunks of each file in their order; ``VARIABLES`` files at most."""
    rows = session.execute(
        select(ChunkRow.file_id, ChunkRow.id)
        .where(ChunkRow.file_id.in_(file_ids))
        .order_by(ChunkRow.file_id, ChunkRow.order)
    )
    table = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 2)
    if not len(table):
        return {}
    files, starts = np.unique(table[:, 0], return_index=True)
    parts = np.split(table[:, 1], starts[1:])
    return dict(zip(files.tolist(), parts, strict=True))


def repair_vectors(session: Session, damaged: DamagedVectors, vectors: StoredVectors) -> bool:
    """Write vectors in place of damaged ones; False if the file has others by now."""
    row = session.get(VectorRow, (damaged.file_id, damaged.generation))
    if row is None or row.crc32 != damaged.crc32:
        return False
    repaired = pack_vectors(damaged.file_id, vectors)
    row.dimension, row.orders = repaired.dimension, repaired.orders
    row.values, row.crc32 = repaired.values, repaired.crc32
    return True

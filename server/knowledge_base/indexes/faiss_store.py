"""Dense vectors in memory with FAISS, exact search. Knows no files: it is rebuilt from SQL.

Reading 100k packed vectors from SQL takes a fraction of a second, less than FAISS needs to write
and check a file of its own, so nothing is kept on disk that could be damaged.

The rows lie without gaps in slabs of fixed size: adding fills the last slab, and removing moves
the last row into the gap, so both cost what changes and not what is there. Memory that is not yet
filled is reserved, not used.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from fasteners import ReaderWriterLock
from numpy.typing import NDArray

ROWS = 16_384  # of a slab: 25 MB with 384 dimensions
BATCH = 20  # queries from which several threads pay; one query is slower with two than with one

Found = tuple[NDArray[np.int64], NDArray[np.float32]]  # ids and scores, both (m, n)


class FaissIndex:
    """Inner products of unit vectors, which are cosines; many readers, one writer."""

    def __init__(self, folder: Path, dimension: int) -> None:
        """Take the folder for the sake of the contract; it is not used."""
        self.dimension = dimension
        self._lock = ReaderWriterLock()
        self._forget()

    def _forget(self) -> None:
        self._revision = 0
        self._slabs: list[NDArray[np.float32]] = []  # each (ROWS, dimension), filled in turn
        self._slab_ids: list[NDArray[np.int64]] = []  # each (ROWS,)
        self._places: dict[int, int] = {}  # by id: the number of its row over all slabs

    def apply(
        self,
        revision: int,
        *,
        add_ids: Sequence[int],
        vectors: NDArray[np.float32],
        remove: Sequence[int],
    ) -> None:
        """Remove, then add chunks, and keep the revision; ids that are added again are replaced."""
        latest = {chunk_id: row for row, chunk_id in enumerate(add_ids)}
        with self._lock.write_lock():
            for chunk_id in remove:
                self._remove(chunk_id)
            for chunk_id in latest.keys() & self._places.keys():
                slab, row = divmod(self._places[chunk_id], ROWS)
                self._slabs[slab][row] = vectors[latest.pop(chunk_id)]
            self._append(
                np.fromiter(latest.keys(), np.int64, len(latest)),
                vectors[np.fromiter(latest.values(), np.intp, len(latest))],
            )
            self._revision = revision

    def _append(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        done = 0
        while done < len(ids):
            slab, row = divmod(len(self._places), ROWS)
            if slab == len(self._slabs):
                vectors_here = np.empty((ROWS, self.dimension), np.float32)
                ids_here = np.empty(ROWS, np.int64)  # before either is kept: memory may run out
                self._slabs.append(vectors_here)
                self._slab_ids.append(ids_here)
            some = slice(done, done + ROWS - row)
            count = len(ids[some])
            self._slabs[slab][row : row + count] = vectors[some]
            self._slab_ids[slab][row : row + count] = ids[some]
            first = slab * ROWS + row
            self._places.update(zip(ids[some].tolist(), range(first, first + count), strict=True))
            done += count

    def _remove(self, chunk_id: int) -> None:
        place = self._places.pop(chunk_id, None)
        if place is None:
            return
        (slab, row), (last_slab, last_row) = divmod(place, ROWS), divmod(len(self._places), ROWS)
        if (slab, row) != (last_slab, last_row):
            moved = self._slab_ids[last_slab][last_row]
            self._slabs[slab][row] = self._slabs[last_slab][last_row]
            self._slab_ids[slab][row] = moved
            self._places[int(moved)] = place
        if last_row == 0:  # nothing is left in the last slab
            self._slabs.pop()
            self._slab_ids.pop()

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        allowed: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and cosines, both (m, k); equal cosines in the order of the ids.

        Short rows end in id -1 with score -1.
        """
        import faiss

        queries = np.ascontiguousarray(vectors, np.float32)
        # OpenMP keeps this number for each thread, so searches do not set it for one another.
        faiss.omp_set_num_threads(1 if len(queries) < BATCH else (os.cpu_count() or 1))
        ids = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -1, np.float32)
        with self._lock.read_lock():
            rows = self._filled() if allowed is None else self._chosen(allowed)
            for some_ids, some in rows:
                found = find(queries, some_ids, some, k)
                ids, scores = best((ids, scores), found, k)
        return ids, scores

    def _filled(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield the filled part of every slab."""
        for start, ids, slab in zip(
            range(0, len(self._places), ROWS), self._slab_ids, self._slabs, strict=True
        ):
            count = min(ROWS, len(self._places) - start)
            yield ids[:count], slab[:count]

    def _chosen(
        self, allowed: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield copies of the rows of some ids, in portions, slab by slab."""
        known = (self._places.get(chunk_id, -1) for chunk_id in np.unique(allowed).tolist())
        places = np.sort(np.fromiter((place for place in known if place >= 0), np.int64))
        for slab in np.unique(places // ROWS).tolist():
            rows = places[places // ROWS == slab] % ROWS
            yield self._slab_ids[slab][rows], self._slabs[slab][rows]

    def revision(self) -> int:
        """Return the revision of the last ``apply``; 0 of a new index."""
        return self._revision

    def count(self) -> int:
        """Return how many chunks the index holds."""
        with self._lock.read_lock():
            return len(self._places)

    def drop(self) -> None:
        """Forget everything; afterwards the index is new."""
        with self._lock.write_lock():
            self._forget()

    def close(self) -> None:
        """Give back the memory; the owner rebuilds the index when it is needed again."""
        self.drop()


def find(
    queries: NDArray[np.float32], ids: NDArray[np.int64], rows: NDArray[np.float32], k: int
) -> Found:
    """Return the best rows of one slab for each query, at least ``k`` of them if there are."""
    import faiss

    wanted = min(k + 1, len(rows))  # one more shows whether equal scores were cut off
    scores, places = faiss.knn(queries, rows, wanted, metric=faiss.METRIC_INNER_PRODUCT)
    if wanted > k and (scores[:, k] == scores[:, k - 1]).any():
        scores, places = faiss.knn(queries, rows, len(rows), metric=faiss.METRIC_INNER_PRODUCT)
    return ids[places], scores


def best(one: Found, other: Found, k: int) -> Found:
    """Return the ``k`` best of both for each query, equal scores in the order of their ids."""
    ids = np.concatenate([one[0], other[0]], axis=1)
    scores = np.concatenate([one[1], other[1]], axis=1)
    # Padding comes last, also behind rows that point the other way.
    order = np.lexsort((ids, -scores, ids < 0), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)

"""Dense vectors in memory with FAISS, exact search. Knows no files: it is rebuilt from SQL.

Reading 100k packed vectors from SQL takes a fraction of a second, less than FAISS needs to write
and check a file of its own, so nothing is kept on disk that could be damaged.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fasteners import ReaderWriterLock
from numpy.typing import NDArray

BATCH = 20  # queries from which several threads pay; one query is slower with two than with one


class FaissIndex:
    """Inner products of unit vectors, which are cosines; many readers, one writer."""

    def __init__(self, folder: Path, dimension: int) -> None:
        """Take the folder for the sake of the contract; it is not used."""
        self.dimension = dimension
        self._lock = ReaderWriterLock()
        self._revision = 0
        self._index: Any = None  # faiss has no types
        self._ids: set[int] = set()

    def apply(
        self,
        revision: int,
        *,
        add_ids: Sequence[int],
        vectors: NDArray[np.float32],
        remove: Sequence[int],
    ) -> None:
        """Remove, then add chunks, and keep the revision; ids that are added again are replaced."""
        import faiss

        ids = np.asarray(add_ids, np.int64)
        with self._lock.write_lock():
            if self._index is None:
                self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimension))
            gone = self._ids.intersection(remove).union(self._ids.intersection(add_ids))
            if gone:  # removing reads the whole index, so never in vain
                self._index.remove_ids(np.array(sorted(gone), np.int64))
            self._ids.difference_update(gone)
            self._ids.update(add_ids)
            if len(ids):
                self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)
            self._revision = revision

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        allowed: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and cosines, both (m, k); short rows end in id -1 with score -1."""
        import faiss

        queries = np.ascontiguousarray(vectors, np.float32)
        faiss.omp_set_num_threads(1 if len(queries) < BATCH else (os.cpu_count() or 1))
        with self._lock.read_lock():
            if self._index is None:
                shape = (len(queries), k)
                return np.full(shape, -1, np.int64), np.full(shape, -1, np.float32)
            options = None
            if allowed is not None:
                options = faiss.SearchParameters(
                    sel=faiss.IDSelectorBatch(allowed)  # type: ignore[call-arg]  # not in its stubs
                )
            scores, ids = self._index.search(queries, k, params=options)
        scores[ids < 0] = -1
        return ids, scores

    def revision(self) -> int:
        """Return the revision of the last ``apply``; 0 of a new index."""
        return self._revision

    def count(self) -> int:
        """Return how many chunks the index holds."""
        with self._lock.read_lock():
            return 0 if self._index is None else int(self._index.ntotal)

    def drop(self) -> None:
        """Forget everything; afterwards the index is new."""
        with self._lock.write_lock():
            self._index = None
            self._ids = set()
            self._revision = 0

    def close(self) -> None:
        """Give back the memory; the owner rebuilds the index when it is needed again."""
        self.drop()

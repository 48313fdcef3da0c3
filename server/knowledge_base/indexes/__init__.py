"""The contracts of the lexical and the dense indexes, and the tables of those that exist.

An index knows chunk ids, terms and vectors; it does not know texts, files or the database.

An index is derived data: it can be dropped and rebuilt from the database at any time. It belongs
to one process and one knowledge base. Its revision is that of the last ``apply`` that is durable,
so whoever owns it knows which changes are still to be applied.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.datatypes import Language
from server.knowledge_base.analysis import Terms
from server.plugins import Registry

BM25_K1 = 1.2
BM25_CEILING = BM25_K1 + 1  # a term that is repeated ever so often scores its idf times this


class DamagedIndex(Exception):
    """The files of an index cannot be used; drop the index and build it again."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Chunks that match a query, best first; equal scores in the order of their ids."""

    ids: NDArray[np.int64]  # (n,)
    scores: NDArray[np.float32]  # (n,), higher is closer


@dataclass(frozen=True, slots=True)
class Weights:
    """How rare the terms of a query are: BM25's idf, each above 0.

    A term that no chunk has is there too, with the largest idf that the index can give.
    """

    words: Mapping[str, float]
    grams: Mapping[str, float]


class LexicalIndex(Protocol):
    """An index of terms with BM25; many threads may read while one applies changes."""

    def apply(
        self, revision: int, *, add: Sequence[tuple[int, Terms]], remove: Sequence[int]
    ) -> None:
        """Remove, then add chunks, and keep the revision: all of it durable, or none.

        Idempotent: an id that is added again is replaced, an unknown id is removed in silence.
        A search that starts afterwards sees the changes.

        Raises:
            DamagedIndex: the files cannot be read or written.
        """

    def search(
        self,
        query: Terms,
        k: int,
        *,
        language: Language,
        allowed: NDArray[np.int64] | None = None,
    ) -> Matches:
        """Return at most ``k`` chunks that share a term with the query, by BM25.

        Each term adds its idf times ``BM25_CEILING`` at most; a question in Chinese counts words
        and grams. ``allowed`` limits the answer to these ids.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def weights(self, query: Terms) -> Weights:
        """Return the idf of every term of the query.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def revision(self) -> int:
        """Return the revision of the last ``apply``; 0 of a new index.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def count(self) -> int:
        """Return how many chunks the index holds.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def waste(self) -> float:
        """Return which share of what is stored belongs to chunks that went, 0 to 1.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def drop(self) -> None:
        """Delete everything, damaged files too; afterwards the index is new."""

    def close(self) -> None:
        """Give back files and locks; the next call opens them again."""


class DenseIndex(Protocol):
    """An index of unit vectors by cosine; many threads may read while one applies changes."""

    def apply(
        self,
        revision: int,
        *,
        add_ids: Sequence[int],
        vectors: NDArray[np.float32],
        remove: Sequence[int],
    ) -> None:
        """Remove, then add chunks, and keep the revision: all of it, or none.

        ``vectors`` is float32, (n, dim), unit rows, one for each of ``add_ids``. Idempotent: an id
        that is added again is replaced, an unknown id is removed in silence. A search that starts
        afterwards sees the changes.

        Raises:
            DamagedIndex: the files cannot be read or written.
        """

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        allowed: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and cosines, both (m, k), of the chunks closest to each of m vectors.

        ``vectors`` is float32, (m, dim), unit rows. ``allowed`` limits the answer to these ids.
        Best first; rows with fewer than k answers end in id -1 with score -1.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def revision(self) -> int:
        """Return the revision of the last ``apply``; 0 of a new index.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def count(self) -> int:
        """Return how many chunks the index holds.

        Raises:
            DamagedIndex: the files cannot be read.
        """

    def drop(self) -> None:
        """Delete everything, damaged files too; afterwards the index is new."""

    def close(self) -> None:
        """Give back memory, files and locks; the next call opens them again."""


LEXICAL_INDEXES: Registry[Callable[[Path], LexicalIndex]] = Registry(
    "lexical index", {"tantivy": "server.knowledge_base.indexes.tantivy_store:TantivyIndex"}
)

# A dense index is made from its folder and the length of its vectors.
DENSE_INDEXES: Registry[Callable[[Path, int], DenseIndex]] = Registry(
    "dense index", {"faiss": "server.knowledge_base.indexes.faiss_store:FaissIndex"}
)

"""The lexical index on tantivy: a folder of inverted files with BM25.

Knows terms and chunk ids; does not know what a term means or how texts become terms.

Beside tantivy's files lies one with the revision, written after each commit. A crash in between
leaves an older revision than the index has, and applying changes again changes nothing.
"""

import json
import logging
import math
import shutil
import threading
import traceback
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from server.datatypes import Language
from server.faults import fault_point
from server.knowledge_base.analysis import Terms
from server.knowledge_base.indexes import DamagedIndex, Matches, Weights

if TYPE_CHECKING:
    import tantivy

logger = logging.getLogger(__name__)

HEAP_BYTES = 15_000_000  # the least that tantivy takes
REVISION_FILE = "revision.json"

# Every commit with chunks makes a segment, and every eighth small one (below 10k chunks) has all
# of them merged. So the chunks of the last few commits are written again with the next, in place
# of their segment, until they are this many: some CPU for each change, far fewer merges.
TAIL_CHUNKS = 20

SEGMENT_FILES = ("idx", "pos", "term", "store", "fast", "fieldnorm")

# tantivy fixes BM25's b at 0.75. Filler that every chunk has flattens the length norm to about
# b = 0.4 for chunks of 500 characters: hit@1 of CMRC 2018 in chunks of 250 / 500 characters
# rises from 88.6 / 95.5 to 90.3 / 96.2; other sets move by less than 0.6 points.
FILLER = "\u00b7"
WORD_FILLER = " ".join([FILLER] * 128)
GRAM_FILLER = " ".join([FILLER] * 512)

# At 100k chunks, terms that every fifth chunk has are half of a query's work: 2.2 ms without this
# limit, 0.9 with it. Applied to CMRC 2018 and XQuAD it moves hit@1 by 0.3 points at most.
COMMON_SHARE = 0.2
COMMON_CHUNKS = 5_000  # below it every term is fast


class TantivyIndex:
    """A lexical index in a folder of its own; ``LexicalIndex`` has the contract."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()  # guards opening and writing; searches do not wait for it
        self.index: tantivy.Index | None = None
        self.writer: tantivy.IndexWriter | None = None
        self.known = 0  # the revision, once the index is open
        self.dead = 0  # chunks that are gone, but not merged away yet
        self.tail: dict[int, Terms] = {}  # all chunks of the youngest segment, or none

    def apply(
        self, revision: int, *, add: Sequence[tuple[int, Terms]], remove: Sequence[int]
    ) -> None:
        """Remove, then add chunks, and keep the revision, in one commit."""
        with self.lock:
            index = self.open()
            try:
                if self.writer is None:
                    self.writer = index.writer(HEAP_BYTES, num_threads=1)
                latest = self._extend_tail(dict(add), remove)
                fault_point("lexical.before_commit")
                opstamp = write(self.writer, add=latest, remove={*remove, *latest})
                fault_point("lexical.after_commit")
                write_revision(self.folder, revision, opstamp)
                index.reload()
                self.known, self.dead = revision, count_dead(self.folder)
            except (OSError, ValueError) as error:
                self.abandon()
                # ``write`` had the writer too: with its frame, that and its lock would live on.
                traceback.clear_frames(error.__traceback__)
                raise DamagedIndex(f"cannot write the index in {self.folder}: {error}") from error

    def _extend_tail(self, new: dict[int, Terms], remove: Sequence[int]) -> dict[int, Terms]:
        """Return what to write for new chunks: with the tail as long as that is short."""
        for chunk_id in remove:
            self.tail.pop(chunk_id, None)
        if not new:
            return new
        together = {**self.tail, **new}
        if len(together) <= TAIL_CHUNKS:
            new = together
        self.tail = dict(new) if len(new) <= TAIL_CHUNKS else {}
        return new

    def search(
        self,
        query: Terms,
        k: int,
        *,
        language: Language,
        allowed: NDArray[np.int64] | None = None,
    ) -> Matches:
        """Return the best chunks by BM25; for Chinese the sum over words and grams."""
        import tantivy

        index = self.open()
        searcher = index.searcher()
        fields = {"words": query.words, "grams": query.grams if language == "zh" else ()}
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.term_query(index.schema, field, term, "freq"))
            for field, terms in fields.items()
            for term in rare(searcher, field, terms)
        ]
        if not clauses or (allowed is not None and not len(allowed)):
            return Matches(np.empty(0, np.int64), np.empty(0, np.float32))
        wanted = tantivy.Query.boolean_query(clauses)
        if allowed is not None:
            wanted = limit_to(index, wanted, allowed)
        return collect(searcher, wanted, k)

    def weights(self, query: Terms) -> Weights:
        """Return the idf of every term of the query."""
        searcher = self.open().searcher()
        # tantivy counts the dead among the chunks that have a term, and so in its own scores. One
        # more stands for the rest of the world: with one chunk alone no term would be rare.
        chunks = searcher.num_docs + self.dead + 1
        return Weights(
            weigh(searcher, "words", query.words, chunks),
            weigh(searcher, "grams", query.grams, chunks),
        )

    def revision(self) -> int:
        """Return the revision of the last commit; 0 of a new index."""
        self.open()
        return self.known

    def count(self) -> int:
        """Return how many chunks the index holds."""
        return self.open().searcher().num_docs

    def waste(self) -> float:
        """Return which share of the chunks in the files is gone, but not merged away yet."""
        alive = self.count()
        return self.dead / max(1, alive + self.dead)

    def drop(self) -> None:
        """Delete the folder."""
        with self.lock:
            self.close()
            fault_point("lexical.drop")
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let merges finish, then give back the writer's lock and the files."""
        with self.lock:
            if self.writer is not None:
                try:
                    self.writer.wait_merging_threads()
                except ValueError as error:
                    logger.warning("a merge of the index in %s failed: %s", self.folder, error)
            self.abandon()

    def abandon(self) -> None:
        """Give back the writer's lock and the files without waiting."""
        self.writer = None
        self.index = None
        self.tail = {}

    def open(self) -> "tantivy.Index":
        """Return the index, opened and checked on first use.

        Raises:
            DamagedIndex: a file is missing, changed, or of another layout.
        """
        if (index := self.index) is not None:
            return index
        with self.lock:
            if self.index is None:
                try:
                    index = load(self.folder)
                    self.known, self.dead = read_revision(self.folder), count_dead(self.folder)
                    self.index = index
                except (OSError, ValueError, LookupError, TypeError) as error:
                    raise DamagedIndex(
                        f"cannot read the index in {self.folder}: {error}"
                    ) from error
            return self.index


def load(folder: Path) -> "tantivy.Index":
    """Open the index in a folder, a new one where there is none, after checking its files."""
    import tantivy

    folder.mkdir(parents=True, exist_ok=True)
    if not any((folder / name).exists() for name in ("meta.json", REVISION_FILE)):
        fault_point("lexical.before_create")
        write_revision(folder, 0, 0)
    elif read_revision(folder):  # without meta.json tantivy would make a new, empty index
        for file in committed(folder):
            check(file)
    fields = tantivy.SchemaBuilder()
    fields.add_integer_field("chunk_id", indexed=True, fast=True)
    for name in ("words", "grams"):
        fields.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    index = tantivy.Index(fields.build(), path=str(folder))
    index.config_reader("manual")
    index.reload()
    return index


def committed(folder: Path) -> Iterator[Path]:
    """Yield the files of the last commit; others are left over from a crash."""
    meta = json.loads((folder / "meta.json").read_bytes())
    for segment in meta["segments"]:
        stem = segment["segment_id"].replace("-", "")
        yield from (folder / f"{stem}.{suffix}" for suffix in SEGMENT_FILES)
        if segment["deletes"]:
            yield folder / f"{stem}.{segment['deletes']['opstamp']}.del"


def check(file: Path) -> None:
    """Compare a file with the checksum in its footer: JSON, its length, a magic number."""
    content = file.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if footer < 0 or json.loads(content[footer:-8])["crc"] != zlib.crc32(content[:footer]):
        raise ValueError(f"the checksum of {file.name} is wrong")


def count_dead(folder: Path) -> int:
    """Return how many chunks of the last commit are gone, but not merged away."""
    meta = json.loads((folder / "meta.json").read_bytes())
    deletes = [segment["deletes"] for segment in meta["segments"]]
    return sum(item["num_deleted_docs"] for item in deletes if item)


def read_revision(folder: Path) -> int:
    """Return the revision that the index has at least.

    Raises:
        ValueError: the file is damaged, or the index is older than what was noted.
    """
    noted = json.loads((folder / REVISION_FILE).read_bytes())
    if noted["crc"] != checksum(noted["revision"], noted["opstamp"]):
        raise ValueError(f"the checksum of {REVISION_FILE} is wrong")
    if noted["revision"]:
        meta = json.loads((folder / "meta.json").read_bytes())
        if meta["opstamp"] < noted["opstamp"]:
            raise ValueError("the index is older than its revision")
    return int(noted["revision"])


def write_revision(folder: Path, revision: int, opstamp: int) -> None:
    """Note the revision of a commit.

    Not synced: after a power cut an older revision, or a damaged file, costs work and no data.
    """
    content = {"revision": revision, "opstamp": opstamp, "crc": checksum(revision, opstamp)}
    new = folder / f"{REVISION_FILE}.new"
    new.write_text(json.dumps(content), "utf-8")
    fault_point("lexical.before_revision")
    new.replace(folder / REVISION_FILE)
    fault_point("lexical.after_revision")


def checksum(revision: int, opstamp: int) -> int:
    """Return the checksum of what the file of the revision says."""
    return zlib.crc32(f"{revision} {opstamp}".encode())


def write(writer: "tantivy.IndexWriter", *, add: Mapping[int, Terms], remove: Iterable[int]) -> int:
    """Commit one change and return its number; removes first."""
    import tantivy

    for chunk_id in remove:
        writer.delete_documents_by_term("chunk_id", chunk_id)
    for chunk_id, terms in add.items():
        document = tantivy.Document()
        document.add_integer("chunk_id", chunk_id)
        document.add_text("words", " ".join([*terms.words, WORD_FILLER]))
        document.add_text("grams", " ".join([*terms.grams, GRAM_FILLER]))
        writer.add_document(document)
    return writer.commit()


def rare(searcher: "tantivy.Searcher", field: str, terms: Sequence[str]) -> list[str]:
    """Return the terms that are not too common to search by; all where all are common."""
    distinct = list(dict.fromkeys(terms))
    limit = max(COMMON_CHUNKS, searcher.num_docs * COMMON_SHARE)
    return [term for term in distinct if searcher.doc_freq(field, term) <= limit] or distinct


def limit_to(
    index: "tantivy.Index", query: "tantivy.Query", allowed: NDArray[np.int64]
) -> "tantivy.Query":
    """Return a query that finds some chunks only, with the same scores."""
    import tantivy

    chunks = tantivy.Query.term_set_query(index.schema, "chunk_id", allowed.tolist())
    silent = tantivy.Query.const_score_query(chunks, 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, silent)])


def collect(searcher: "tantivy.Searcher", query: "tantivy.Query", k: int) -> Matches:
    """Return the best ``k`` chunks of a query, ties by id."""
    hits = searcher.search(query, k, count=False).hits
    scores = np.array([score for score, _ in hits], np.float32)
    values = searcher.fast_field_values("chunk_id", [address for _, address in hits])
    ids = np.array(values, np.int64)
    order = np.lexsort((ids, -scores))
    return Matches(ids[order], scores[order])


def weigh(
    searcher: "tantivy.Searcher", field: str, terms: Sequence[str], chunks: int
) -> dict[str, float]:
    """Return BM25's idf of each term among so many chunks."""
    counts = {term: searcher.doc_freq(field, term) for term in dict.fromkeys(terms)}
    return {
        term: math.log(1 + (max(chunks - count, 0) + 0.5) / (count + 0.5))
        for term, count in counts.items()
    }

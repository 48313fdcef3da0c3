"""What is interrupted: requests, the state before each, the state after it."""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

import httpx

from tests.crash.api import DEAD, JOB_WITHIN_S, Api, Folder, running
from tests.crash.audit import age
from tests.crash.disk import flip_bit
from tests.crash.documents import CHUNK_SIZE, KbState, World, write_document
from tests.crash.evaluation import evaluate
from tests.crash.usual import (
    A1,
    A2,
    A3,
    B1,
    BEFORE,
    C1,
    D1,
    KB,
    WORDS,
    Request,
    delete,
    must_succeed,
    post,
    post_files,
)
from tests.e2e.processes import wait_until

SMALLER = 180  # the chunk size of the re-indexed knowledge base
CLOCK = ("job_progress", "job_lease")  # points that come with time, if the work takes so long
ROWS = {
    name: " ".join(write_document(f"{name}.md", 1).decode().split()[4:]) for name in ("r1", "r2")
}
ROW_FILES = {
    f"shop/row-{name}.md": f"# {name}\n\nbody: {body}\n".encode() for name, body in ROWS.items()
}
SAMPLES = {name: write_document(name, 1) for name in ("one.md", "two.md")}
LONG = write_document("long.md", 1, 6000)  # takes seconds, so that its progress is written
FILE_A = f"/knowledge_bases/{KB}/files/a.md"


@dataclass(frozen=True)
class Scenario:
    """A piece of work that is interrupted at each of its fault points."""

    name: str
    request: Request
    after: World
    accepted: tuple[int, ...]  # statuses of a request that is done, or will be
    again: tuple[int, ...] = ()  # statuses that also are right when it is repeated
    before: World = field(default_factory=lambda: BEFORE)
    prepare: Callable[[Folder], None] | None = None  # what is done first, to the usual folder
    settings: Mapping[str, str] = field(default_factory=dict)
    is_start: bool = False  # the start is the work
    or_after: tuple[World, ...] = ()  # other states that are right at the end
    only: tuple[str, ...] = ()  # beginnings of the points that count; the rest others cover


def start_only(_api: Api) -> None:
    """Ask for nothing: the start is the work."""


def with_main(files: Mapping[str, bytes], *, chunk_size: int = BEFORE[KB].chunk_size) -> World:
    """Return the usual state but for the main knowledge base."""
    return {**BEFORE, KB: replace(BEFORE[KB], files=files, chunk_size=chunk_size)}


def write_samples(folder: Folder) -> None:
    """Lay two samples beside an empty data folder."""
    documents = folder.root / "samples" / "documents"
    documents.mkdir(parents=True)
    for name, content in SAMPLES.items():
        (documents / name).write_bytes(content)


def leave_work(folder: Folder) -> None:
    """Leave a job under way, a deletion that was not committed, bytes that nobody needs."""
    with running(folder, "kill=trash.after_rename") as api:
        must_succeed(api, post_files(KB, {"long.md": LONG}, background="true"))
        with suppress(*DEAD):
            delete(f"/knowledge_bases/{WORDS}")(api)
        api.wait_dead()
    blobs = folder.data / KB / "blobs"
    lost = write_document("lost.md", 1)
    (blobs / hashlib.sha256(lost).hexdigest()).write_bytes(lost)
    (blobs / ".0123456789abcdef.tmp").write_bytes(lost[:100])
    (folder.data / KB / "content" / ".0123456789abcdef.tmp").write_bytes(lost[:100])
    age(folder)


def leave_deletion(folder: Folder) -> None:
    """Leave a knowledge base that is hidden, but not removed."""
    with running(folder, "kill=hide_kb.after_commit") as api:
        must_succeed(api, post_files(WORDS, {"long.md": LONG}))  # leaves room to give back
        with suppress(*DEAD):
            delete(f"/knowledge_bases/{WORDS}")(api)
        api.wait_dead()
    age(folder)


def damage(folder: Folder) -> None:
    """Damage all that can be made again: the vectors in SQL, the files of the lexical indexes."""
    with closing(sqlite3.connect(folder.data / "zhiwen.db")) as sql:
        query = "SELECT id FROM knowledge_base WHERE name = ?"
        files = f"SELECT id FROM file WHERE kb_id = ({query})"
        change = f"UPDATE vector SET data = zeroblob(length(data)) WHERE file_id IN ({files})"
        sql.execute(change, (KB,))
        (kb_id,) = sql.execute(query, (KB,)).fetchone()
        sql.commit()
    for path in (folder.data / ".cache" / "api" / str(kb_id)).rglob("*"):
        if path.is_file() and path.stat().st_size:
            flip_bit(path)


def cancel_upload(api: Api) -> httpx.Response:
    """Upload a long file as a job and cancel it."""
    job = api.request(
        "POST",
        f"/knowledge_bases/{KB}/files",
        files={"files": ("long.md", LONG)},
        data={"background": "true"},
    )
    return job if job.is_error else api.request("POST", f"/jobs/{job.json()['id']}/cancel")


def compact(api: Api) -> httpx.Response:
    """Delete half of what an index has and a knowledge base, after which indexes are compacted."""
    api.request("DELETE", FILE_A)
    api.request("POST", f"/knowledge_bases/{KB}/search", json={"query": "item 3"})
    return api.request("DELETE", f"/knowledge_bases/{WORDS}")


def talk(api: Api) -> httpx.Response:
    """Begin a conversation, ask in it, rename it and delete it, as far as it goes."""
    begun = api.request("POST", "/conversations", json={"knowledge_base": KB})
    if begun.is_error:
        return begun
    path = f"/conversations/{begun.json()['id']}"
    question = {"question": "How many kilograms does item 3 weigh?", "knowledge_base": KB}
    options = {"conversation_id": begun.json()["id"], "stream": False}
    for method, where, body in (
        ("POST", "/chat", {**question, **options}),
        ("PATCH", path, {"title": "Weights"}),
    ):
        answer = api.request(method, where, json=body)
        if answer.is_error:
            return answer
    return api.request("DELETE", path)


def note(api: Api) -> httpx.Response:
    """Tag a file and change what is said of its knowledge base."""
    tagged = api.request("PATCH", FILE_A, json={"tags": ["weights"]})
    if tagged.is_error:
        return tagged
    changes = {"info": "What items weigh", "min_relevance": 0.4}
    return api.request("PATCH", f"/knowledge_bases/{KB}", json=changes)


def write_shop(folder: Folder) -> None:
    """Lay a database beside the data folder, for a source."""
    shop = folder.root / "shop" / "shop.db"
    shop.parent.mkdir()
    with closing(sqlite3.connect(shop)) as sql:
        sql.execute("CREATE TABLE item (id, body)")
        sql.executemany("INSERT INTO item VALUES (?, ?)", ROWS.items())
        sql.commit()


def synchronise(api: Api) -> httpx.Response:
    """Add a source, synchronise with it and delete it, but for its files, as far as it goes."""
    path = f"/knowledge_bases/{KB}/sources"
    options = {
        "url": f"sqlite:///{api.folder.root}/shop/shop.db",
        "query": "SELECT id, body FROM item",
        "id_column": "id",
        "text_columns": ["body"],
    }
    made = api.request("POST", path, json={"kind": "sql", "name": "shop", "options": options})
    if made.status_code not in (201, 409):  # 409: it was added before a kill
        return made
    (source,) = api.get(path)
    path = f"{path}/{source['id']}"
    begun = api.request("POST", f"{path}/sync")
    if begun.is_error:
        return begun
    wait_until(lambda: api.get(path)["state"] != "syncing", JOB_WITHIN_S, "synchronised")
    ended = api.get(path)
    if ended["state"] != "done":
        return httpx.Response(507, json=ended)
    return api.request("DELETE", path)


WITH_LONG = with_main({"a.md": A2, "b.md": B1, "long.md": LONG})

SCENARIOS: Sequence[Scenario] = (
    Scenario(
        "first start",
        start_only,
        after={"samples": KbState(SAMPLES, chunk_size=500)},
        accepted=(),
        before={},
        prepare=write_samples,
        settings={
            "ZHIWEN_KB__CREATE_SAMPLES": "true",
            "ZHIWEN_PATHS__SAMPLES": "{root}/samples",
            "ZHIWEN_SERVER__HOST": "0.0.0.0",  # mints a key
        },
        is_start=True,
        only=("key", "new_kb", "samples", "calibration", "job_resume", "prune_jobs", "file"),
    ),
    Scenario(
        "start after a kill",
        start_only,
        after=WITH_LONG,
        accepted=(),
        prepare=leave_work,
        is_start=True,
    ),
    Scenario(
        "start after a kill while a knowledge base was deleted",
        start_only,
        after={name: kb for name, kb in BEFORE.items() if name != WORDS},
        accepted=(),
        prepare=leave_deletion,
        is_start=True,
    ),
    Scenario(
        "create a knowledge base",
        post("/knowledge_bases", name="new", chunk_size=CHUNK_SIZE),
        after={**BEFORE, "new": KbState({})},
        accepted=(201,),
        again=(409,),
    ),
    Scenario(
        "upload a file",
        post_files(KB, {"c.md": C1}),
        after=with_main({"a.md": A2, "b.md": B1, "c.md": C1}),
        accepted=(201,),
    ),
    Scenario(
        "upload several files as a job",
        post_files(KB, {"c.md": C1, "d.md": D1, "a.md": A3}, background="true", override="true"),
        after=with_main({"a.md": A3, "b.md": B1, "c.md": C1, "d.md": D1}),
        accepted=(202,),
    ),
    Scenario(
        "replace a file",
        post_files(KB, {"a.md": A3}, override="true"),
        after=with_main({"a.md": A3, "b.md": B1}),
        accepted=(201,),
    ),
    Scenario(
        "delete a file",
        delete(FILE_A),
        after=with_main({"b.md": B1}),
        accepted=(204,),
        again=(404,),
    ),
    Scenario(
        "delete a knowledge base",
        delete(f"/knowledge_bases/{KB}"),
        after={name: kb for name, kb in BEFORE.items() if name != KB},
        accepted=(204,),
        again=(404,),
    ),
    Scenario(
        "re-index",
        post(f"/knowledge_bases/{KB}/reindex", chunk_size=SMALLER, chunk_overlap=0),
        after=with_main(BEFORE[KB].files, chunk_size=SMALLER),
        accepted=(202,),
    ),
    Scenario(
        "change the embedding model",
        post(f"/knowledge_bases/{WORDS}/reindex", embedding_model="hashing"),
        after={**BEFORE, WORDS: replace(BEFORE[WORDS], model="hashing")},
        accepted=(202,),
        again=(422,),  # it says that this model is in use already
    ),
    Scenario(
        "restore a version",
        post(f"{FILE_A}/versions/1/restore"),
        after=with_main({"a.md": A1, "b.md": B1}),
        accepted=(200, 201),
    ),
    Scenario(
        "upload a file that is there and one that cannot be read",
        post_files(KB, {"b.md": B1, "blank.md": b" \n", "c.md": C1}),
        after=with_main({"a.md": A2, "b.md": B1, "c.md": C1}),
        accepted=(207,),
        only=("job_file_failed", "skipped_file", "blob.before_removal"),
    ),
    Scenario(
        "upload a long file",
        post_files(KB, {"long.md": LONG}),
        after=WITH_LONG,
        accepted=(201,),
        only=CLOCK,
    ),
    Scenario(
        "cancel a job",
        cancel_upload,
        after=BEFORE,
        accepted=(200,),
        or_after=(WITH_LONG,),
        only=("job.", "job_cancel"),
    ),
    Scenario(
        "search over damaged caches and vectors",
        post(f"/knowledge_bases/{KB}/search", query="how heavy is item 3"),
        after=BEFORE,
        accepted=(200,),
        prepare=damage,
        only=("lexical", "vectors"),
    ),
    Scenario(
        "compact an index",
        compact,
        after={name: kb for name, kb in with_main({"b.md": B1}).items() if name != WORDS},
        accepted=(204,),
        again=(404,),
        only=("lexical.before_change", "lexical.after_change"),
    ),
    Scenario(
        "synchronise with a source",
        synchronise,
        after=with_main({"a.md": A2, "b.md": B1, **ROW_FILES}),
        accepted=(204,),
        prepare=write_shop,
        settings={
            "ZHIWEN_SOURCES__SQL": "true",
            "ZHIWEN_SOURCES__SQL_FOLDERS": '["{root}/shop"]',
        },
        only=("new_source", "begin_sync", "source_job", "end_sync", "delete_source"),
    ),
    Scenario("tag a file and describe a knowledge base", note, after=BEFORE, accepted=(200,)),
    Scenario("have a conversation", talk, after=BEFORE, accepted=(204,)),
    Scenario("measure with a test set", evaluate, after=BEFORE, accepted=(204,)),
)

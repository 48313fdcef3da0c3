"""The usual state of a data folder, which nearly all scenarios begin with; requests to make it."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing

import httpx

from tests.crash.api import Api, Folder, running
from tests.crash.audit import connect
from tests.crash.documents import CHUNK_SIZE, KbState, World, write_document
from tests.crash.seen import answers
from tests.e2e.processes import wait_until

KB, OTHER, WORDS = "main", "other", "words"  # "words" has no vectors; "other" is never touched
CALIBRATED_WITHIN_S = 60.0

Request = Callable[[Api], httpx.Response | None]  # None: nothing is asked, the start is the work

A1, A2, A3 = (write_document("a.md", version) for version in (1, 2, 3))
B1, C1, D1 = (write_document(name, 1) for name in ("b.md", "c.md", "d.md"))
BEFORE: World = {
    KB: KbState({"a.md": A2, "b.md": B1}),
    OTHER: KbState({name: write_document(name, 1) for name in ("e.md", "f.md")}),
    WORDS: KbState({"g.md": write_document("g.md", 1)}, model="none"),
}
QUESTIONS = ["how many kilograms does item 3 weigh", "entry 7 of the list", "item 5"]


def post_files(kb: str, files: Mapping[str, bytes], **form: str) -> Request:
    """Upload files in one request."""
    parts = [("files", (name, content)) for name, content in files.items()]
    return lambda api: api.request("POST", f"/knowledge_bases/{kb}/files", files=parts, data=form)


def post(path: str, **body: object) -> Request:
    """Send a request with a JSON body."""
    return lambda api: api.request("POST", path, json=body)


def delete(path: str) -> Request:
    """Delete something."""
    return lambda api: api.request("DELETE", path)


def fill(folder: Folder) -> None:
    """Bring a new data folder into the usual state, through the service itself."""
    with running(folder) as api:
        for name, kb in BEFORE.items():
            settings = {"embedding_model": kb.model, "chunk_size": CHUNK_SIZE, "chunk_overlap": 0}
            must_succeed(api, post("/knowledge_bases", name=name, **settings))
        must_succeed(api, post_files(KB, {"a.md": A1, "b.md": B1}))
        must_succeed(api, post_files(KB, {"a.md": A2}, override="true"))
        for name in (OTHER, WORDS):
            must_succeed(api, post_files(name, BEFORE[name].files))
        api.wait_all_jobs()
        wait_calibrated(folder)
        api.stop()
    with running(folder) as api:  # again, so that nothing is pending that changes the answers
        folder.answers.write_text(json.dumps(answers(api, OTHER, QUESTIONS)))


def must_succeed(api: Api, request: Request) -> httpx.Response:
    """Send a request that must be carried out at once."""
    answer = request(api)
    assert answer is not None
    assert answer.is_success, answer.text
    return answer


def wait_calibrated(folder: Folder) -> None:
    """Wait until the thresholds of all knowledge bases are made: that changes their rows."""

    def is_done() -> bool:
        with closing(connect(folder)) as sql:
            rows = sql.execute("SELECT calibration FROM knowledge_base").fetchall()
        return all(value not in (None, "null") for (value,) in rows)

    wait_until(is_done, CALIBRATED_WITHIN_S, "calibrated")

"""What clients of a restarted service see: files that are wholly of one version, and searchable."""

import hashlib
import re
from contextlib import closing
from typing import Any
from urllib.parse import quote

from tests.crash.api import Api
from tests.crash.audit import connect
from tests.crash.documents import Allowed, KbAllowed, KbState, World, marker_of, markers_in

TOP_K = 100  # the most that a search gives: more than the chunks of most files here
ENTRY = re.compile(r"Entry (\d+) of (\w+)")


def check_world(api: Api, allowed: Allowed) -> World:
    """Check every knowledge base against what is allowed; return what is there."""
    present = {kb["name"]: kb for kb in api.get("/knowledge_bases")}
    assert set(present) <= set(allowed), f"unexpected knowledge bases: {set(present)}"
    world = {}
    for name, kb_allowed in allowed.items():
        if name not in present:
            assert kb_allowed.may_be_missing, f"the knowledge base {name!r} is lost"
            continue
        assert kb_allowed.may_exist, f"the knowledge base {name!r} is still there"
        assert present[name]["embedding_model"] in kb_allowed.models, present[name]
        world[name] = check_kb(api, present[name], kb_allowed)
    return world


def check_kb(api: Api, kb: dict[str, Any], allowed: KbAllowed) -> KbState:
    """Check the files of a knowledge base; return their bytes."""
    name = kb["name"]
    listed = {file["name"]: file for file in api.get(f"/knowledge_bases/{quote(name)}/files")}
    assert len(listed) == kb["files"]
    assert set(listed) <= set(allowed.files), f"unexpected files in {name!r}: {set(listed)}"
    found = {}
    for file_name, options in allowed.files.items():
        if file_name not in listed:
            assert None in options, f"{name!r} has lost {file_name!r}"
            continue
        content = check_file(api, name, listed[file_name])
        assert content in options, f"{file_name!r} of {name!r} is of a wrong version: {content!r}"
        found[file_name] = content
    known = [content for options in allowed.files.values() for content in options if content]
    for content in set(known) - set(found.values()):
        check_nothing_left(api, name, marker_of(content))
    sizes = chunk_sizes(api, name) or {kb["chunk_size"]}
    assert sizes <= allowed.chunk_sizes, f"{name!r} has chunks for {sizes}"
    return KbState(found, chunk_size=min(sizes), model=kb["embedding_model"])


def chunk_sizes(api: Api, kb: str) -> set[int]:
    """Return the sizes by which the files of a knowledge base are cut, which only SQL tells."""
    query = "SELECT DISTINCT file.chunk_size FROM file JOIN knowledge_base AS kb ON kb_id = kb.id"
    with closing(connect(api.folder)) as sql:
        return {size for (size,) in sql.execute(f"{query} WHERE kb.name = ?", (kb,))}


def check_file(api: Api, kb: str, listed: dict[str, Any]) -> bytes:
    """Check that all views of a file agree and that a search finds each chunk; return its bytes."""
    name = listed["name"]
    path = f"/knowledge_bases/{quote(kb)}/files/{quote(name)}"
    download = api.request("GET", f"{path}/content")
    assert download.status_code == 200, f"{name!r}: {download.text}"
    content = download.content
    assert hashlib.sha256(content).hexdigest() == listed["sha256"], f"{name!r}: other bytes"
    assert len(content) == listed["size"]
    entries = set(ENTRY.findall(content.decode()))
    text = api.get(f"{path}/text")["text"]
    assert set(ENTRY.findall(text)) == entries, f"{name!r}: its text is of another version"
    chunks = api.get(f"{path}/chunks")
    assert len(chunks) == listed["chunks"] > 0
    assert all(chunk["text"] == text[chunk["start"] : chunk["end"]] for chunk in chunks), name
    assert {entry for chunk in chunks for entry in ENTRY.findall(chunk["text"])} == entries, name
    check_hits(api, kb, name, marker_of(content), {chunk["id"] for chunk in chunks})
    view = api.folder.data / kb / "content" / name
    assert view.read_bytes() == content, f"{name!r}: content/ shows another version"
    return content


def check_hits(api: Api, kb: str, name: str, mark: str, chunk_ids: set[int]) -> None:
    """Check that a search for a file's marker finds each of its chunks, by their words."""
    hits, candidates = search(api, kb, mark)
    own = [hit for hit in hits if hit["file_name"] == name]
    assert all(markers_in(hit["text"]) <= {mark} for hit in own), f"{name!r}: an old hit"
    assert all(mark not in hit["text"] for hit in hits if hit not in own)
    by_words = {hit["chunk_id"] for hit in own if mark in hit["text"]}
    assert by_words <= chunk_ids, f"{name!r}: found, but gone: {by_words - chunk_ids}"
    lost = chunk_ids - by_words if len(chunk_ids) < TOP_K else chunk_ids and not by_words
    assert not lost, f"{name!r}: stored, but not found: {lost}"
    legs = {item["chunk_id"]: item for item in candidates}
    assert all("lexical" in legs[hit["chunk_id"]] for hit in own if hit["chunk_id"] in legs), name


def check_nothing_left(api: Api, kb: str, mark: str) -> None:
    """Check that no hit is of a version that is not there."""
    hits, _ = search(api, kb, mark)
    assert all(mark not in hit["text"] for hit in hits), f"{kb!r} still finds {mark}"


def search(api: Api, kb: str, question: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the hits of a question and the candidates that its trace names."""
    answer = api.request(
        "POST", f"/knowledge_bases/{quote(kb)}/search", json={"query": question, "top_k": TOP_K}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["hits"], answer.json()["trace"]["candidates"]


def answers(api: Api, kb: str, questions: list[str]) -> list[list[dict[str, Any]]]:
    """Return all that searches tell, for a comparison before and after."""
    return [search(api, kb, question)[0] for question in questions]

"""Test sets and runs, as far as they go, for the scenarios."""

import secrets

import httpx

from tests.crash.api import JOB_WITHIN_S, Api
from tests.crash.usual import KB
from tests.e2e.processes import wait_until

QUESTIONS = 60  # more than are kept at once, so that a run has portions
ENDED = ("done", "failed", "cancelled")


def evaluate(api: Api) -> httpx.Response:
    """Make a test set, edit it, run it, delete all of it, as far as it goes."""
    weights = [
        {"question": f"How many kilograms does item {n} weigh?", "files": ["a.md"]}
        for n in range(QUESTIONS)
    ]
    name = secrets.token_hex(4)  # what a kill left behind has another
    sets = f"/knowledge_bases/{KB}/test_sets"
    made = api.request("POST", sets, json={"name": name, "questions": weights})
    if made.is_error:
        return made
    place = f"{sets}/{made.json()['id']}"
    added = api.request(
        "POST", f"{place}/questions", json={"question": "What else?", "kind": "foreign"}
    )
    if added.is_error:
        return added
    question = f"{place}/questions/{added.json()['id']}"
    draft = {"question": "What now?", "kind": "foreign", "status": "draft"}
    for method, where, body in (
        ("PUT", question, draft),
        ("POST", f"{place}/drafts/accept", {}),
        ("DELETE", question, None),
    ):
        answer = api.request(method, where, json=body)
        if answer.is_error:
            return answer
    answer = run(api, place)
    return answer if answer.is_error else api.request("DELETE", place)


def run(api: Api, place: str) -> httpx.Response:
    """Begin two runs, cancel the second, wait for the first and delete it."""
    first, second = (api.request("POST", f"{place}/runs", json={}) for _ in range(2))
    for begun in (first, second):
        if begun.is_error:
            return begun
    answer = api.request("POST", f"/evaluation_runs/{second.json()['id']}/cancel")
    if answer.is_error:
        return answer
    path = f"/evaluation_runs/{first.json()['id']}"
    wait_until(lambda: api.get(path)["status"] in ENDED, JOB_WITHIN_S, "end of the run")
    return api.request("DELETE", path)

"""Test sets, runs, comparisons and drafts over HTTP."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from configs import Settings
from server.db.evaluation import end_run
from server.db.evaluation_models import RunRow
from server.db.knowledge_bases import find_kb
from tests.api.conftest import fill, upload
from tests.api.endpoint import Endpoint, serve
from tests.conftest import make_settings, open_client, wait_until_ready

SETS = "/api/v1/knowledge_bases/kb/test_sets"
RUNS = "/api/v1/evaluation_runs"
WITHIN_S = 60
PUMP = {
    "question": "How many litres per minute does the circulation pump P-200 move?",
    "files": ["pump.md"],
    "answers": ["12 litres"],
}
WARRANTY = {
    "question": "How long is the warranty of the pump?",
    "files": ["pump.md"],
    "answers": ["two years"],  # in other words than the document
}
LEAVE = {
    "question": "员工入职满一年后有多少天带薪年假？",
    "files": ["员工手册.md"],
    "quotes": ["每年享有 10 天带薪年假"],
}
FOREIGN = {"question": "Who painted the ceiling of the Sistine Chapel?", "kind": "foreign"}
QUESTIONS = [PUMP, WARRANTY, LEAVE, FOREIGN]


@pytest.fixture
def client(shared_client: TestClient) -> Iterator[TestClient]:
    """Return a client without test sets, whose files no test may change."""
    yield shared_client
    for each in shared_client.get(SETS).json():
        assert shared_client.delete(f"{SETS}/{each['id']}").status_code == 204


@pytest.fixture
def sole_client(settings: Settings) -> Iterator[TestClient]:
    """Return a client whose files a test may change."""
    with open_client(settings) as opened:
        wait_until_ready(opened)
        fill(opened)
        yield opened


def create(client: TestClient, *questions: dict[str, Any], name: str = "mine") -> str:
    """Create a test set and return its path."""
    answer = client.post(SETS, json={"name": name, "questions": list(questions or QUESTIONS)})
    assert answer.status_code == 201, answer.text
    return f"{SETS}/{answer.json()['id']}"


def send(client: TestClient, name: str, content: str | bytes, set_name: str = "sent") -> Any:
    return client.post(f"{SETS}/import", files={"file": (name, content)}, data={"name": set_name})


def run(client: TestClient, place: str, **settings: Any) -> dict[str, Any]:
    """Begin a run, wait for its end and return it."""
    begun = client.post(f"{place}/runs", json={"settings": settings})
    assert begun.status_code == 202, begun.text
    return wait_for(client, begun.json()["id"])


def wait_for(client: TestClient, run_id: int) -> dict[str, Any]:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        state: dict[str, Any] = client.get(f"{RUNS}/{run_id}").json()
        if state["status"] != "running":
            return state
        time.sleep(0.02)
    raise AssertionError(state)


def refused(answer: Any, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    return str(answer.json()["error"]["message"])


def test_a_run_measures_what_is_found_answered_and_refused(client: TestClient) -> None:
    done = run(client, create(client))
    assert (done["status"], done["done"], done["total"], done["error"]) == ("done", 4, 4, None)
    metrics, counts = done["metrics"], done["counts"]
    assert metrics["hit@10"] == 100
    assert metrics["refused"] == metrics["refused_foreign"] == 100
    assert metrics["unfindable"] == 0
    assert (counts["hit@1"], counts["answered"], counts["refused"]) == (3, 2, 1)
    assert done["settings"]["lexical_weight"] == 0.5
    assert done["finished_at"]


def test_each_question_of_a_run_can_be_looked_at(client: TestClient) -> None:
    place = f"{RUNS}/{run(client, create(client))['id']}/questions"
    pump, warranty, leave, foreign = client.get(place).json()
    assert [each["outcome"]["judged_by"] for each in (pump, warranty, leave, foreign)] == [
        *("answer", "file", "quote", "refusal")
    ]
    assert (pump["outcome"]["ranks"][0], pump["outcome"]["gold"], pump["is_good"]) == (1, 1, True)
    assert pump["outcome"]["is_answered"]
    assert "12 litres" in pump["outcome"]["answer"][0]
    assert pump["outcome"]["found"][0]["file"] == "pump.md"
    assert pump["outcome"]["found"][0]["is_right"]
    assert (warranty["outcome"]["is_answered"], warranty["is_good"]) == (False, False)
    assert leave["outcome"]["is_answered"] is None
    assert (foreign["outcome"]["is_covered"], foreign["is_good"]) == (False, True)
    bad = client.get(place, params={"is_good": "false"}).json()
    assert warranty in bad
    assert client.get(place.removesuffix("/questions")).json()["to_look_at"] == len(bad)
    assert pump not in bad
    assert client.get(place, params={"offset": 1, "limit": 1}).json() == [warranty]


def test_a_test_set_is_edited(client: TestClient) -> None:
    place = create(client, PUMP)
    added = client.post(f"{place}/questions", json=FOREIGN)
    assert added.status_code == 201
    again = client.post(f"{place}/questions", json=FOREIGN)
    assert "repeats" in refused(again, 422, "invalid_test_set")
    first, second = client.get(f"{place}/questions").json()
    assert (first["question"], second["kind"]) == (PUMP["question"], "foreign")
    changed = client.put(f"{place}/questions/{first['id']}", json=WARRANTY)
    assert changed.json()["question"] == WARRANTY["question"]
    assert client.delete(f"{place}/questions/{second['id']}").status_code == 204
    assert client.get(place).json()["accepted"] == 1
    refused(client.delete(f"{place}/questions/{second['id']}"), 404, "unknown_test_question")
    assert [each["name"] for each in client.get(SETS).json()] == ["mine"]
    assert client.delete(place).status_code == 204
    refused(client.get(place), 404, "unknown_test_set")


def test_a_run_keeps_what_was_asked(client: TestClient) -> None:
    place = create(client, PUMP)
    done = run(client, place)
    (question,) = client.get(f"{place}/questions").json()
    client.delete(f"{place}/questions/{question['id']}")
    (outcome,) = client.get(f"{RUNS}/{done['id']}/questions").json()
    assert outcome["expected"]["question"] == PUMP["question"]
    assert client.get(f"{place}/runs").json() == [done]


@pytest.mark.parametrize("name", ["set.json", "set.jsonl", "set.yaml"])
def test_a_file_becomes_a_test_set_and_a_file_again(client: TestClient, name: str) -> None:
    lines = "\n".join(json.dumps(each) for each in QUESTIONS)
    content = lines if name == "set.jsonl" else json.dumps(QUESTIONS)
    made = send(client, name, content)
    assert made.status_code == 201, made.text
    assert (made.json()["accepted"], made.json()["skipped_total"]) == (4, 0)
    sent = client.get(f"{SETS}/{made.json()['id']}/download")
    assert sent.headers["content-disposition"].endswith("sent.yaml")
    assert yaml.safe_load(sent.text)["unanswerable"] == [FOREIGN]
    again = send(client, "again.yaml", sent.content, "again")
    assert client.get(f"{SETS}/{again.json()['id']}/download").text == sent.text


def test_squad_is_matched_with_the_files(client: TestClient) -> None:
    answer = {"text": "12 litres", "answer_start": 32}
    asked = [{"id": "1", "question": "How much does it move?", "answers": [answer]}]
    here = {"context": "The circulation pump P-200 moves 12 litres per minute.", "qas": asked}
    elsewhere = {"context": "Far away.", "qas": [{"id": "2", "question": "Where?", "answers": []}]}
    squad = {"data": [{"title": "x", "paragraphs": [here, elsewhere]}]}
    made = send(client, "squad.json", json.dumps(squad)).json()
    assert (made["accepted"], made["skipped"], made["skipped_total"]) == (1, ["Where?"], 1)
    (question,) = client.get(f"{SETS}/{made['id']}/questions").json()
    assert (question["files"], question["answers"]) == (["pump.md"], ["12 litres"])


def test_bad_test_sets_are_refused(client: TestClient) -> None:
    missing = {**PUMP, "files": ["gone.md"]}
    body = {"name": "x", "questions": [missing]}
    assert "gone.md" in refused(client.post(SETS, json=body), 422, "invalid_test_set")
    assert "gone.md" in client.post(SETS, json=body, headers={"Accept-Language": "zh"}).text
    refused(client.post(SETS, json={"name": " "}), 422, "invalid_request")
    refused(
        client.post(SETS, json={"name": "x", "questions": [{"question": "a"}]}),
        422,
        "invalid_request",
    )
    refused(send(client, "x.pdf", b"%PDF"), 422, "invalid_test_set")
    refused(send(client, "x.json", b"{"), 422, "invalid_test_set")
    create(client)
    refused(client.post(SETS, json={"name": "mine"}), 409, "duplicate_test_set")
    refused(client.get("/api/v1/knowledge_bases/none/test_sets"), 404, "unknown_knowledge_base")
    assert len(client.get(SETS).json()) == 1


def test_two_settings_are_compared(client: TestClient) -> None:
    place = create(client)
    before = run(client, place)
    after = run(client, place, top_k=1, candidates=1, min_relevance=1)
    assert after["overrides"] == {"top_k": 1, "candidates": 1, "min_relevance": 1}
    found = client.get(f"{RUNS}/{after['id']}/comparison", params={"before": before["id"]}).json()
    assert found["questions"] == 4
    refusals = found["metrics"]["false_refusals"]
    assert refusals["after"] > refusals["before"]
    assert (refusals["documents"], refusals["low"]) == (2, None)  # too few to be sure
    assert PUMP["question"] in [each["question"] for each in found["worse"]]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"top_k": 0}, "settings.top_k"),
        ({"lexical_weight": 2}, "settings.lexical_weight"),
        ({"top": 1}, "settings.top"),
        ({"rerankers": {}}, "settings.rerankers"),
        ({"reranker": "../models/x"}, "settings.reranker"),
    ],
)
def test_settings_that_do_not_exist_are_refused(
    client: TestClient, wanted: dict[str, Any], param: str
) -> None:
    answer = client.post(f"{create(client)}/runs", json={"settings": wanted})
    refused(answer, 422, "invalid_request")
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("wrong", [10**30, 2**63, 0, -1])
def test_ids_that_no_draft_can_have_are_refused(client: TestClient, wrong: int) -> None:
    place = create(client, PUMP)
    answer = client.post(f"{place}/drafts/accept", json={"ids": [wrong]})
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "ids.0"


def test_drafts_are_used_once_they_are_accepted(client: TestClient) -> None:
    bare = client.post(SETS, json={"name": "bare"}).json()
    place = f"{SETS}/{bare['id']}"
    drafted = client.post(f"{place}/drafts", json={"count": 1})
    assert drafted.status_code == 201
    drafts = drafted.json()
    assert drafts
    assert {(each["status"], each["origin"]) for each in drafts} == {("draft", "rule")}
    refused(client.post(f"{place}/runs", json={}), 422, "nothing_to_run")
    assert client.post(f"{place}/drafts/accept", json={"ids": [drafts[0]["id"]]}).json() == {
        "accepted": 1
    }
    assert run(client, place)["total"] == 1
    shown = client.get(place).json()
    assert (shown["accepted"], shown["drafts"]) == (1, len(drafts) - 1)
    known = {each["question"] for each in drafts}
    more = client.post(f"{place}/drafts", json={"count": 5}).json()
    assert more
    assert known.isdisjoint(each["question"] for each in more)


def test_drafts_move_on_to_all_passages(sole_client: TestClient) -> None:
    for number in range(12):
        text = f"The storage tank in hall {chr(65 + number)} is cleaned after {120 + number} days."
        upload(sole_client, f"tank{number}.md", text.encode())
    place = f"{SETS}/{sole_client.post(SETS, json={'name': 'bare'}).json()['id']}"
    drafted: list[dict[str, Any]] = []
    while more := sole_client.post(f"{place}/drafts", json={"count": 2}).json():
        drafted += more
    assert {f"tank{number}.md" for number in range(12)} <= {each["files"][0] for each in drafted}


def test_drafts_of_a_model_need_one(client: TestClient) -> None:
    answer = client.post(f"{create(client)}/drafts", json={"use_llm": True})
    refused(answer, 503, "no_language_model")


def test_a_model_drafts_only_what_stands_in_the_passage(tmp_path: Path) -> None:
    with serve(Endpoint()) as endpoint:
        settings = make_settings(tmp_path, llm={"base_url": endpoint.url})
        with open_client(settings) as client:
            wait_until_ready(client)
            fill(client)
            place = create(client)
            endpoint.pieces = ["Q: What does the P-200 move?\nA: ", "12 litres\n"]
            (draft,) = client.post(f"{place}/drafts", json={"use_llm": True}).json()
            assert (draft["question"], draft["answers"]) == (
                *("What does the P-200 move?", ["12 litres"]),
            )
            (quote,) = draft["quotes"]
            assert "12 litres" in quote
            assert quote.endswith(".")
            assert (draft["files"], draft["status"], draft["origin"]) == (
                *(["pump.md"], "draft", "llm"),
            )
            assert "12 litres per minute" in json.dumps(endpoint.requests)
            endpoint.pieces = ["I know no question."]
            assert client.post(f"{place}/drafts", json={"use_llm": True}).json() == []
            endpoint.status = 500
            failed = client.post(f"{place}/drafts", json={"use_llm": True})
            refused(failed, 502, "language_model_failed")


def test_a_run_is_cancelled_and_deleted(client: TestClient) -> None:
    place = create(client)
    begun = client.post(f"{place}/runs", json={}).json()
    cancelled = client.post(f"{RUNS}/{begun['id']}/cancel").json()
    assert cancelled["status"] in ("cancelled", "done")
    other = run(client, place)
    if cancelled["status"] == "cancelled":
        compared = client.get(f"{RUNS}/{other['id']}/comparison", params={"before": begun["id"]})
        refused(compared, 409, "run_not_done")
    assert client.delete(f"{RUNS}/{begun['id']}").status_code == 204
    refused(client.get(f"{RUNS}/{begun['id']}"), 404, "unknown_run")
    assert [each["id"] for each in client.get(f"{place}/runs").json()] == [other["id"]]


def test_a_run_that_a_former_process_left_has_failed(client: TestClient) -> None:
    place = create(client)
    container: Any = client.app.state.container  # type: ignore[attr-defined]
    with container.database.write("test") as session:
        left = RunRow(
            set_id=int(place.rpartition("/")[2]),
            status="running",
            total=4,
            overrides={},
            settings={},
            revision=1,
            embedding_model="hashing",
        )
        session.add(left)
    container.runner.recover()
    shown = client.get(f"{RUNS}/{left.id}").json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "run_interrupted")
    with container.database.write("test") as session:  # has no effect on what has ended
        end_run(session, left.id, "done")
    assert client.get(f"{RUNS}/{left.id}").json()["status"] == "failed"


def test_a_question_whose_file_went_cannot_be_found(sole_client: TestClient) -> None:
    assert (
        upload(sole_client, "extra.md", b"The extra lamp burns for 400 hours.").status_code == 201
    )
    lamp = {"question": "How long does the lamp burn?", "files": ["extra.md"], "answers": ["400"]}
    place = create(sole_client, lamp)
    sole_client.delete("/api/v1/knowledge_bases/kb/files/extra.md")
    metrics = run(sole_client, place)["metrics"]
    assert (metrics["unfindable"], metrics["hit@10"]) == (100, 0)


def test_a_run_of_a_question_twice_is_the_same(client: TestClient) -> None:
    place = create(client)
    first, second = (run(client, place)["metrics"] for _ in range(2))
    assert first == second


def test_what_a_knowledge_base_sets_itself_is_not_overridden(sole_client: TestClient) -> None:
    place = create(sole_client)
    container: Any = sole_client.app.state.container  # type: ignore[attr-defined]
    with container.database.write("test") as session:
        find_kb(session, "kb").min_relevance = 0.25
    answer = sole_client.post(f"{place}/runs", json={"settings": {"min_relevance": 0.5}})
    assert "itself" in refused(answer, 422, "invalid_request")
    assert run(sole_client, place)["settings"]["min_relevance"] == 0.25


def test_a_knowledge_base_goes_with_its_test_sets(sole_client: TestClient) -> None:
    done = run(sole_client, create(sole_client))
    assert sole_client.delete("/api/v1/knowledge_bases/kb").status_code == 204
    refused(sole_client.get(f"{RUNS}/{done['id']}"), 404, "unknown_run")

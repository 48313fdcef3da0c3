import time
from pathlib import Path

import pytest

from server.schemas.jobs import Reindex
from server.schemas.native import ChatRequest, CreateKnowledgeBase
from tests.api.endpoint import Endpoint, serve
from tests.unit.webui_pages.conftest import KEY, MANUAL, add, filled_api, wait_for
from webui_pages.asking import Delta, Final, Found
from webui_pages.client import ApiClient, ApiError, Unreachable

QUESTION = "How often is the rear air filter replaced?"


def test_knowledge_bases_are_created_and_deleted(client: ApiClient) -> None:
    client.create_knowledge_base(CreateKnowledgeBase(name="for a while"))
    assert "for a while" in {base.name for base in client.knowledge_bases()}
    client.delete_knowledge_base("for a while")
    assert "for a while" not in {base.name for base in client.knowledge_bases()}


def test_an_upload_tells_each_file_apart(client: ApiClient) -> None:
    job = add(client, "docs", {"note.txt": b"A note.", "x.exe": b"MZ"})
    good, bad = client.job_files(job.id, limit=10)
    client.delete_file("docs", "note.txt")
    assert (job.status, good.outcome) == ("failed", "added")
    assert bad.error
    assert bad.error.code == "unsupported_format"
    assert [failure.name for failure in job.failures] == ["x.exe"]


def test_an_upload_of_bad_files_only_tells_why(client: ApiClient) -> None:
    job = add(client, "docs", {"empty.txt": b" "})
    assert [failure.error.code for failure in job.failures] == ["empty_document"]


def test_the_jobs_of_a_knowledge_base_are_listed_newest_first(client: ApiClient) -> None:
    first = add(client, "docs", {"manual.md": MANUAL.encode()})
    second = wait_for(client, client.reindex("docs", Reindex()))
    assert [job.id for job in client.jobs("docs", limit=2)] == [second.id, first.id]
    assert client.jobs("docs", active=True) == []


def test_the_embedding_model_is_changed_by_a_job(client: ApiClient) -> None:
    client.create_knowledge_base(CreateKnowledgeBase(name="other model"))
    add(client, "other model", {"manual.md": MANUAL.encode()})
    job = wait_for(client, client.reindex("other model", Reindex(embedding_model="none")))
    models = {base.name: base.embedding_model for base in client.knowledge_bases()}
    client.delete_knowledge_base("other model")
    assert (job.kind, job.status, models["other model"]) == ("model", "done", "none")


def test_a_job_that_has_ended_is_not_cancelled(client: ApiClient) -> None:
    job = add(client, "docs", {"manual.md": MANUAL.encode()})
    assert client.cancel_job(job.id).status == job.status


def test_a_version_comes_back(client: ApiClient) -> None:
    add(client, "docs", {"old.txt": b"The old words."})
    add(client, "docs", {"old.txt": b"The new words."}, override=True)
    second, first = client.versions("docs", "old.txt")
    assert (second.is_current, first.is_current) == (True, False)
    client.restore("docs", "old.txt", first.version)
    assert client.text("docs", "old.txt").text.strip() == "The old words."
    client.delete_file("docs", "old.txt")


def test_a_file_with_a_difficult_name_is_found(client: ApiClient) -> None:
    name = "a #1?%20 & 报告.txt"
    add(client, "docs", {name: b"Some text."})
    assert client.text("docs", name).text.strip() == "Some text."
    assert client.chunks("docs", name)[0].text == "Some text."
    client.delete_file("docs", name)
    assert name not in {file.name for file in client.files("docs")}


def test_a_part_of_a_text_says_where_it_is(client: ApiClient) -> None:
    whole = client.text("docs", "manual.md")
    part = client.text("docs", "manual.md", start=2, end=8)
    assert (part.text, part.start, part.length) == (whole.text[2:8], 2, len(whole.text))


def test_chunks_after_the_last_are_none(client: ApiClient) -> None:
    assert client.chunks("docs", "manual.md", offset=1000, limit=2) == []


def test_a_search_returns_hits(client: ApiClient) -> None:
    assert client.search("docs", "air filter", top_k=1).hits[0].file_name == "manual.md"


@pytest.mark.parametrize(("language", "word"), [("en", "There is no"), ("zh", "没有名为")])
def test_errors_are_told_in_the_language_asked_for(api: str, language: str, word: str) -> None:
    with pytest.raises(ApiError, match=word) as caught:
        ApiClient(api, language=language).files("nowhere")  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.code) == (404, "unknown_knowledge_base")


def test_an_api_that_is_not_there_is_said_so() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        ApiClient("http://127.0.0.1:9").status()


def test_a_locked_api_takes_the_key(locked_api: str) -> None:
    assert ApiClient(locked_api, key=KEY).status().needs_key
    with pytest.raises(ApiError, match="key") as caught:
        ApiClient(locked_api).status()
    assert caught.value.status == 401


def test_an_answer_comes_as_sources_text_and_the_whole(client: ApiClient) -> None:
    with client.ask(ChatRequest(question=QUESTION, knowledge_base="docs")) as events:
        found, *deltas, final = [event for event in events if event]
    assert isinstance(found, Found)
    assert isinstance(final, Final)
    assert found.sources[0].file_name == "manual.md"
    assert final.answer.sources == found.sources
    assert final.answer.answer == "".join(d.text for d in deltas if isinstance(d, Delta))


def test_a_question_that_is_refused_raises(client: ApiClient) -> None:
    request = ChatRequest(question="?", knowledge_base="docs")
    with pytest.raises(ApiError) as caught, client.ask(request) as events:
        list(events)
    assert caught.value.code == "empty_question"


def test_asking_an_api_that_is_not_there_raises() -> None:
    request = ChatRequest(question=QUESTION)
    with pytest.raises(Unreachable), ApiClient("http://127.0.0.1:9").ask(request) as events:
        list(events)


def test_conversations_are_kept_renamed_and_deleted(client: ApiClient) -> None:
    made = client.create_conversation("docs")
    request = ChatRequest(question=QUESTION, knowledge_base="docs", conversation_id=made.id)
    with client.ask(request) as events:
        list(events)
    assert [item.question for item in client.conversation(made.id).items] == [QUESTION]
    client.rename_conversation(made.id, "Filters")
    assert {c.title for c in client.conversations() if c.id == made.id} == {"Filters"}
    client.delete_conversation(made.id)
    with pytest.raises(ApiError, match="conversation"):
        client.conversation(made.id)


def test_leaving_an_answer_stops_it_and_keeps_what_came(tmp_path: Path) -> None:
    endpoint = Endpoint(pieces=["word "] * 600, pause_s=0.05)
    with serve(endpoint), filled_api(tmp_path, llm={"base_url": endpoint.url}) as url:
        client = ApiClient(url)
        made = client.create_conversation("docs")
        request = ChatRequest(question=QUESTION, knowledge_base="docs", conversation_id=made.id)
        with client.ask(request) as events:
            next(event for event in events if isinstance(event, Delta))
        deadline = time.monotonic() + 20
        while not (items := client.conversation(made.id).items):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert items[0].stopped
        assert items[0].answer.startswith("word")

"""From a question to hits: both legs, filters, several knowledge bases, sentences, a reranker."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from embeddings import Vectors
from embeddings.hashing import HashingEmbedder
from server.container import Container
from server.datatypes import FileFilter
from server.db.files import find_file
from server.db.knowledge_bases import find_kb
from server.errors import EmbeddingFailed, UnknownKnowledgeBase
from server.knowledge_base.attributes import change_kb, tag_file
from server.knowledge_base.best_sentence import SentenceVectors, ask_terms
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.retrieval import Retrieval, Retriever
from tests.conftest import make_settings
from tests.unit.knowledge_base.rerankers.endpoint import RerankEndpoint, serve_reranker

NOTES = {f"note-{n:02}.txt": "The pump is oiled every Monday morning." for n in range(40)} | {
    f"other-{n}.txt": f"The {word} is oiled by the {word} team."
    for n, word in enumerate(("crane", "press", "lathe", "robot", "mixer"))
}
MACHINES = {
    "machines/pump.txt": "The pump moves twelve litres per minute. Its filter is replaced often.",
    "machines/old/boiler.txt": "The boiler is descaled every autumn. Its filter is washed.",
    "machinery.txt": "A filter for the drill does not exist. The drill needs oil.",
    "people/leave.txt": "Every employee has ten days of leave. The manager approves them.",
    "people/休假.txt": "每位员工每年有十天年假，由直属主管批准。",
}
HOUSE = {
    "window.txt": "The windows are cleaned in spring. Their filter against insects is a net.",
    "roof.txt": "The roof was covered with slate by two craftsmen from the village.",
}
CODES = {
    f"valve-{number:02}.txt": f"The valve zq{number:05}x closes when the pressure is too high. "
    f"Line {number} has one such valve, and its pressure is checked by hand."
    for number in range(10, 24)
}
POLICY = (
    "Travel is booked by the office of the department at least one week ahead of the journey, "
    "by train where a train arrives the same day, and the receipts are handed in afterwards "
    "with the signed form to the accounting department in the main building of the campus."
)
COPIES = {
    "policy.txt": POLICY,
    "policy copy.txt": POLICY.replace("main building", "old building"),
    "prices-a.txt": POLICY + " The limit of a night is 120 euros.",
    "prices-b.txt": POLICY + " The limit of a night is 180 euros.",
    "pump.txt": "A pump moves water.",
}
EARLY, LATE = datetime(2023, 3, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)


def add_kb(container: Container, name: str, files: dict[str, str]) -> None:
    container.knowledge_bases.create(name, embedding_model="hashing")
    for file_name, text in files.items():
        container.knowledge_bases.add_file(
            name, file_name, BytesIO(text.encode()), options=IngestOptions()
        )
    container.calibrator.refresh(name)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Return a service whose files no test changes."""
    opened = Container(make_settings(tmp_path_factory.mktemp("retrieval")))
    opened.prepare()
    opened.readiness.check()
    for name, files in (
        ("machines", MACHINES),
        ("house", HOUSE),
        ("codes", CODES),
        ("copies", COPIES),
        ("notes", NOTES),
    ):
        add_kb(opened, name, files)
    tag_file(opened.database, "machines", "machines/pump.txt", ["wet", "manual"])
    tag_file(opened.database, "machines", "people/leave.txt", ["manual"])
    with opened.database.write("dates") as session:
        kb = find_kb(session, "machines")
        for name in MACHINES:
            find_file(session, kb, name).updated_at = LATE if "pump" in name else EARLY
    yield opened
    asyncio.run(opened.close())


def retriever_with(container: Container, **settings: Any) -> Retriever:
    changed = container.settings.retrieval.model_copy(update=settings)
    return container.make_retriever(changed)


def names_of(found: Retrieval) -> list[str]:
    return [hit.passage.file_name for hit in found.hits]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (FileFilter(files=frozenset({"machinery.txt"})), {"machinery.txt"}),
        (
            FileFilter(folders=frozenset({"machines"})),
            {"machines/pump.txt", "machines/old/boiler.txt"},
        ),
        (FileFilter(folders=frozenset({"machines/old"})), {"machines/old/boiler.txt"}),
        (FileFilter(folders=frozenset({"machine"})), set()),
        (FileFilter(tags=frozenset({"manual"})), {"machines/pump.txt", "people/leave.txt"}),
        (FileFilter(tags=frozenset({"wet", "dry"})), {"machines/pump.txt"}),
        (FileFilter(since=LATE), {"machines/pump.txt"}),
        (FileFilter(until=EARLY), set(MACHINES) - {"machines/pump.txt"}),
        (FileFilter(tags=frozenset({"manual"}), until=EARLY), {"people/leave.txt"}),
        (FileFilter(folders=frozenset(f"f{n}" for n in range(1000)) | {"people"}), None),
    ],
)
def test_a_filter_limits_both_legs(
    container: Container, only: FileFilter, expected: set[str] | None
) -> None:
    found = container.retriever.retrieve("machines", "Which filter?", only=only)
    (searched,) = found.trace["knowledge_bases"]
    expected = {"people/leave.txt", "people/休假.txt"} if expected is None else expected
    english = {name for name in expected if name.isascii()}  # what has vectors
    assert searched["chunks_allowed"] == len(expected)
    assert searched["dense_candidates"] == len(english)
    assert searched["lexical_candidates"] == sum("filter" in MACHINES[name] for name in expected)
    assert set(names_of(found)) == english


def test_a_filter_that_no_file_fulfils_finds_nothing(container: Container) -> None:
    only = FileFilter(files=frozenset({"nothing.txt"}))
    found = container.retriever.retrieve("machines", "How often is the filter changed?", only=only)
    assert (found.hits, found.is_covered) == ((), False)


def test_without_a_filter_the_trace_tells_of_none(container: Container) -> None:
    found = container.retriever.retrieve("machines", "Which filter?")
    assert found.trace["knowledge_bases"][0]["chunks_allowed"] is None


def test_several_knowledge_bases_give_one_ranking_of_comparable_scores(
    container: Container,
) -> None:
    question = "How often is the filter of the pump replaced?"
    alone = [
        hit
        for name in ("machines", "house")
        for hit in container.retriever.retrieve(name, question, top_k=20).hits
    ]
    found = container.retriever.retrieve(["machines", "house", "machines"], question, top_k=20)
    assert {hit.passage.chunk_id: hit.score for hit in found.hits} == {
        hit.passage.chunk_id: hit.score for hit in alone
    }
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert names_of(found)[0] == "machines/pump.txt"
    assert [kb["name"] for kb in found.trace["knowledge_bases"]] == ["machines", "house"]
    assert {hit.passage.knowledge_base for hit in found.hits} == {"machines", "house"}


def test_an_unknown_knowledge_base_among_several_is_told(container: Container) -> None:
    with pytest.raises(UnknownKnowledgeBase, match="nope"):
        container.retriever.retrieve(["machines", "nope"], "Which filter?")


def test_a_code_that_one_file_alone_has_is_first_among_neighbours(container: Container) -> None:
    for question in ("When does the valve zq00014x close?", "zq00014x 阀门何时关闭？"):
        found = container.retriever.retrieve("codes", question)
        assert names_of(found)[0] == "valve-14.txt"


def test_what_says_the_same_collapses_but_other_figures_do_not(container: Container) -> None:
    found = container.retriever.retrieve("copies", "Who books travel and the night limit?")
    names = names_of(found)
    assert {"prices-a.txt", "prices-b.txt"} <= set(names)
    assert len({"policy.txt", "policy copy.txt"} & set(names)) == 1
    (left_out,) = found.trace["left_out"]
    kept = {hit.passage.chunk_id: hit.passage.file_name for hit in found.hits}
    assert kept[left_out["repeats"]].startswith("policy")
    assert left_out["chunk_id"] not in kept


def test_repeated_passages_leave_as_many_hits_as_there_are_others(container: Container) -> None:
    found = container.retriever.retrieve("notes", "When is the pump oiled?", top_k=5)
    texts = {hit.passage.chunk.text for hit in found.hits}
    assert len(found.hits) == len(texts) == 5
    assert found.hits[0].passage.file_name.startswith("note-")


def test_a_strict_threshold_lifts_nothing_that_is_far(container: Container) -> None:
    question = "Which filter has the pump?"
    everything = container.retriever.retrieve("machines", question, top_k=5)
    cosines = sorted(
        (hit.legs["dense"] for hit in everything.hits if "dense" in hit.legs), reverse=True
    )
    limit = 2 - 2 * (cosines[0] + cosines[1]) / 2  # only the closest passes
    strict = container.retriever.retrieve("machines", question, top_k=5, score_threshold=limit)
    assert names_of(strict)[0] == names_of(everything)[0]
    scores = {hit.passage.chunk_id: hit.score for hit in everything.hits}
    for hit in strict.hits:
        assert hit.score == pytest.approx(scores[hit.passage.chunk_id])


class CountedModel(HashingEmbedder):
    """Counts its questions, and fails with documents when it is told to."""

    questions = 0
    is_broken = False

    def embed_query(self, text: str) -> Vectors:
        type(self).questions += 1
        return super().embed_query(text)

    def embed_documents(self, texts: list[str]) -> Vectors:
        if self.is_broken:
            raise EmbeddingFailed(model="hashing", reason="it is off")
        return super().embed_documents(texts)


def test_a_question_is_embedded_once_for_all_knowledge_bases(container: Container) -> None:
    model = CountedModel(cache=Path(), batch_size=8, threads=1)
    retriever = retriever_with(container)
    retriever.embedders = Models(model)
    retriever.retrieve("machines", "pump")  # measures the background
    CountedModel.questions = 0
    retriever.retrieve(["machines", "house", "codes"], "Which filter has the pump?")
    assert CountedModel.questions == 1


def test_sentences_are_compared_by_words_when_the_model_fails(container: Container) -> None:
    model = CountedModel(cache=Path(), batch_size=8, threads=1)
    retriever = retriever_with(container, sentence_doubt=2.0)
    retriever.embedders = Models(model)
    question = "Which filter has the pump?"
    assert retriever.retrieve("machines", question).trace["sentence_vectors"] == "used"
    model.is_broken = True
    retriever.sentences = SentenceVectors()
    found = retriever.retrieve("machines", question)
    assert found.hits
    assert found.trace["sentence_vectors"] == "failed"


class Models:
    """A pool that has one model alone."""

    def __init__(self, model: HashingEmbedder) -> None:
        self.model = model

    def get(self, name: str) -> HashingEmbedder:
        return self.model


def test_the_terms_of_a_long_question_are_not_walked_for_every_sentence() -> None:
    sets = [0]

    class Counted(dict[str, float]):
        def __getitem__(self, term: str) -> float:
            sets[0] += 1
            return super().__getitem__(term)

    weights = Counted({f"term{n}": 1.0 for n in range(10_000)})
    asked = ask_terms(weights)
    for n in range(1000):
        assert asked.share(frozenset({f"term{n}", "other"})) == pytest.approx(1e-4)
    assert sets[0] == 1000


def test_with_mmr_a_hit_that_says_something_else_moves_up(container: Container) -> None:
    question = "What is the limit of a night of travel?"
    plain = container.retriever.retrieve("copies", question, top_k=2)
    assert set(names_of(plain)) == {"prices-a.txt", "prices-b.txt"}
    diverse = retriever_with(container, mmr_lambda=0.3).retrieve("copies", question, top_k=2)
    assert names_of(diverse) == [names_of(plain)[0], "pump.txt"]


def test_the_best_sentence_counts_unless_its_weight_is_0(container: Container) -> None:
    question = "How often is the filter replaced?"
    found = container.retriever.retrieve("machines", question)
    assert all(0 <= hit.legs["sentence"] <= 1 for hit in found.hits)
    off = retriever_with(container, sentence_weight=0.0).retrieve("machines", question)
    assert all("sentence" not in hit.legs for hit in off.hits)
    assert [hit.score for hit in off.hits] == [hit.legs["fused"] for hit in off.hits]


def test_the_relevance_that_is_asked_for_by_hand_wins(container: Container) -> None:
    strict = retriever_with(container, min_relevance=1.0)
    try:
        for retriever, by_hand, needed, is_covered in (
            (container.retriever, None, 0.5, True),
            (container.retriever, 1.0, 1.0, False),
            (strict, None, 1.0, False),
            (strict, 0.0, 0.0, True),
        ):
            change_kb(container.database, "machines", min_relevance=by_hand)
            found = retriever.retrieve("machines", "How often is the filter of the pump replaced?")
            assert (found.trace["needed"], found.is_covered) == (needed, is_covered)
    finally:
        change_kb(container.database, "machines", min_relevance=None)


def test_the_trace_tells_the_time_of_each_stage(container: Container) -> None:
    found = container.retriever.retrieve("machines", "How often is the filter replaced?")
    assert list(found.trace["timings_ms"]) == [
        *("embedding", "prepare", "lexical", "dense", "fusion"),
        *("passages", "sentences", "rerank", "selection"),
    ]
    assert all(spent >= 0 for spent in found.trace["timings_ms"].values())


def test_without_a_model_for_the_language_words_alone_decide(container: Container) -> None:
    found = container.retriever.retrieve("machines", "员工每年有几天年假？")
    assert found.trace["dense"] == "no_model_for_language"
    assert names_of(found) == ["people/休假.txt"]


@pytest.fixture
def reranked(tmp_path: Path) -> Iterator[tuple[Container, RerankEndpoint]]:
    """Return a service with a reranker that compares letters, and its endpoint."""
    with serve_reranker(RerankEndpoint()) as endpoint:
        url = f"{endpoint.url}/v1"
        settings = make_settings(
            tmp_path,
            retrieval={
                "reranker": "letters",
                "rerankers": {"letters": {"base_url": url, "languages": ["en"]}},
            },
        )
        opened = Container(settings)
        opened.prepare()
        opened.readiness.check()
        letters = {"all.txt": "The quick brown fox jumps over the lazy dog.", "少.txt": "泵"}
        add_kb(opened, "kb", {"pump.txt": "A pump.", **letters})
        yield opened, endpoint
        asyncio.run(opened.close())


def test_a_reranker_orders_anew(reranked: tuple[Container, RerankEndpoint]) -> None:
    container, endpoint = reranked
    found = container.retriever.retrieve("kb", "Which pump works?")
    assert names_of(found)[0] == "all.txt"  # it has every letter
    assert [hit.score for hit in found.hits] == [hit.legs["rerank"] for hit in found.hits]
    assert found.trace["reranker"] == {"model": "letters"}
    assert endpoint.requests[0]["query"] == "Which pump works?"
    plain = retriever_with(container, reranker="").retrieve("kb", "Which pump works?")
    assert (names_of(plain)[0], plain.trace["reranker"]) == ("pump.txt", None)


def test_a_reranker_that_fails_leaves_the_order_and_is_told(
    reranked: tuple[Container, RerankEndpoint],
) -> None:
    container, endpoint = reranked
    plain = retriever_with(container, reranker="").retrieve("kb", "Which pump works?")
    endpoint.status = 500
    found = container.retriever.retrieve("kb", "Which pump works?")
    assert found.hits == plain.hits
    assert "letters" in found.trace["reranker"]["error"]


def test_a_reranker_that_is_nowhere_is_told_too(container: Container) -> None:
    found = retriever_with(container, reranker="nowhere").retrieve("machines", "Which filter?")
    assert found.hits
    assert "nowhere" in found.trace["reranker"]["error"]


def test_a_reranker_is_not_asked_in_a_language_that_it_does_not_know(
    reranked: tuple[Container, RerankEndpoint],
) -> None:
    container, endpoint = reranked
    found = container.retriever.retrieve("kb", "哪个泵？")
    assert names_of(found) == ["少.txt"]
    assert found.trace["reranker"] == {"model": "letters", "skipped": "no_model_for_language"}
    assert endpoint.requests == []


def test_what_the_reranker_did_not_see_comes_after_it(
    reranked: tuple[Container, RerankEndpoint],
) -> None:
    container, endpoint = reranked
    few = retriever_with(container, rerank_candidates=1)
    found = few.retrieve("kb", "Which pump works?")
    assert len(endpoint.requests[0]["documents"]) == 1
    assert names_of(found) == ["pump.txt", "all.txt"]
    assert found.hits[1].score <= found.hits[0].score

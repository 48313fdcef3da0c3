"""The samples through the product's own retrieval: every answer is there, and most are found."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from configs import ROOT
from server.chat.events import Ask
from server.container import Container
from server.knowledge_base.samples import NAME
from tests.conftest import make_settings

pytestmark = pytest.mark.slow

QUESTIONS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (ROOT / "samples" / "questions.yaml").read_text("utf-8")
)
FORMATS = {".txt", ".md", ".html", ".csv", ".docx", ".pdf"}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Return a service with the samples and the default embedding model."""
    settings = make_settings(
        tmp_path_factory.mktemp("samples"),
        kb={"create_samples": True},
        embedding={"model": "all-MiniLM-L6-v2"},
    )
    built = Container(settings)
    built.prepare()
    built.readiness.check()
    yield built
    asyncio.run(built.close())


def test_the_samples_cover_all_formats_and_both_languages(container: Container) -> None:
    files = container.knowledge_bases.list_files(NAME)
    assert len(files) >= 12
    assert {"." + file.name.rpartition(".")[2] for file in files} == FORMATS
    languages = Counter(item["language"] for item in QUESTIONS["answerable"])
    assert len(QUESTIONS["answerable"]) >= 40
    assert min(languages["en"], languages["zh"]) >= 18
    kinds = Counter(item["kind"] for item in QUESTIONS["unanswerable"])
    assert len(QUESTIONS["unanswerable"]) >= 24
    assert kinds["near_miss"] >= 12


@pytest.mark.parametrize("item", QUESTIONS["answerable"], ids=lambda item: item["id"])
def test_an_answer_stands_in_its_file(container: Container, item: dict[str, Any]) -> None:
    _, text, _ = container.knowledge_bases.read_text(NAME, item["file"])
    assert any(item["answer"] in line for line in text.splitlines())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_most_questions_find_their_file_among_the_first_hits(
    container: Container, language: str
) -> None:
    found = []
    for item in QUESTIONS["answerable"]:
        if item["language"] == language:
            hits = container.retriever.retrieve(NAME, item["question"], top_k=3).hits
            found.append(item["file"] in {hit.passage.file_name for hit in hits})
    assert sum(found) / len(found) >= 0.9


@pytest.mark.parametrize("language", ["zh", "en"])
def test_questions_on_other_subjects_are_refused_and_few_others_are(
    container: Container, language: str
) -> None:
    def is_refused(item: dict[str, Any]) -> bool:
        prepared = asyncio.run(container.chat.prepare(Ask(item["question"], NAME)))
        return not prepared.sources

    foreign = [
        is_refused(item)
        for item in QUESTIONS["unanswerable"]
        if item["kind"] == "foreign" and item["language"] == language
    ]
    known = [is_refused(item) for item in QUESTIONS["answerable"] if item["language"] == language]
    assert sum(foreign) / len(foreign) >= 0.8
    assert sum(known) / len(known) <= 0.2

"""Question sets from files that the user names. Knows no retrieval.

A set is three files, ``<name>.documents.jsonl`` {doc_id, title, text}, ``<name>.passages.jsonl``
{id, doc_id, title, text} and ``<name>.questions.jsonl`` {id, question, gold_ids, answers, doc_id},
or one ``<name>.json`` in the form of SQuAD.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph of a document, or with ``id`` equal to ``doc_id`` the whole document."""

    id: str
    doc_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the passages that answer it and strings that are right answers."""

    id: str
    text: str
    doc_id: str
    gold_ids: frozenset[str]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Documents, their passages and questions about them."""

    name: str
    documents: tuple[Passage, ...]
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]


def read_set(folder: Path, name: str) -> QuestionSet:
    """Read a question set.

    Raises:
        SystemExit: the folder has no such set.
    """
    if (folder / f"{name}.json").is_file():
        return read_squad(folder / f"{name}.json", name)
    if not (folder / f"{name}.questions.jsonl").is_file():
        raise SystemExit(f"There is no set {name!r} in {folder}; see benchmarks/question_sets.py.")
    passages = tuple(
        Passage(row["id"], row["doc_id"], row["title"], row["text"])
        for row in read_lines(folder / f"{name}.passages.jsonl")
    )
    documents = tuple(
        Passage(row["doc_id"], row["doc_id"], row["title"], row["text"])
        for row in read_lines(folder / f"{name}.documents.jsonl")
    )
    doc_of = {passage.id: passage.doc_id for passage in passages}
    questions = tuple(
        Question(
            row["id"],
            row["question"],
            doc_of[row["gold_ids"][0]],
            frozenset(row["gold_ids"]),
            tuple(row["answers"]),
        )
        for row in read_lines(folder / f"{name}.questions.jsonl")
    )
    return QuestionSet(name, documents, passages, questions)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file with one JSON object a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def read_squad(path: Path, name: str) -> QuestionSet:
    """Read a set in the form of SQuAD; questions without an answer are left out."""
    documents, passages, questions = [], [], []
    for number, article in enumerate(json.loads(path.read_text("utf-8"))["data"]):
        doc_id, title = f"d{number:05}", article["title"].replace("_", " ")
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        documents.append(Passage(doc_id, doc_id, title, "\n\n".join(texts)))
        for place, paragraph in enumerate(article["paragraphs"]):
            passage_id = f"{doc_id}-{place:04}"
            passages.append(Passage(passage_id, doc_id, title, paragraph["context"]))
            questions += [
                Question(
                    str(item["id"]),
                    item["question"],
                    doc_id,
                    frozenset({passage_id}),
                    tuple(answer["text"] for answer in item["answers"]),
                )
                for item in paragraph["qas"]
                if item["answers"]
            ]
    return QuestionSet(name, tuple(documents), tuple(passages), tuple(questions))

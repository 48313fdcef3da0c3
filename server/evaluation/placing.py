"""Finds the files that hold the passages of foreign test questions. Knows no format of a file."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from server.errors import InvalidTestSet
from server.evaluation.formats import PlacelessQuestion, check_questions, key_of
from server.evaluation.matching import flatten
from server.schemas.evaluation import NewQuestion


def place_questions(
    questions: Sequence[PlacelessQuestion], files: Iterable[tuple[str, str]]
) -> tuple[list[NewQuestion], list[str]]:
    """Return the questions whose passage a file holds, and the texts of the rest.

    ``files`` are names and texts. A question that its passage does not answer must be refused if
    it is about a passage that is there: it then asks for what the documents do not say.

    Raises:
        InvalidTestSet: no file holds any of the passages.
    """
    places = find_passages({question.context for question in questions}, files)
    placed: dict[tuple[str, ...], NewQuestion] = {}
    left: list[str] = []
    for question in questions:
        file = places.get(question.context)
        made = None if file is None else to_question(question, file)
        if made is None:
            left.append(question.question)
        else:
            placed.setdefault(key_of(made), made)  # SQuAD repeats some
    if not placed:
        raise InvalidTestSet(
            param="file",
            problem_en="no file of the knowledge base holds any of their passages. "
            "Upload the passages first.",
            problem_zh="知识库中没有任何文件包含这些问题的段落，请先上传相应资料。",
        )
    made_all = list(placed.values())
    check_questions(made_all)
    return made_all, left


def find_passages(passages: set[str], files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the first file that holds each passage, by letters and digits."""
    wanted = {passage: flat for passage in passages if (flat := flatten(passage))}
    found: dict[str, str] = {}
    for name, text in files:
        flat = flatten(text)
        here = [passage for passage, letters in wanted.items() if letters in flat]
        for passage in here:
            found[passage] = name
            del wanted[passage]
        if not wanted:
            break
    return found


def to_question(question: PlacelessQuestion, file: str) -> NewQuestion | None:
    """Return a question with the file that holds its passage; None if it cannot be one of ours."""
    values: dict[str, object] = {"kind": "near_miss"}
    if question.answers:
        values = {"files": [file], "answers": list(filter(flatten, question.answers))}
    try:
        return NewQuestion.model_validate(
            {"label": question.label[:200], "question": question.question, **values}
        )
    except ValidationError:  # it has no letter, or is far too long
        return None

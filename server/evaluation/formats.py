"""Test questions from the files that people have, and back as YAML. Knows no knowledge base.

Taken are YAML in the form of ``samples/questions.yaml``, JSON as a list of questions or in that
form, JSON Lines with a question a line, and JSON in the form of SQuAD.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any  # what parsers return, until it is validated

import yaml
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from server.errors import InvalidTestSet
from server.schemas.evaluation import MAX_QUESTIONS, NewQuestion
from server.schemas.fields import check_text
from server.schemas.problems import describe_problems

MAX_BYTES = 16 << 20
EXTENSIONS = (".yaml", ".yml", ".json", ".jsonl")
FORMS = "a list of questions, or 'answerable' and 'unanswerable', or 'data' as SQuAD has it"
FORMS_ZH = "问题列表，或 'answerable' 与 'unanswerable'，或 SQuAD 格式的 'data'"
MAX_DEPTH = 20  # SQuAD has 8; the loader in C recurses without a limit until the stack is full
# PyYAML takes "1:1:1" for a number to the base 60, in a time that grows with the square of its
# length, and Python writes no number of more than 4300 digits.
LONG_NUMBER = re.compile(r"[-+.\d][-+.:\w]{100,}", re.ASCII)
IGNORED = {"language", "featured"}  # that the samples have for other purposes
# One text may stand where a list of texts is taken.
PLURALS = {"file": "files", "quote": "quotes", "answer": "answers"}


@dataclass(frozen=True, slots=True)
class PlacelessQuestion:
    """A question of SQuAD: it names the passage that answers it, but no file."""

    context: str
    question: str
    label: str
    answers: tuple[str, ...]  # none: the passage does not answer it


def fail(en: str, zh: str) -> InvalidTestSet:
    """Return the error that says what is wrong with a file."""
    return InvalidTestSet(param="file", problem_en=en, problem_zh=zh)


def read_questions(name: str, content: bytes) -> list[NewQuestion] | list[PlacelessQuestion]:
    """Return the questions of a file; what its name ends in says how to read it.

    Raises:
        InvalidTestSet: it is too large, not what its name says, or a question is wrong.
    """
    extension = PurePath(name).suffix.lower()
    if extension not in EXTENSIONS:
        known = ", ".join(EXTENSIONS)
        raise fail(
            f"{name[:200]!r} must end in one of {known}.", f"{name[:200]!r} 须以 {known} 结尾。"
        )
    if len(content) > MAX_BYTES:
        limit = f"{MAX_BYTES >> 20} MiB"
        raise fail(f"The file is larger than {limit}. Split it.", f"文件超过 {limit}，请拆分。")
    values = load(extension, content)
    if isinstance(values, dict) and "data" in values:
        return read_squad(values["data"])
    return read_items(list_items(values))


def load(extension: str, content: bytes) -> Any:
    """Return what a file holds.

    Raises:
        InvalidTestSet: it is not of its format.
    """
    try:
        text = content.decode("utf-8-sig")
        if extension == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        if extension == ".json":
            return json.loads(text)
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        check_yaml(text, loader)
        return yaml.load(text, loader)  # noqa: S506  # both are safe
    # PyYAML lets the first two through where a value does not match its tag.
    except (AttributeError, LookupError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = str(error)[:300]
        raise fail(
            f"The file is not valid {extension[1:]} in UTF-8: {reason}",
            f"文件不是合法的 UTF-8 编码的 {extension[1:]}：{reason}",
        ) from error


def check_yaml(text: str, loader: Any) -> None:
    """Refuse YAML that is small to send and endless to load.

    Raises:
        InvalidTestSet: it is such.
        YAMLError: it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.AliasEvent):  # a few of them stand for billions of values
            raise fail("YAML with an alias (*) is not taken.", "不接受带别名（*）的 YAML。")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif is_long_number(event):
            raise fail("There is a number that is too long.", "含有过长的数字。")
        if depth > MAX_DEPTH:
            raise fail("It is nested too deeply.", "嵌套过深。")


def is_long_number(event: yaml.Event) -> bool:
    """Return whether YAML has a number here that takes too long to read; quoted, it is a text."""
    if not isinstance(event, yaml.ScalarEvent) or event.implicit[1]:
        return False
    return LONG_NUMBER.fullmatch(event.value) is not None


def list_items(values: Any) -> list[Any]:
    """Return the questions of a file as they stand there.

    Raises:
        InvalidTestSet: it has none where they should be.
    """
    if isinstance(values, list):
        return values
    wrong = fail(f"The file must hold {FORMS}.", f"文件应为{FORMS_ZH}。")
    if not isinstance(values, dict):
        raise wrong
    unknown = values.keys() - {"answerable", "unanswerable", "questions"} - IGNORED
    groups = [values.get(name) or [] for name in ("questions", "answerable", "unanswerable")]
    if unknown or not any(groups) or not all(isinstance(group, list) for group in groups):
        raise wrong
    *answerable, unanswerable = groups
    listed = [item for group in answerable for item in group]
    return [*listed, *(refusable(item) for item in unanswerable)]


def refusable(item: Any) -> Any:
    """Return a question from a list of those that must be refused."""
    return {"kind": "foreign", **item} if isinstance(item, dict) else item


def read_items(items: Iterable[Any]) -> list[NewQuestion]:
    """Return questions that are checked.

    Raises:
        InvalidTestSet: one is wrong; the message says which.
    """
    questions = []
    for number, item in enumerate(items, 1):
        try:
            questions.append(NewQuestion.model_validate(rename(item)))
        except ValidationError as error:
            problems = [
                {**problem, "loc": ("", f"{number}", *problem["loc"])} for problem in error.errors()
            ]
            en, zh = describe_problems(problems, "en"), describe_problems(problems, "zh")
            raise fail(f"question {en}", f"问题 {zh}") from error
    check_questions(questions)
    return questions


def rename(item: Any) -> Any:
    """Return a question with the names of its fields as we have them."""
    if not isinstance(item, Mapping):
        return item
    values = {PLURALS.get(name, name): value for name, value in item.items() if name not in IGNORED}
    for name in PLURALS.values():
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    if "id" in values:
        label = values.pop("id")
        values["label"] = str(label) if type(label) is int else label
    if values.pop("unanswerable", False) is True:
        values.setdefault("kind", "foreign")
    return values


def check_questions(questions: Sequence[NewQuestion]) -> None:
    """Refuse a list of questions that no test set can have.

    Raises:
        InvalidTestSet: there is none, there are too many, or two are the same.
    """
    if not questions:
        raise fail("There is no question.", "没有任何问题。")
    if len(questions) > MAX_QUESTIONS:
        raise fail(
            f"{len(questions):,} questions are more than the {MAX_QUESTIONS:,} allowed.",
            f"共 {len(questions):,} 个问题，超过上限 {MAX_QUESTIONS:,}。",
        )
    first: dict[tuple[str, ...], int] = {}
    for number, question in enumerate(questions, 1):
        other = first.setdefault(key_of(question), number)
        if other != number:
            raise fail(
                f"question {number} repeats question {other}: {question.question!r}",
                f"问题 {number} 与问题 {other} 重复：{question.question!r}",
            )


def key_of(question: NewQuestion) -> tuple[str, ...]:
    """Return by what a question is the same in two test sets or runs."""
    return (" ".join(question.question.split()), *sorted(question.files))


def read_squad(articles: Any) -> list[PlacelessQuestion]:
    """Return the questions of a file in the form of SQuAD 1.1 or 2.0.

    Raises:
        InvalidTestSet: it is not of that form.
    """
    try:
        questions = [
            PlacelessQuestion(
                read_text(paragraph["context"]),
                read_text(item["question"]),
                read_text(item.get("id", "")),
                tuple(dict.fromkeys(read_text(one["text"]) for one in item.get("answers", ()))),
            )
            for article in articles
            for paragraph in article["paragraphs"]
            for item in paragraph["qas"]
        ]
    except (AttributeError, KeyError, TypeError, PydanticCustomError) as error:
        raise fail(
            f"'data' does not have the form of SQuAD: {error!r}",
            f"'data' 不符合 SQuAD 格式：{error!r}",
        ) from error
    if not questions:
        raise fail("There is no question.", "没有任何问题。")
    return questions


def read_text(value: Any) -> str:
    """Return a text of SQuAD; some files have numbers as ids.

    Raises:
        TypeError, PydanticCustomError: it is none, or cannot be stored.
    """
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"a text is expected, not {type(value).__name__}")
    return check_text(value)


def write_yaml(questions: Iterable[NewQuestion]) -> str:
    """Return questions as YAML in the form that ``read_questions`` takes."""
    answerable: list[dict[str, Any]] = []
    unanswerable: list[dict[str, Any]] = []
    for question in questions:
        values = question.model_dump(exclude_defaults=True)
        if "label" in values:
            values = {"id": values.pop("label"), **values}
        (answerable if question.kind == "answerable" else unanswerable).append(values)
    groups = {"answerable": answerable, "unanswerable": unanswerable}
    return yaml.safe_dump(groups, allow_unicode=True, sort_keys=False, width=1000)

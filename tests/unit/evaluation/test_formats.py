"""Test questions are read from each format; what is wrong is told."""

import json

import pytest

from configs import ROOT
from server.errors import InvalidTestSet
from server.evaluation.formats import PlacelessQuestion, read_questions, write_yaml
from server.evaluation.placing import place_questions
from server.schemas.evaluation import NewQuestion

PUMP = NewQuestion(label="p", question="What moves water?", files=["a.md"], answers=["the pump"])
SQUAD = {
    "data": [
        {
            "title": "Pump",
            "paragraphs": [
                {
                    "context": "The pump moves 12 litres.",
                    "qas": [
                        {
                            "id": "1",
                            "question": "How much?",
                            "answers": [{"text": "12 litres", "answer_start": 15}],
                        },
                        {"id": "2", "question": "What colour?", "answers": []},
                    ],
                },
                {"context": "Elsewhere.", "qas": [{"id": 3, "question": "Where?", "answers": []}]},
            ],
        }
    ]
}


def squad_of(question: str) -> str:
    """Return a file in the form of SQuAD with a question, which is written as JSON."""
    asked = f'{{"id": "1", "question": {question}, "answers": []}}'
    return f'{{"data": [{{"paragraphs": [{{"context": "here", "qas": [{asked}]}}]}}]}}'


def refusal(name: str, content: bytes | str) -> InvalidTestSet:
    with pytest.raises(InvalidTestSet) as caught:
        read_questions(name, content.encode() if isinstance(content, str) else content)
    return caught.value


def test_the_samples_are_read() -> None:
    path = ROOT / "samples" / "questions.yaml"
    questions = read_questions(path.name, path.read_bytes())
    kinds = [question.kind for question in questions if isinstance(question, NewQuestion)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        **{"answerable": 67, "foreign": 14, "near_miss": 16}
    }
    first = questions[0]
    assert isinstance(first, NewQuestion)
    assert (first.label, first.files, first.answers) == (
        *("leave-annual-zh", ["员工手册.md"], ["15 天"]),
    )


def test_what_is_written_is_read_again() -> None:
    questions = [
        PUMP,
        NewQuestion(question="哪一台？", files=["a.md", "b.md"], quotes=["第一台：是。"]),
        NewQuestion(question="Who is he?", kind="foreign"),
        NewQuestion(question="Who is she?", kind="near_miss", label="s"),
    ]
    assert read_questions("x.yaml", write_yaml(questions).encode()) == questions


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.yaml"])
def test_a_text_may_stand_for_a_list_of_texts(name: str) -> None:
    item = {"id": "p", "question": PUMP.question, "file": "a.md", "answer": "the pump"}
    line = json.dumps(item)
    content = line if name == "x.jsonl" else f"[{line}]"
    assert read_questions(name, content.encode()) == [PUMP]


def test_json_lines_hold_what_must_be_refused_too() -> None:
    lines = '{"question": "a?", "unanswerable": true}\n\n{"question": "b?", "kind": "near_miss"}\n'
    questions = read_questions("x.jsonl", lines.encode())
    assert [each.kind for each in questions if isinstance(each, NewQuestion)] == [
        *("foreign", "near_miss")
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.txt", "", ".yaml, .yml, .json, .jsonl"),
        ("x.json", "{", "not valid json"),
        ("x.jsonl", "{}\n{", "not valid jsonl"),
        ("x.yaml", "a: [", "not valid yaml"),
        ("x.yaml", b"\xff\xfe", "UTF-8"),
        ("x.json", "[" * 100_000, "not valid json"),
        ("x.json", "[]", "no question"),
        ("x.json", "{}", "a list of questions"),
        ("x.json", '"text"', "a list of questions"),
        ("x.yaml", "questions: 3", "a list of questions"),
        ("x.yaml", "questions: []\nmore: 1", "a list of questions"),
        ("x.json", "[3]", "question 1 must be an object"),
        ("x.json", '[{"question": "a"}]', "question 1 needs the files"),
        ("x.json", '[{"question": "?!", "file": "a"}]', "question 1.question must have a letter"),
        ("x.json", '[{"question": "a", "file": "a", "answr": "b"}]', "1.answr is not a known"),
        ("x.json", '[{"question": "a", "file": "a", "kind": "foreign"}]', "must be refused"),
        ("x.json", '[{"question": "a", "file": "a"}, {"question": "a", "file": "a"}]', "repeats"),
        ("x.json", '{"data": 3}', "SQuAD"),
        ("x.json", '{"data": [{"paragraphs": [{}]}]}', "qas"),
        ("x.json", '{"data": []}', "no question"),
        ("x.yaml", "[" * 40_000, "nested too deeply"),
        ("x.yaml", "- " * 40_000, "nested too deeply"),
        ("x.yaml", "a: &a [1]\nquestions: *a", "alias"),
        ("x.yaml", '- {question: !!int "", file: a}', "not valid yaml"),
        ("x.yaml", "- {question: !!timestamp x, file: a}", "not valid yaml"),
        ("x.yaml", "- {question: !!bool x, file: a}", "not valid yaml"),
        ("x.yaml", "- {question: a, file: a, id: 1" + ":1" * 1_000_000 + "}", "a number"),
        ("x.yaml", "- {question: a, file: a, id: 0x" + "f" * 10_000 + "}", "a number"),
        ("x.yaml", "- {question: a, file: a, 3: b}", "question 1"),
        ("x.json", '[{"id": ["a"], "question": "a", "file": "a"}]', "1.label must be text"),
        ("x.json", '[{"id": null, "question": "a", "file": "a"}]', "1.label must be text"),
        ("x.json", '[{"id": true, "question": "a", "file": "a"}]', "1.label must be text"),
        ("x.json", squad_of('"\\ud800"'), "half of a character"),
        ("x.json", squad_of('{"a": 1}'), "SQuAD"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(name: str, content: bytes | str, said: str) -> None:
    error = refusal(name, content)
    assert said in error.message("en")
    assert error.message("zh") != error.message("en")


def test_squad_is_placed_by_its_passages() -> None:
    questions = read_questions("x.json", json.dumps(SQUAD).encode())
    placeless = [each for each in questions if isinstance(each, PlacelessQuestion)]
    files = [("b.md", "Nothing."), ("a.md", "# Pump\n\nThe **pump** moves\n12 litres. More.")]
    placed, left = place_questions(placeless, files)
    assert placed == [
        NewQuestion(label="1", question="How much?", files=["a.md"], answers=["12 litres"]),
        NewQuestion(label="2", question="What colour?", kind="near_miss"),
    ]
    assert left == ["Where?"]


def test_a_question_that_cannot_be_stored_is_left_out() -> None:
    questions = [PlacelessQuestion("here", "?!", "1", ()), PlacelessQuestion("here", "b?", "", ())]
    placed, left = place_questions(questions, [("a.md", "It is here.")])
    assert ([each.question for each in placed], left) == (["b?"], ["?!"])


def test_squad_of_other_documents_is_refused() -> None:
    with pytest.raises(InvalidTestSet, match="Upload the passages first"):
        place_questions([PlacelessQuestion("elsewhere", "a?", "", ())], [("a.md", "here")])

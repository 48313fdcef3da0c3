"""Questions are drafted for facts, from sentences that stand alone."""

import pytest

from server.datatypes import Chunk, Passage
from server.evaluation.drafting import draft_questions


def passage(text: str) -> Passage:
    return Passage(1, "kb", "a.md", "A", 0, Chunk(text, 0, len(text)))


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        ("购买的制冷压缩机保修 48 个月。", "购买的制冷压缩机保修多少个月？", "48 个月"),
        ("试产推迟到 9 月 8 日，在沈阳进行。", "试产推迟到什么时候，在沈阳进行？", "9 月 8 日"),
        ("- 超出部分按基本工资的 70% 发放。", "超出部分按基本工资的百分之多少发放？", "70%"),
        (
            *("The warranty of the circulation pump is 24 months.",),
            *("What is the warranty of the circulation pump?", "24 months"),
        ),
        (
            *("Replace the tubes of the pump every 800 hours.",),
            *('What belongs in the gap: "Replace the tubes of the pump every ____"?', "800 hours"),
        ),
        (
            *("The error that is shown without water is named NF-A3.",),
            *('What belongs in the gap: "The error that is shown without water is named ____"?',),
            "NF-A3",
        ),
    ],
)
def test_a_sentence_becomes_a_question(sentence: str, question: str, answer: str) -> None:
    (drafted,) = draft_questions([passage(sentence)], limit=5)
    assert (drafted.question, drafted.answers) == (question, [answer])
    assert (drafted.files, drafted.quotes) == (["a.md"], [sentence])


@pytest.mark.parametrize(
    "text",
    [
        "The pump is blue and stands in the cellar of the house.",  # no fact
        "It lasts for 24 months in the cellar of the house.",  # who?
        "From 10 to 20 hours after the start the pump is warm.",  # which of the two?
        "The pump of the house runs for 24 hours",  # no whole sentence
        "它的保修期是整整 24 个月。",
        "| 水泵 | 48 个月 | 保修三年以上。",
        "",
    ],
)
def test_what_gives_no_clear_question_gives_none(text: str) -> None:
    assert draft_questions([passage(text)], limit=5) == []


def test_each_passage_gives_one_question_up_to_the_limit() -> None:
    texts = [f"The pump of cellar {letter} runs for 2{n} hours." for n, letter in enumerate("abc")]
    both = " ".join(texts[:2])
    drafted = draft_questions([passage(both), passage(texts[2])], limit=5)
    assert len(drafted) == 2
    assert len(draft_questions([passage(text) for text in texts], limit=2)) == 2

"""A question is judged by what the chat would use, and ranked by a deeper search."""

from server.datatypes import Chunk, Hit, Passage
from server.evaluation.judging import Judge
from server.knowledge_base.indexes import Weights
from server.knowledge_base.retrieval import Retrieval
from server.schemas.evaluation import NewQuestion

PUMP = "The pump moves 12 litres."
LAMP = "The lamp burns for 400 hours."


def found(*texts: str, is_covered: bool) -> Retrieval:
    hits = tuple(
        Hit(Passage(place, "kb", "a.md", "", place, Chunk(text, 0, len(text))), 1.0, 1.0)
        for place, text in enumerate(texts)
    )
    return Retrieval("en", hits, is_covered, Weights({}, {}), {})


def test_ranks_are_those_of_the_deep_search_and_the_rest_is_what_the_chat_gets() -> None:
    asked = NewQuestion(question="How much does it move?", files=["a.md"], answers=["12 litres"])
    judge = Judge(
        lambda _: found(PUMP, is_covered=True),
        lambda _: found(LAMP, PUMP, is_covered=False),
        lambda _: [PUMP, LAMP],
    )
    outcome, _ = judge.judge(asked)
    assert (outcome.is_covered, outcome.answer, outcome.is_answered) == (True, [PUMP], True)
    assert (outcome.ranks, [each.is_right for each in outcome.found]) == ([2], [False, True])

"""Off-topic detection, on a real index."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from server.datatypes import Chunk, Passage
from server.knowledge_base.analysis import analyze, index_text, language_of
from server.knowledge_base.indexes.tantivy_store import TantivyIndex
from server.knowledge_base.probes import FOREIGN_QUESTIONS
from server.knowledge_base.relevance import (
    ENOUGH,
    HIGHEST,
    LOWEST,
    Calibration,
    Evidence,
    calibrate,
    weigh_evidence,
)

TEXTS = {
    "leave.txt": "员工满一年后每年有八天年休假。年休假须提前三天在系统中申请，由直属主管批准。",
    "travel.txt": "出差住宿标准为每晚五百五十元。自驾出差按每公里零点九元补贴。",
    "safety.txt": "二氧化碳超过五千 ppm 时所有人员必须立即撤离种植间，并通知值班经理。",
    "manual.txt": "Descale the evaporator every six months with citric acid. Error E-27 means "
    "that the nutrient solution is too warm.",
    "security.txt": "Report a lost laptop to the service desk within one hour. Passwords have at "
    "least fourteen characters.",
}
HOME = {
    "zh": ("每年有几天年休假？", "出差住宿的标准是多少？", "二氧化碳超过多少要撤离？"),
    "en": ("What does error E-27 mean?", "How soon must I report a lost laptop?", "NF E-27"),
}


class SmallKnowledgeBase:
    """Passages in a lexical index."""

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self.passages = [
            Passage(number, "kb", name, name, 0, Chunk(text, 0, len(text)))
            for number, (name, text) in enumerate(texts.items())
        ]
        self.index = TantivyIndex(folder)
        terms = [(passage.chunk_id, analyze(index_text(passage))) for passage in self.passages]
        self.index.apply(1, add=terms, remove=[])

    def ask(self, question: str) -> list[tuple[Passage, Evidence]]:
        terms, language = analyze(question), language_of(question)
        weights = self.index.weights(terms)
        found = self.index.search(terms, 10, language=language)
        passages = [self.passages[chunk_id] for chunk_id in found.ids.tolist()]
        return [
            (
                passage,
                weigh_evidence(terms, analyze(index_text(passage)), weights, language=language),
            )
            for passage in passages
        ]

    def relevance(self, calibration: Calibration, question: str) -> float:
        answers = self.ask(question)
        return max((calibration.relevance(evidence) for _, evidence in answers), default=0.0)


@pytest.fixture
def kb(tmp_path: Path) -> SmallKnowledgeBase:
    return SmallKnowledgeBase(tmp_path, TEXTS)


@pytest.mark.parametrize("question", HOME["zh"] + HOME["en"])
def test_five_chunks_cover_their_own_questions(kb: SmallKnowledgeBase, question: str) -> None:
    calibration = calibrate(kb.passages, kb.ask)
    assert kb.relevance(calibration, question) >= ENOUGH


@pytest.mark.parametrize(
    "question",
    ["珠穆朗玛峰有多高？", "红烧肉怎么做才不腻？", "What is the capital of Mongolia?", "量子计算"],
)
def test_five_chunks_do_not_cover_foreign_questions(kb: SmallKnowledgeBase, question: str) -> None:
    calibration = calibrate(kb.passages, kb.ask)
    assert kb.relevance(calibration, question) < ENOUGH


@pytest.mark.parametrize(
    "question", ["自己开车出差有补贴吗？", "My laptop was stolen, whom do I tell?"]
)
def test_before_its_calibration_a_small_knowledge_base_answers_what_it_does_afterwards(
    kb: SmallKnowledgeBase, question: str
) -> None:
    assert kb.relevance(calibrate(kb.passages, kb.ask), question) >= ENOUGH
    assert kb.relevance(Calibration(), question) >= ENOUGH


@pytest.mark.parametrize("question", ["珠穆朗玛峰有多高？", "What is the capital of Mongolia?"])
def test_before_its_calibration_it_does_not_cover_foreign_questions(
    kb: SmallKnowledgeBase, question: str
) -> None:
    assert kb.relevance(Calibration(), question) < ENOUGH


def test_a_knowledge_base_on_the_subjects_of_the_probes_still_covers_them(tmp_path: Path) -> None:
    questions = FOREIGN_QUESTIONS["en"]
    kb = SmallKnowledgeBase(tmp_path, {f"{n}.txt": text for n, text in enumerate(questions)})
    calibration = calibrate(kb.passages, kb.ask)
    assert calibration.thresholds["en"] == HIGHEST
    assert kb.relevance(calibration, questions[0]) >= ENOUGH


def test_a_calibration_is_the_same_every_time(kb: SmallKnowledgeBase) -> None:
    assert calibrate(kb.passages, kb.ask) == calibrate(kb.passages, kb.ask)


def test_only_languages_of_the_knowledge_base_are_probed() -> None:
    asked: list[str] = []

    def ask(question: str) -> Sequence[tuple[Passage, Evidence]]:
        asked.append(question)
        return ()

    text = "只有中文。"
    result = calibrate([Passage(1, "kb", "a", "a", 0, Chunk(text, 0, len(text)))], ask)
    assert tuple(asked) == FOREIGN_QUESTIONS["zh"]
    assert set(result.thresholds.values()) == {LOWEST}


def test_evidence_at_the_threshold_is_just_enough() -> None:
    calibration = Calibration({"zh": 0.4, "en": 0.2, "zh+dense": 0.2, "en+dense": 0.2})
    assert calibration.relevance(Evidence("zh", 0.4)) == ENOUGH
    assert calibration.relevance(Evidence("zh", 1.0)) == 1
    assert calibration.relevance(Evidence("zh", 0.0)) == 0
    assert calibration.relevance(Evidence("zh", 0.2)) == pytest.approx(0.25)


def test_a_closer_vector_is_stronger_evidence(kb: SmallKnowledgeBase) -> None:
    question = analyze("lost laptop")
    weights = kb.index.weights(question)
    passage = analyze(TEXTS["security.txt"])
    far, near = (
        weigh_evidence(question, passage, weights, language="en", cosine=cosine)
        for cosine in (0.1, 0.7)
    )
    assert far.kind == near.kind == "en+dense"
    assert 0 <= far.strength < near.strength <= 1


def test_a_question_without_terms_has_no_evidence(kb: SmallKnowledgeBase) -> None:
    question = analyze("什么？")
    evidence = weigh_evidence(
        question, analyze(TEXTS["leave.txt"]), kb.index.weights(question), language="zh"
    )
    assert evidence == Evidence("zh", 0.0)

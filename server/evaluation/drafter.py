"""Drafts test questions from the documents of a knowledge base. Knows no routes.

By rule, or by the language model where one serves. Either way they are drafts.
"""

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from itertools import islice

from anyio.to_thread import run_sync

from server.chat.prompts import PromptBook
from server.datatypes import Passage
from server.db.database import Database
from server.db.evaluation import find_set, list_questions
from server.db.evaluation_models import SetQuestionRow
from server.db.files import passages_by_id
from server.db.knowledge_bases import chunk_ids, find_kb
from server.errors import NoLanguageModel
from server.evaluation.drafting import draft_questions
from server.evaluation.formats import key_of
from server.evaluation.matching import flatten, holds
from server.evaluation.runner import to_new
from server.evaluation.test_sets import TestSets
from server.knowledge_base.analysis import language_of
from server.knowledge_base.sentences import split_sentences
from server.llm.client import ChatTurn, LlmClient, Sampling
from server.schemas.evaluation import NewQuestion

PORTION = 200  # passages that are read at once
ASKED_FOR_EACH = (
    2  # passages that the model gets for a question: not every one has something to ask
)
QUOTE_CHARS = 5000  # as many as a question takes
GOLDEN = (5**0.5 - 1) / 2
ANSWER_TOKENS = 300
WRITTEN = re.compile(
    r"^\s*Q\s*[:：]\s*(?P<question>\S.*?)\s*\n\s*A\s*[:：]\s*(?P<answer>\S.*?)\s*$", re.MULTILINE
)


class Drafter:
    """Drafts questions into test sets."""

    def __init__(
        self, database: Database, test_sets: TestSets, llm: LlmClient, prompts: PromptBook
    ) -> None:
        self.database = database
        self.test_sets = test_sets
        self.llm = llm
        self.prompts = prompts

    async def draft(
        self, kb_name: str, set_id: int, count: int, *, use_llm: bool
    ) -> list[SetQuestionRow]:
        """Draft up to ``count`` questions into a test set and return them; none if nothing new is.

        Raises:
            UnknownKnowledgeBase, UnknownTestSet: there is none.
            NoLanguageModel, LanguageModelFailed: nothing was drafted.
        """
        if use_llm and not await self.llm.is_available():
            raise NoLanguageModel
        passages = self._walk(kb_name, set_id, from_anywhere=use_llm)
        if use_llm:
            some = await run_sync(lambda: list(islice(passages, ASKED_FOR_EACH * count)))
            drafted = await self._ask_llm(some, count)
        else:
            drafted = await run_sync(lambda: draft_questions(passages, limit=count))
        origin = "llm" if use_llm else "rule"
        return await run_sync(self._store, kb_name, set_id, drafted, origin)

    def _walk(self, kb_name: str, set_id: int, *, from_anywhere: bool) -> Iterator[Passage]:
        """Yield the passages that no question is about yet, the first ones from all over.

        ``from_anywhere``: not always those first that gave no question before.
        """
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            find_set(session, kb, set_id)
            asked = {quote for row in list_questions(session, set_id) for quote in row.quotes}
            ids = spread(chunk_ids(session, kb))
        if from_anywhere and ids:
            first = random.randrange(len(ids))  # noqa: S311  # no secret
            ids = ids[first:] + ids[:first]
        for start in range(0, len(ids), PORTION):
            portion = ids[start : start + PORTION]
            with self.database.read() as session:
                found = passages_by_id(session, portion)
            for chunk_id in portion:
                passage = found.get(chunk_id)  # None: deleted in the meantime
                if passage and not any(quote in passage.chunk.text for quote in asked):
                    yield passage

    async def _ask_llm(self, passages: Sequence[Passage], count: int) -> list[NewQuestion]:
        """Let the model write a question for each passage; what the passage does not say goes."""
        drafted: list[NewQuestion] = []
        model = await self.llm.choose_model(None)
        for passage in passages:
            text = passage.chunk.text
            prompt = self.prompts.render("evaluation", "draft", {"context": text})
            stream = self.llm.stream(
                model,
                [ChatTurn("user", prompt)],
                Sampling(temperature=0, max_tokens=ANSWER_TOKENS),
                language=language_of(text),
            )
            async with aclosing(stream) as pieces:
                written = WRITTEN.search("".join([piece async for piece in pieces]))
            answer = flatten(written["answer"]) if written else ""
            if written and holds(flatten(text), answer) and flatten(written["question"]):
                drafted.append(
                    NewQuestion(
                        question=written["question"][:2000],
                        files=[passage.file_name],
                        quotes=[find_sentence(text, answer)[:QUOTE_CHARS]],
                        answers=[written["answer"]],
                    )
                )
            if len(drafted) == count:
                break
        return drafted

    def _store(
        self, kb_name: str, set_id: int, drafted: Sequence[NewQuestion], origin: str
    ) -> list[SetQuestionRow]:
        with self.database.read() as session:
            known = {key_of(to_new(row)) for row in list_questions(session, set_id)}
        new = {key_of(question): question for question in drafted if key_of(question) not in known}
        if not new:
            return []
        return self.test_sets.add_questions(kb_name, set_id, list(new.values()), origin=origin)


def spread(ids: Sequence[int]) -> list[int]:
    """Return ids in an order whose beginning, however long, is from all over (Weyl's sequence)."""
    places = sorted(range(len(ids)), key=lambda place: place * GOLDEN % 1)
    return [ids[place] for place in places]


def find_sentence(text: str, answer: str) -> str:
    """Return the sentence of a text that holds a flat answer, else the text."""
    for sentence in split_sentences(text):
        if holds(flatten(sentence.text), answer):
            return sentence.text
    return text

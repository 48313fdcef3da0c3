"""Drafts test questions from the documents of a knowledge base. Knows no routes.

By rule, or by the language model where one serves. Either way they are drafts.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing

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
from server.llm.client import ChatTurn, LlmClient, Sampling
from server.schemas.evaluation import NewQuestion

SPARE = 4  # passages that are looked at for each question: not every one has a fact to ask for
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
        passages = await run_sync(self._sample, kb_name, set_id, count)
        if use_llm:
            drafted = await self._ask_llm(passages, count)
        else:
            drafted = await run_sync(lambda: draft_questions(passages, limit=count))
        origin = "llm" if use_llm else "rule"
        return await run_sync(self._store, kb_name, set_id, drafted, origin)

    def _sample(self, kb_name: str, set_id: int, count: int) -> list[Passage]:
        """Return passages from all over a knowledge base that no question is about yet."""
        with self.database.read() as session:
            kb = find_kb(session, kb_name)
            find_set(session, kb, set_id)
            asked = {quote for row in list_questions(session, set_id) for quote in row.quotes}
            ids = chunk_ids(session, kb)
            wanted = min(len(ids), SPARE * count)
            sample = [ids[place * len(ids) // wanted] for place in range(wanted)]
            found = passages_by_id(session, sample)
        # The first quarter is spread over all documents too, and so is what is drafted.
        mixed = [found[chunk_id] for start in range(SPARE) for chunk_id in sample[start::SPARE]]
        return [each for each in mixed if not any(quote in each.chunk.text for quote in asked)]

    async def _ask_llm(self, passages: Sequence[Passage], count: int) -> list[NewQuestion]:
        """Let the model write a question for each passage; what the passage does not say goes."""
        drafted: list[NewQuestion] = []
        model = await self.llm.choose_model(None)
        for passage in passages[: 2 * count]:
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

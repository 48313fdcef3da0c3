"""From a question to a streamed, cited answer: retrieve, decide, assemble, answer, store.

Knows no wire format and no routes.
"""

import logging
import re
import secrets
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from anyio import CancelScope
from anyio.to_thread import run_sync

from configs import Settings
from server.chat.citations import UNCITED, describe_findings
from server.chat.claims import Check, check_answer
from server.chat.context import count_tokens, fit_history, fit_passages
from server.chat.conversations import ConversationStore
from server.chat.events import Ask, Delta, Event, Final, Mode, SourceFound, Sources
from server.chat.extractive import compose, extract, is_supported, refuse
from server.chat.messages import MessageStore
from server.chat.prompts import PromptBook
from server.chat.sources import describe_sources, number_hits
from server.datatypes import Language, Quote
from server.errors import (
    EmptyQuestion,
    LanguageModelFailed,
    NoLanguageModel,
    TooLarge,
    UnknownPrompt,
    ZhiwenError,
)
from server.knowledge_base.analysis import language_of
from server.knowledge_base.neighbours import Neighbours, find_neighbours
from server.knowledge_base.retrieval import Retrieval, Retriever
from server.llm.client import ChatTurn, LlmClient, Sampling

logger = logging.getLogger(__name__)

QUOTES = 3  # most sentences of an extractive answer

FALLBACK = {
    "en": "The language model failed ({reason}), so these are quotations from the sources.",
    "zh": "大模型出错（{reason}），以下为资料原文摘录。",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question with what retrieval found; everything that can be refused is checked by now."""

    ask: Ask
    retrieval: Retrieval
    sources: tuple[SourceFound, ...]
    quotes: tuple[Quote, ...]
    is_supported: bool  # False: the quotes are only the closest there is
    uses_llm: bool


@dataclass(slots=True)
class Draft:
    """An answer while it is made."""

    pieces: list[str] = field(default_factory=list)
    mode: Mode = "llm"
    model: str | None = None
    prompt: str | None = None  # as the model got it
    shown: Sequence[SourceFound] = ()  # the sources in it, some with what stands around them
    notice: str | None = None  # why a weaker way of answering was taken
    is_stopped: bool = False  # the reader left, or the model broke off


class ChatService:
    """Answers questions; safe to use from several threads and tasks."""

    def __init__(
        self,
        retriever: Retriever,
        llm: LlmClient,
        prompts: PromptBook,
        messages: MessageStore,
        conversations: ConversationStore,
        *,
        settings: Settings,
    ) -> None:
        self.retriever = retriever
        self.llm = llm
        self.prompts = prompts
        self.messages = messages
        self.conversations = conversations
        self.chat = settings.chat
        self.limits = settings.llm
        self.context_chars = settings.retrieval.context_chars
        self.default_kb = settings.kb.default

    def check_question(self, question: str) -> str:
        """Return the question without outer space.

        Raises:
            EmptyQuestion: it has no letter or digit.
            TooLarge: it is longer than the settings allow.
        """
        if not re.search(r"\w", question):
            raise EmptyQuestion(param="question")
        if len(question) > self.chat.max_question_chars:
            raise TooLarge(
                param="question",
                what_en=f"The length of the question ({len(question):,} characters)",
                what_zh=f"问题的字符数（{len(question):,}）",
                limit=f"{self.chat.max_question_chars:,}",
                setting="chat.max_question_chars",
            )
        return question.strip()

    async def prepare(self, ask: Ask) -> Prepared:
        """Retrieve, decide and pick quotes.

        Raises:
            EmptyQuestion, TooLarge, UnknownKnowledgeBase, UnknownConversation, UnknownPrompt:
                nothing was sent yet.
        """
        return await run_sync(self._prepare, ask, await self.llm.is_available())

    def _prepare(self, ask: Ask, uses_llm: bool) -> Prepared:
        question = self.check_question(ask.question)
        if uses_llm:
            self.prompts.find("knowledge_base_chat", ask.prompt_name)
            self.prompts.find("knowledge_base_chat", "empty")
        ask = self._recall(ask)
        found = self.retriever.retrieve(
            ask.knowledge_base or self.default_kb,
            question,
            top_k=ask.top_k,
            score_threshold=ask.score_threshold,
            only=ask.only,
        )
        if not found.is_covered:
            return Prepared(ask, found, (), (), False, uses_llm and self.chat.on_empty == "llm")
        quotes = extract(question, found.hits, idf=found.weights, limit=QUOTES)
        supported = is_supported(question, quotes, found.hits, idf=found.weights)
        sources = number_hits(found.hits, quotes)
        return Prepared(ask, found, sources, quotes, supported, uses_llm)

    def _recall(self, ask: Ask) -> Ask:
        """Return the question with what its conversation adds to it."""
        if ask.conversation_id is None:
            return ask
        used, turns = self.conversations.recall(ask.conversation_id, limit=self.chat.max_history)
        return replace(
            ask, knowledge_base=ask.knowledge_base or used, history=ask.history or tuple(turns)
        )

    async def answer(self, prepared: Prepared) -> AsyncGenerator[Event]:
        """Yield the sources, the pieces of the answer and the final event.

        What a conversation has got so far is stored when the reader leaves or the model breaks off.

        Raises:
            LanguageModelFailed: the model broke off after its first token.
        """
        draft = Draft()
        try:
            yield Sources(prepared.sources)
            async with aclosing(self._write(prepared, draft)) as pieces:
                async for piece in pieces:
                    draft.pieces.append(piece)
                    yield Delta(piece)
        except (GeneratorExit, CancelledError, LanguageModelFailed):
            draft.is_stopped = True
            if prepared.ask.conversation_id:
                with CancelScope(shield=True):
                    await run_sync(self._finish, prepared, draft)
            raise
        yield await run_sync(self._finish, prepared, draft)

    async def _write(self, prepared: Prepared, draft: Draft) -> AsyncGenerator[str]:
        """Yield the pieces of the answer: the model's, or if it fails at once, quotations."""
        if prepared.uses_llm:
            try:
                async with aclosing(self._ask_llm(prepared, draft)) as answer:
                    async for piece in answer:
                        yield piece
                return
            except LanguageModelFailed as error:
                if draft.pieces:
                    raise
                logger.warning("%s", error)
                language = prepared.retrieval.language
                reason = error.values[f"reason_{language}"]
                draft.model, draft.notice = None, FALLBACK[language].format(reason=reason)
        draft.mode, text = self._answer_without_model(prepared)
        yield text

    def _answer_without_model(self, prepared: Prepared) -> tuple[Mode, str]:
        language = prepared.retrieval.language
        if not prepared.quotes:
            return "refusal", self._refuse(prepared.ask, language)
        return "extractive", compose(
            prepared.ask.question,
            prepared.quotes,
            language,
            hits=prepared.retrieval.hits,
            is_supported=prepared.is_supported,
        )

    def _refuse(self, ask: Ask, language: Language) -> str:
        """Return the user's text for a question that is not covered, else ours."""
        if self.chat.on_empty == "template":
            values = {
                "question": ask.question,
                "knowledge_base": ask.knowledge_base or self.default_kb,
            }
            try:
                return self.prompts.render("on_empty", language, values)
            except UnknownPrompt as error:  # the file may be older than this setting
                logger.warning("The usual refusal is sent instead: %s", error)
        return refuse(language)

    async def _ask_llm(self, prepared: Prepared, draft: Draft) -> AsyncGenerator[str]:
        ask = prepared.ask
        values = {"question": ask.question, "context": ""}
        name = ask.prompt_name if prepared.sources else "empty"
        frame = self.prompts.render("knowledge_base_chat", name, values)
        room = self._room(ask.sampling) - count_tokens(frame)
        sources = await run_sync(self._add_neighbours, prepared.sources)
        values["context"], draft.shown = fit_passages(sources, room * 3 // 4)
        prompt = self.prompts.render("knowledge_base_chat", name, values)
        history = fit_history(
            ask.history[-self.chat.max_history :] if self.chat.max_history else (),
            self._room(ask.sampling) - count_tokens(prompt),
        )
        draft.model = await self.llm.choose_model(ask.sampling.model)
        draft.prompt = prompt
        turns = [*history, ChatTurn("user", prompt)]
        stream = self.llm.stream(
            draft.model, turns, ask.sampling, language=prepared.retrieval.language
        )
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                yield piece

    def _room(self, sampling: Sampling) -> int:
        """Return how many tokens of the context window are not kept for the answer."""
        asked = sampling.max_tokens
        answer = asked if asked and asked > 0 else self.limits.max_tokens
        return self.limits.context_tokens - min(answer, self.limits.context_tokens // 2)

    def _add_neighbours(self, sources: Sequence[SourceFound]) -> list[SourceFound]:
        """Return the sources with what stands around them in their documents."""
        with self.retriever.database.read() as session:
            found = find_neighbours(
                session, [source.hit for source in sources], chars=self.context_chars
            )
        return [
            replace(source, neighbours=neighbours)
            for source, neighbours in zip(sources, found, strict=True)
        ]

    def _finish(self, prepared: Prepared, draft: Draft) -> Final:
        """Check the answer, keep it, and return it; checking a long one takes its time.

        If it cannot be kept, it says so and is given all the same.
        """
        ask, final = prepared.ask, finish(prepared, draft)
        try:
            sources = describe_sources(prepared.sources)
            self.messages.add(
                ask.question,
                ask.knowledge_base or self.default_kb,
                sources,
                final,
                conversation_id=ask.conversation_id,
            )
        except ZhiwenError as error:
            logger.error("An answer was not stored: %s", error)
            problem = error.message(prepared.retrieval.language)
            return replace(final, notice=" ".join(filter(None, (final.notice, problem))))
        return final

    async def chat_freely(
        self, question: str, history: tuple[ChatTurn, ...], sampling: Sampling, prompt_name: str
    ) -> AsyncGenerator[str]:
        """Yield an answer of the language model without any knowledge base.

        Raises:
            EmptyQuestion, TooLarge, UnknownPrompt, NoLanguageModel: at once.
            LanguageModelFailed: the model failed.
        """
        checked = self.check_question(question)
        prompt = self.prompts.render("llm_chat", prompt_name, {"input": checked})
        if not await self.llm.is_available():
            raise NoLanguageModel
        model = await self.llm.choose_model(sampling.model)
        room = self._room(sampling) - count_tokens(prompt)
        turns = [*fit_history(history, room), ChatTurn("user", prompt)]
        stream = self.llm.stream(model, turns, sampling, language=language_of(checked))
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                yield piece


def finish(prepared: Prepared, draft: Draft) -> Final:
    """Return the answer as far as it came, with its citations checked."""
    answer = "".join(draft.pieces).strip()
    grounded, notice = draft.mode == "extractive" and prepared.is_supported, draft.notice
    check = Check((), None, cites=False)
    if draft.mode == "llm" and prepared.sources and not draft.is_stopped:
        language = prepared.retrieval.language
        sources = (*draft.shown, *prepared.sources[len(draft.shown) :])
        check = check_answer(answer, sources, prepared.ask.question)
        grounded, notice = check.is_grounded, describe_findings(check.findings, language) or None
        if not notice and not check.cites:
            notice = UNCITED[language]
    return Final(
        message_id=secrets.token_hex(16),
        answer=answer,
        mode=draft.mode,
        grounded=grounded,
        notice=notice,
        trace=prepared.retrieval.trace | (describe_prompt(draft) if draft.prompt else {}),
        model=draft.model,
        stopped=draft.is_stopped,
        findings=check.findings,
        cited_share=check.cited_share,
    )


def describe_prompt(draft: Draft) -> dict[str, Any]:
    """Return what a trace says of a prompt: its text, and which passages were widened how far."""
    widened = []
    for source in draft.shown:
        if source.neighbours != Neighbours():
            start, end = source.neighbours.span(source.hit.passage.chunk)
            widened.append({"number": source.number, "start": start, "end": end})
    return {"prompt": draft.prompt, "widened": widened}

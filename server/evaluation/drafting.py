"""Drafts test questions from what documents say, by rule. Knows no test set and no database.

A sentence with a distinctive fact (a number with its unit, a date, a code) becomes a question for
that fact. Such questions use the words of the document, so they are easier than people's: a person
should reword them, which is one more reason why drafts are used only once they are accepted.
"""

import re
from collections.abc import Iterable, Iterator

from server.datatypes import Passage
from server.knowledge_base.analysis import language_of
from server.knowledge_base.sentences import Sentence, split_sentences
from server.schemas.evaluation import NewQuestion

SENTENCE_CHARS = {"zh": (10, 80), "en": (30, 220)}  # shorter is no question, longer no clear one
GAP = "____"
SHORTEST_FACT = 3  # characters; a bare "2" stands in every document
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
NUMBER = r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w-])"
# What is asked for in Chinese, each with the words that take its place in the sentence.
FACTS_ZH = (
    (
        re.compile(
            r"(?:\d{4}\s*年\s*)?\d{1,2}\s*月\s*\d{1,2}\s*[日号]|\d{4}\s*年(?!\s*\d|[内后前以第])"
        ),
        "什么时候",
    ),
    (re.compile(r"(?<![\d.–-])\d[\d,]*(?:\.\d+)?\s*[%％]"), "百分之多少"),
    (
        re.compile(
            r"(?<![A-Za-z\d.,~～–:：/-])(?<!第 )(?<!第)\d[\d,]*(?:\.\d+)?"
            r"(?=\s*[\u4e00-\u9fff℃A-Za-z])(?!\s*[年月日号章条款版])"
        ),
        "多少",
    ),
)
UNIT_ZH = re.compile(
    r"\s*(?:个?(?:小时|分钟|工作日|月|百分点)|平方米|立方米|毫米|厘米|公里|千米|公斤|千克|毫升"
    r"|[万亿]元|[A-Za-z℃]+(?:[/·][A-Za-z]+)?|[\u4e00-\u9fff])"
)
BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.、)）]|[（(]\d{1,2}[)）])\s+")
PRONOUNS = re.compile(
    r"^(?:其中|此外|因此|所以|但是?|它|他|她|这|该|那|另外|同时|如上|以上|"
    r"(?:It|They|He|She|This|That|These|Those|However|But|And|So|Also|Then|Here|There|Such)\b)"
)
# "The warranty of the pump is 24 months." asks what it is.
STATEMENT = re.compile(
    r"^(?P<subject>(?:The|An?|Every|Each|Our)\s[^,;:.?!]{4,80}?)\s(?P<verb>is|are|was|were)\s"
    r"(?P<rest>[^;?!]*)$"
)
FACT_EN = re.compile(
    rf"\b\d{{1,2}}\s(?:{MONTHS})(?:\s\d{{4}})?|\b(?:{MONTHS})\s\d{{1,2}},?\s\d{{4}}"
    rf"|{NUMBER}(?:\s?(?:%|°C|[A-Za-z]+))?|\b[A-Z]{{2,}}-?[A-Z0-9]*\d[\w-]*"
)


def draft_questions(passages: Iterable[Passage], *, limit: int) -> list[NewQuestion]:
    """Return at most one question for each passage, each about another sentence."""
    drafted: dict[str, NewQuestion] = {}
    for passage in passages:
        for question in draft(passage):
            if question.question not in drafted:
                drafted[question.question] = question
                break
        if len(drafted) == limit:
            break
    return list(drafted.values())


def draft(passage: Passage) -> Iterator[NewQuestion]:
    """Yield the questions that a passage gives, those with the longest sentences first."""
    sentences = sorted(split_sentences(passage.chunk.text), key=lambda each: -len(each.text))
    for sentence in sentences:
        language = language_of(sentence.text)
        shortest, longest = SENTENCE_CHARS[language]
        if not shortest <= len(sentence.text) <= longest or not stands_alone(sentence):
            continue
        made = ask_zh(sentence.text) if language == "zh" else ask_en(sentence.text)
        if made is not None:
            question, answer = made
            yield NewQuestion(
                question=question,
                files=[passage.file_name],
                quotes=[sentence.text],
                answers=[answer],
            )


def stands_alone(sentence: Sentence) -> bool:
    """Return whether a sentence is whole and understood without those before it."""
    text = sentence.text
    return text.endswith((".", "。")) and not PRONOUNS.match(text) and "|" not in text


def ask_zh(sentence: str) -> tuple[str, str] | None:
    """Return a question for the one fact of a Chinese sentence and its answer, or None."""
    body = BULLET.sub("", sentence).rstrip("。；. ")
    for fact, words in FACTS_ZH:
        found = list(fact.finditer(body))
        if len(found) != 1:
            continue
        match = found[0]
        unit = UNIT_ZH.match(body, match.end()) if words == "多少" else None
        before, after = body[: match.start()].rstrip(), body[match.end() :].lstrip()
        return f"{before}{words}{after}？", match.group() + (unit.group() if unit else "")
    return None


def ask_en(sentence: str) -> tuple[str, str] | None:
    """Return a question for the one fact of an English sentence and its answer, or None."""
    body = BULLET.sub("", sentence).rstrip(". ")
    found = list(FACT_EN.finditer(body))
    if len(found) != 1 or len(found[0].group()) < SHORTEST_FACT:
        return None
    fact = found[0]
    statement = STATEMENT.match(body)
    if statement and fact.start() == statement.start("rest"):
        subject = statement["subject"][0].lower() + statement["subject"][1:]
        return f"What {statement['verb']} {subject}?", fact.group()
    gap = f"{body[: fact.start()]}{GAP}{body[fact.end() :]}"
    return f'What belongs in the gap: "{gap}"?', fact.group()

"""Answers without a model: the sentences of the hits that answer best, quoted with their source.

Knows sentences, terms and hits; does not search and does not decide whether to answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from server.chat.cues import asks_for_list, cues_of
from server.chat.sentences import Sentence, split_sentences
from server.datatypes import Hit, Language, Quote
from server.knowledge_base.analysis import analyze, language_of
from server.knowledge_base.indexes import Weights


@dataclass(frozen=True, slots=True)
class Model:
    """The weights of what speaks for a sentence; each feature is 0 to 1."""

    framed: float  # the question's terms in the sentence or the headings above it
    followed: float  # … or in the sentence before it
    words: float  # its words in the sentence alone
    score: float  # of the hit
    cue: float  # the sentence shows what the question asks for


# Conditional logit over the sentences of five hits, fitted on the even documents of CMRC 2018 and
# XQuAD (passages and chunks of 500); the best sentence holds the answer on the odd ones in 83 % of
# the questions to CMRC, 84 % XQuAD zh, 86 % XQuAD en passages, 83 % XQuAD en chunks.
MODELS: Mapping[Language, Model] = MappingProxyType(
    {
        "zh": Model(framed=5.7, followed=7.4, words=2.9, score=4.4, cue=1.6),
        "en": Model(framed=2.1, followed=2.5, words=3.3, score=6.1, cue=1.0),
    }
)
HEADING_PENALTY = 4.0  # more than the words alone: a heading or question is context, not an answer
FAR_BELOW = 1.1  # e^-1.1 = a third as likely as the best: not worth quoting beside it
SAME = 0.8  # two sentences that share so much of their terms say the same
HEADING_CHARS = 40
LIST_LINES, LIST_CHARS = 8, 600  # of a short list that is quoted with its lead-in

REFUSALS: Mapping[Language, str] = MappingProxyType(
    {
        "zh": "知识库中没有找到与该问题相关的内容。请换一种问法，或上传包含答案的资料。",
        "en": "The knowledge base has nothing on this question. "
        "Try other words, or upload a document that holds the answer.",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as sentences are measured by it."""

    language: Language
    words: Mapping[str, float]
    terms: Mapping[str, float]  # the grams of a Chinese question, the words of an English one
    cues: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence with its score; offsets count characters of the document."""

    text: str
    start: int
    end: int
    file: tuple[str, str]
    citation: int
    score: float
    terms: frozenset[str]

    def overlaps(self, other: "Candidate") -> bool:
        """Return whether both quote the same place."""
        return self.file == other.file and self.start < other.end and other.start < self.end

    def repeats(self, other: "Candidate") -> bool:
        """Return whether both say nearly the same."""
        both = len(self.terms | other.terms)
        return both > 0 and len(self.terms & other.terms) >= SAME * both


def extract(
    question: str, hits: Sequence[Hit], *, idf: Weights, limit: int = 3
) -> tuple[Quote, ...]:
    """Return the sentences that answer best, best first; one if it answers clearly.

    Rows and list items are quoted whole, a lead-in with its short list. ``idf`` holds the weights
    of the question's terms. A quote's text is exactly the document's between its offsets.
    """
    language = language_of(question)
    terms = idf.grams if language == "zh" and idf.grams else idf.words
    asked = Asked(language, idf.words, terms, cues_of(question, language))
    candidates = [
        candidate
        for citation, hit in enumerate(hits, 1)
        for candidate in measure(hit, citation, asked)
    ]
    whole = [each for each in candidates if not any(is_part(each, other) for other in candidates)]
    return tuple(
        Quote(each.text, each.citation, each.start, each.end, each.score)
        for each in pick(whole, limit)
    )


def is_part(candidate: Candidate, other: Candidate) -> bool:
    """Return whether a candidate is a sentence that a chunk's border cut, whole in the other."""
    if candidate.citation == other.citation or not candidate.overlaps(other):
        return False
    length, whole = len(candidate.text), len(other.text)
    return length < whole or (length == whole and candidate.citation > other.citation)


def pick(candidates: Sequence[Candidate], limit: int) -> list[Candidate]:
    """Return the best candidates that are close to the best and say something new."""
    picked: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score):
        if len(picked) == limit or (picked and candidate.score < picked[0].score - FAR_BELOW):
            break
        if not any(candidate.overlaps(each) or candidate.repeats(each) for each in picked):
            picked.append(candidate)
    return picked


def measure(hit: Hit, citation: int, asked: Asked) -> Iterator[Candidate]:
    """Yield every sentence of a hit with its score."""
    passage, model = hit.passage, MODELS[asked.language]
    text = passage.chunk.text
    frame = terms_of("\n".join((passage.title, *passage.chunk.headings)))
    above: frozenset[str] = frozenset()  # the heading, question or lead-in over the sentence
    before: frozenset[str] = frozenset()
    sentences = split_sentences(text)
    for place, sentence in enumerate(sentences):
        terms = terms_of(sentence.text)
        introduces = is_introduction(sentence, text)
        end = end_of_list(sentences, place, text)
        framed = terms | frame | above
        score = (
            model.framed * share(asked.terms, framed)
            + model.followed * share(asked.terms, framed | before)
            + model.words * share(asked.words, terms)
            + model.score * hit.score
            + model.cue * any(cue.search(text[sentence.start : end]) for cue in asked.cues)
            - HEADING_PENALTY * introduces
        )
        start = passage.chunk.start + sentence.start
        yield Candidate(
            text=text[sentence.start : end],
            start=start,
            end=passage.chunk.start + end,
            file=(passage.knowledge_base, passage.file_name),
            citation=citation,
            score=score,
            terms=terms,
        )
        before = terms
        if introduces or end > sentence.end:
            above = terms


def terms_of(text: str) -> frozenset[str]:
    """Return the words and grams of a text."""
    terms = analyze(text)
    return frozenset(terms.words).union(terms.grams)


def share(weights: Mapping[str, float], found: frozenset[str]) -> float:
    """Return the share of the weights whose terms are found."""
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in found) / total if total else 0


def is_introduction(sentence: Sentence, text: str) -> bool:
    """Return whether a sentence is a question, or a line that looks like a heading."""
    if sentence.text.endswith(("?", "？")):
        return True
    starts_block = sentence.start == 0 or text[: sentence.start].endswith("\n\n")
    ends_block = text.startswith("\n\n", sentence.end)
    is_closed = sentence.text.endswith((".", "。", "!", "！", ";", "；", ":", "："))
    return starts_block and ends_block and not is_closed and len(sentence.text) <= HEADING_CHARS


def end_of_list(sentences: Sequence[Sentence], place: int, text: str) -> int:
    """Return where a sentence ends, or the short list that it leads in with a colon."""
    first = sentences[place]
    end = first.end
    if not first.text.endswith((":", "：")):
        return end
    for item in sentences[place + 1 : place + 1 + LIST_LINES]:
        starts_line = "\n" in text[end : item.start]
        if not starts_line or item.end - first.start > LIST_CHARS:
            break
        if end > first.end and "\n\n" in text[end : item.start]:
            break  # the block of the list is over
        end = item.end
    return end


def compose(question: str, quotes: Sequence[Quote], language: Language) -> str:
    """Return the answer: the quotes, each followed by its ``[n]``."""
    ends = tuple(".。!！?？”\"'）)…")
    lines = asks_for_list(question)
    answer = ""
    for quote in quotes:
        if answer:
            new_line = lines or "\n" in quote.text or not answer.rsplit(" [", 1)[0].endswith(ends)
            answer += "\n" if new_line else " " if language == "en" else ""
        answer += f"{quote.text} [{quote.citation}]"
    return answer


def refuse(language: Language) -> str:
    """Return the answer to a question that the knowledge base does not cover."""
    return REFUSALS[language]

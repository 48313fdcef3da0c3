"""Answers without a model: the sentences of the hits that answer best, quoted with their source.

Knows sentences, terms and hits; does not search and does not decide whether to answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from server.chat.citations import is_code, quote_text
from server.chat.cues import asks_for_list, cues_of
from server.datatypes import Chunk, Hit, Language, Quote
from server.knowledge_base.analysis import language_of
from server.knowledge_base.best_sentence import (
    AskedTerms,
    Terms,
    ask_terms,
    frame_of,
    terms_asked,
    terms_of,
    terms_of_sentences,
)
from server.knowledge_base.indexes import Weights
from server.knowledge_base.sentences import Sentence, split_sentences


@dataclass(frozen=True, slots=True)
class Features:
    """What speaks for a sentence, each 0 to 1, or in a model the weights of these."""

    framed: float  # share of the question's terms in the sentence or the headings above it
    followed: float  # … or in the sentence before it
    words: float  # share of its words in the sentence alone
    score: float  # of the hit
    cue: float  # the sentence shows what the question asks for
    heading: float  # it is a heading or a question: context, not an answer

    def weigh(self, found: "Features") -> float:
        """Return the sum of a sentence's features by these weights."""
        return (
            self.framed * found.framed
            + self.followed * found.followed
            + self.words * found.words
            + self.score * found.score
            + self.cue * found.cue
            + self.heading * found.heading
        )


# Conditional logit over the sentences of five hits, fitted by ``benchmarks.fit`` on the questions
# to even documents of CMRC 2018 and XQuAD; docs/retrieval.md says what it reaches on the odd ones.
MODELS: Mapping[Language, Features] = MappingProxyType(
    {
        "zh": Features(framed=4.5, followed=7.8, words=2.8, score=18.4, cue=1.8, heading=-4.0),
        "en": Features(framed=1.1, followed=2.5, words=4.0, score=15.4, cue=1.0, heading=-4.0),
    }
)
FAR_BELOW = 1.1  # e^-1.1 = a third as likely as the best: not worth quoting beside it
EQUAL = 0.01  # scores that differ by less are the same
SAME = 0.8  # two sentences that share so much of their terms say the same
HEADING_CHARS = 40
# What a quoted passage must hold of a question, by idf, to support an answer. It calls 4 % of the
# right answers to XQuAD weak, 5 % in Chinese, none to CMRC and 17 % to the samples, which are asked
# in other words on purpose; of what nothing answers on the same subjects, 59 and 44 % in XQuAD
# without every other passage and 78 % in the samples.
SUPPORTED = 0.42
UNRELATED = 0.25  # cosine; none of the right answers in the samples and XQuAD is further away
READ_HITS = 8  # what stands further down is hardly ever quoted
LIST_LINES, LIST_CHARS = 8, 600  # of a short list that is quoted with its lead-in

REFUSALS: Mapping[Language, str] = MappingProxyType(
    {
        "zh": "知识库中没有找到与该问题相关的内容。请换一种问法，或上传包含答案的资料。",
        "en": "The knowledge base has nothing on this question. "
        "Try other words, or upload a document that holds the answer.",
    }
)
WARNINGS: Mapping[Language, str] = MappingProxyType(
    {
        "zh": "以下是最接近的原文，不确定是否直接回答了该问题：",
        "en": "These passages come closest; it is uncertain whether they answer the question:",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as sentences are measured by it."""

    language: Language
    words: AskedTerms
    terms: AskedTerms  # the grams of a Chinese question, the words of an English one
    cues: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence with its score; offsets count characters of the document."""

    text: str
    start: int
    end: int
    file: tuple[str, str]
    citation: int
    features: Features
    score: float
    terms: Terms

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
    picked = pick(without_parts(find_candidates(question, hits, idf)), limit)
    return tuple(
        Quote(each.text, each.citation, each.start, each.end, each.score)
        for each in join_rows(picked, hits)
    )


def find_candidates(question: str, hits: Sequence[Hit], idf: Weights) -> list[Candidate]:
    """Return every sentence of the first hits with its score."""
    language = language_of(question)
    asked = Asked(
        language, ask_terms(idf.words), terms_asked(language, idf), cues_of(question, language)
    )
    return [
        candidate
        for citation, hit in enumerate(hits[:READ_HITS], 1)
        for candidate in measure(hit, citation, asked)
    ]


def is_supported(
    question: str, quotes: Sequence[Quote], hits: Sequence[Hit], *, idf: Weights
) -> bool:
    """Return whether a passage that is quoted holds so much of the question that it may answer it.

    ``quotes`` are those that ``extract`` returned for the question, ``hits`` and ``idf``.
    """
    terms = terms_asked(language_of(question), idf)
    return any(
        hit.legs.get("dense", UNRELATED) >= UNRELATED
        and terms.share(frame_of(hit.passage) | terms_of(hit.passage.chunk.text)) >= SUPPORTED
        for hit in (hits[quote.citation - 1] for quote in quotes)
    )


def without_parts(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that are not parts of others, by file and place."""
    ordered = sorted(candidates, key=lambda each: (each.file, each.start))
    parts: set[int] = set()
    for place, candidate in enumerate(ordered):
        for at in range(place + 1, len(ordered)):
            if not candidate.overlaps(ordered[at]):
                break  # what follows starts later still
            if is_part(candidate, ordered[at]):
                parts.add(place)
            elif is_part(ordered[at], candidate):
                parts.add(at)
    return [each for place, each in enumerate(ordered) if place not in parts]


def is_part(candidate: Candidate, other: Candidate) -> bool:
    """Return whether a candidate is a sentence that a chunk's border cut, whole in the other."""
    if candidate.citation == other.citation or not candidate.overlaps(other):
        return False
    length, whole = len(candidate.text), len(other.text)
    return length < whole or (length == whole and candidate.citation > other.citation)


def pick(candidates: Sequence[Candidate], limit: int) -> list[Candidate]:
    """Return the best candidates that are close to the best and say something new."""
    picked: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda each: (-each.score, each.citation, each.start)):
        if len(picked) == limit or (picked and candidate.score < picked[0].score - FAR_BELOW):
            break
        if not any(candidate.overlaps(each) or candidate.repeats(each) for each in picked):
            picked.append(candidate)
    return picked


def measure(hit: Hit, citation: int, asked: Asked) -> Iterator[Candidate]:
    """Yield every sentence of a hit with its score."""
    passage, model = hit.passage, MODELS[asked.language]
    text = passage.chunk.text
    frame = frame_of(passage)
    above: Terms = frozenset()  # the heading, question or lead-in over the sentence
    before: Terms = frozenset()
    sentences = split_sentences(text)
    for place, terms in enumerate(terms_of_sentences(text)):
        sentence = sentences[place]
        introduces = is_introduction(sentence, text)
        end = end_of_list(sentences, place, text)
        framed = terms | frame | above
        found = Features(
            framed=asked.terms.share(framed),
            followed=asked.terms.share(framed | before),
            words=asked.words.share(terms),
            score=hit.score,
            cue=float(any(cue.search(text[sentence.start : end]) for cue in asked.cues)),
            heading=float(introduces),
        )
        start = passage.chunk.start + sentence.start
        yield Candidate(
            text=text[sentence.start : end],
            start=start,
            end=passage.chunk.start + end,
            file=(passage.knowledge_base, passage.file_name),
            citation=citation,
            features=found,
            score=model.weigh(found),
            terms=terms,
        )
        before = terms
        if introduces or end > sentence.end:
            above = terms


def join_rows(picked: Sequence[Candidate], hits: Sequence[Hit]) -> list[Candidate]:
    """Return the candidates; rows that answer equally well as the whole of their table or list.

    The question does not tell them apart, so a row that ``pick`` left out may hold the answer.
    """
    groups: dict[tuple[int, int, int], list[Candidate]] = {}
    for each in picked:
        start, end = find_block(each, hits[each.citation - 1].passage.chunk)
        groups.setdefault((each.citation, start, end), []).append(each)
    joined = []
    for (citation, start, end), rows in groups.items():
        chunk = hits[citation - 1].passage.chunk
        text = chunk.text[start - chunk.start : end - chunk.start]
        if len(rows) > 1 and rows[0].score - rows[1].score < EQUAL:
            joined.append(replace(rows[0], text=text, start=start, end=end))
        else:
            joined += rows
    return joined


def find_block(row: Candidate, chunk: Chunk) -> tuple[int, int]:
    """Return where the table or list is that a row stands in; its own place if it is no row."""
    text, at, stop = chunk.text, row.start - chunk.start, row.end - chunk.start
    start = text.rfind("\n\n", 0, at) + 2 if "\n\n" in text[:at] else 0
    end = text.find("\n\n", stop)
    end = len(text) if end < 0 else end
    before, after = text[start:at].rpartition("\n")[2], text[stop:end].partition("\n")[0]
    is_row = not before.strip() and not after.strip() and not row.text.endswith(("?", "？"))
    if not is_row or text.count("\n", start, end) >= LIST_LINES or end - start > LIST_CHARS:
        return row.start, row.end
    return chunk.start + start, chunk.start + end


def is_introduction(sentence: Sentence, text: str) -> bool:
    """Return whether a sentence is a question, or a line that looks like a heading."""
    if sentence.text.endswith(("?", "？")):
        return True
    starts_block = sentence.start == 0 or text.endswith("\n\n", 0, sentence.start)
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


def compose(
    question: str,
    quotes: Sequence[Quote],
    language: Language,
    *,
    hits: Sequence[Hit],
    is_supported: bool = True,
) -> str:
    """Return the answer: the quotes, each followed by its ``[n]``, with a warning if need be.

    No other ``[n]`` is in it but in code: a quote's own is written ``〔n〕``. ``hits`` are those
    that the quotes are from.
    """
    ends = tuple(".。!！?？”\"'）)…〕")
    lines = asks_for_list(question)
    answer = before = ""
    for quote in quotes:
        file_name = hits[quote.citation - 1].passage.file_name
        text = quote_text(quote.text, is_code=is_code(file_name))
        if answer:
            new_line = lines or "\n" in text or not before.endswith(ends)
            answer += "\n" if new_line else " " if language == "en" else ""
        # Nothing may stand behind the marks that close a block of code.
        space = "\n" if text.endswith("\n```") else " "
        answer += f"{text}{space}[{quote.citation}]"
        before = text
    return answer if is_supported else f"{WARNINGS[language]}\n{answer}"


def refuse(language: Language) -> str:
    """Return the answer to a question that the knowledge base does not cover."""
    return REFUSALS[language]

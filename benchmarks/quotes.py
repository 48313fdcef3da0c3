"""Whether the sentences that are quoted for a question answer it. Knows no knowledge bases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.question_sets import Question
from benchmarks.refusals import words_of
from server.chat.extractive import extract, is_introduction
from server.chat.service import QUOTES
from server.evaluation.metrics import mean
from server.knowledge_base.best_sentence import ask_terms
from server.knowledge_base.retrieval import Retrieval
from server.knowledge_base.sentences import Sentence, split_sentences

MISSED = QUOTES + 1

Quoted = tuple[str, str]  # the name of a file and a sentence of it


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with the place, from 1, of the first right quote of each method."""

    is_odd: bool  # it is to an odd document
    is_covered: bool  # the product does not refuse it
    places: Mapping[str, int]  # ``MISSED`` without a right quote


def answer(question: Question, found: Retrieval, *, is_odd: bool, mode: str) -> Answered:
    """Quote sentences of the hits in every way and judge them."""
    methods = {
        "ours": extracted_sentences(question, found),
        "first_sentence": first_sentences(found),
        "word_coverage": covering_sentences(found),
    }
    places = {name: find_right(quotes, question, mode) for name, quotes in methods.items()}
    return Answered(is_odd, found.is_covered, places)


def find_right(quotes: Sequence[Quoted], question: Question, mode: str) -> int:
    """Return the place, from 1, of the first quote of the right file that contains an answer."""
    gold = question.gold_ids if mode == "passages" else {question.doc_id}
    for place, (file_name, text) in enumerate(quotes, 1):
        if file_name.removesuffix(".md") in gold and any(each in text for each in question.answers):
            return place
    return MISSED


def extracted_sentences(question: Question, found: Retrieval) -> list[Quoted]:
    """Return the product's own quotes."""
    quotes = extract(question.text, found.hits, idf=found.weights, limit=QUOTES)
    return [(found.hits[quote.citation - 1].passage.file_name, quote.text) for quote in quotes]


def first_sentences(found: Retrieval) -> list[Quoted]:
    """Return the first sentence of the best hit that is no heading."""
    for hit in found.hits[:1]:
        text = hit.passage.chunk.text
        for sentence in sentences_of(text):
            if not is_introduction(sentence, text):
                return [(hit.passage.file_name, sentence.text)]
    return []


def covering_sentences(found: Retrieval) -> list[Quoted]:
    """Return the sentences of the hits with most of the question's words by idf, best first."""
    sentences = [
        (hit.passage.file_name, sentence.text)
        for hit in found.hits
        for sentence in sentences_of(hit.passage.chunk.text)
    ]
    weights = ask_terms(found.weights.words)
    return sorted(sentences, key=lambda each: -weights.share(words_of(each[1])))[:QUOTES]


@lru_cache(maxsize=8192)
def sentences_of(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of a text."""
    return tuple(split_sentences(text))


def measure_answers(
    answered: Sequence[Answered], method: str, *, is_gated: bool = False, cuts: int = QUOTES
) -> dict[str, float]:
    """Return the shares of questions answered by the first quotes, in percent.

    ``is_gated``: a question that the product refuses has no quotes.
    """
    groups = (("", [each for each in answered if each.is_odd]), ("all.", answered))
    return {
        f"{group}sentence@{cut}": mean(
            [each.places[method] <= cut and (each.is_covered or not is_gated) for each in chosen]
        )
        for group, chosen in groups
        for cut in range(1, cuts + 1)
        if chosen
    }

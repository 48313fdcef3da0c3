"""What an answer says, sentence by sentence, compared with the sources that it cites.

Compares quotations and figures, which can be told without a model; does not know what words mean.
"""

import re
from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from embeddings.words import HAN
from server.chat.citations import CITATION, CODE, cited_numbers
from server.chat.events import Finding, FindingKind, SourceFound
from server.chat.figures import find_figures, known_figures
from server.knowledge_base.analysis import normalize
from server.knowledge_base.sentences import split_sentences

MAX_FINDINGS = 20  # of a kind; an answer with more is of no use, and checking it is work
MAX_TEXT = 300  # characters of a finding
SHORTEST_QUOTE = 10  # in Latin letters, a Chinese character counts as two; less is a name or term
SHORTEST_CLAIM = 12  # a word counts as three, a Chinese character as two

QUOTE = re.compile(
    r"“([^“”\n]++)”|「([^「」\n]++)」|『([^『』\n]++)』"
    r'|(?<![A-Za-z0-9])"([^"\n]++)"(?![A-Za-z0-9])'
)
ELLIPSIS = re.compile(r"…+|\.{3,}|。{3,}")
NOT_WORD = re.compile(r"[\W_]+")
HAN_OR_WORD = re.compile(f"([{HAN}])|[^\\W_{HAN}]+")
FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
# Citations before the first word, which belong to the sentence before.
LEADING = re.compile(rf"\s*(?:{CITATION.pattern}\s*)+[.。,，;；]?\s*")
# Numbers that only count what is said, and those that name a passage.
ITEM = re.compile(
    r"^[-*+>#| \t]*(?:(?:step|part|步骤|方法|第)[ \t]*)?[(（]?\d{1,2}"
    r"(?:[.、)）:：](?!\d)|[ \t]*\|)",
    re.MULTILINE | re.IGNORECASE,
)
MARKED = re.compile(r"[ \t]*(?:[-*+•·|]|\d{1,2}[.、)）]|[(（]?[一二三四五六七八九十]{1,2}[、)）])")
REFERENCE = re.compile(
    r"[(（]\d{1,2}[)）]|"
    r"(?:\b(?:step|passage|source)s?|步骤|段落|资料|来源|出处)[ \t]?\d{1,3}",
    re.IGNORECASE,
)
ADMITS = re.compile(  # that something is not known, for which there is nothing to cite
    r"\b(?:do|does|did|can)(?: not|n['’]t|not) (?:say|state|mention|contain|specify|give|provide|"
    r"include|answer|tell|know)|\bnot (?:mentioned|stated|specified|given|known)|"
    r"\bno (?:information|mention)\b|\bcannot (?:be )?(?:answer|determine|tell|say)|"
    r"未(?:能)?(?:提及|提到|说明|给出|涉及|找到)|没有(?:提及|提到|说明|给出|涉及|相关|找到|包含|任何)|"
    r"无法(?:回答|确定|得知|判断)|不知道",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Check:
    """What came out of comparing an answer with its sources."""

    findings: tuple[Finding, ...]
    cited_share: float | None  # of the sentences that state something; None: there are none
    cites: bool  # at least one source that exists

    @property
    def is_grounded(self) -> bool:
        """Whether a source is cited and nothing speaks against the answer."""
        return self.cites and all(finding.kind == "uncited" for finding in self.findings)


@dataclass(slots=True)
class Statement:
    """A sentence of an answer, ``answer[start:end]``, with what it cites."""

    start: int
    end: int
    lead_in: bool  # ends with a colon
    cited: list[int]  # sources that exist; of an item of a list, those of its lead-in
    unknown: list[int]  # numbers that no source has

    def cite(self, numbers: Sequence[int], known: Container[int]) -> None:
        """Take up the numbers that stand in or behind the sentence."""
        self.cited = [*self.cited, *(number for number in numbers if number in known)]
        self.unknown += (number for number in numbers if number not in known)


class Evidence:
    """A text in the forms in which quotations and figures are looked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def letters(self) -> str:
        """The text without all that is not compared in quotations."""
        return letters_of(self.text)

    @cached_property
    def figures(self) -> frozenset[str]:
        """The figures in it."""
        return frozenset(known_figures(self.text))

    def has_quote(self, parts: Sequence[str]) -> bool:
        """Return whether all parts are in the text, in their order."""
        at = 0
        for part in parts:
            at = self.letters.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return True


@dataclass(slots=True)
class Findings:
    """Findings so far, with a limit for each kind."""

    of: dict[FindingKind, list[Finding]] = field(default_factory=dict)

    def is_full(self, kind: FindingKind) -> bool:
        """Return whether no more of a kind are wanted."""
        return len(self.of.get(kind, ())) >= MAX_FINDINGS

    def add(
        self, kind: FindingKind, statement: Statement, text: str, citations: Sequence[int]
    ) -> None:
        """Note a finding; one that is already noted for the sentence is not noted again."""
        text = text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
        finding = Finding(kind, statement.start, statement.end, text, tuple(citations))
        found = self.of.setdefault(kind, [])
        if finding not in found and len(found) < MAX_FINDINGS:
            found.append(finding)

    def in_order(self) -> tuple[Finding, ...]:
        """Return all of them by their place."""
        every = (finding for found in self.of.values() for finding in found)
        return tuple(sorted(every, key=lambda finding: finding.start))


def check_answer(answer: str, sources: Sequence[SourceFound], question: str) -> Check:
    """Return where an answer says what its sources do not.

    A sentence is compared with the sources that it cites, one without citation with all of them.
    What stands in the question may be repeated. Takes time in proportion to the answer.
    """
    evidence = {source.number: Evidence(text_of(source)) for source in sources}
    asked = Evidence(question)
    statements = split_statements(answer, evidence)
    findings = Findings()
    for statement in statements:
        for number in statement.unknown:
            findings.add("unknown_number", statement, f"[{number}]", [number])
    check_quotes(answer, statements, evidence, asked, findings)
    check_figures(answer, statements, evidence, asked, findings)
    claims = [each for each in statements if claims_something(answer, each)]
    uncited = [each for each in claims if not each.cited]
    cites = any(each.cited for each in statements)
    if cites:
        for statement in uncited[:MAX_FINDINGS]:
            findings.add("uncited", statement, answer[statement.start : statement.end], ())
    share = (len(claims) - len(uncited)) / len(claims) if claims else None
    return Check(findings.in_order(), share, cites)


def split_statements(answer: str, known: Container[int]) -> list[Statement]:
    """Return the sentences of an answer outside of blocks of code, with what they cite.

    ``known`` are the numbers of the sources. Citations behind the full stop count for the sentence
    before them, those of the line that leads in a list for its items.
    """
    prose = blank(CODE, answer)
    statements: list[Statement] = []
    leads: list[int] = []  # what the items of a list inherit
    is_item = cites_first = False
    end = 0  # of the sentence before
    for sentence in split_sentences(blank(FENCE, answer)):
        start = sentence.start
        begins_line = not statements or "\n" in answer[end:start]
        end = sentence.end
        leading = LEADING.match(prose, start, end)
        if begins_line:
            is_item = MARKED.match(answer, start, end) is not None
            cites_first = leading is not None
        elif leading and not cites_first:
            statements[-1].cite(cited_numbers(leading.group()), known)
            start = leading.end()
            if not answer[start:end].strip():
                continue
        lead_in = blank(CITATION, answer[start:end]).rstrip(" *").endswith((":", "："))
        statement = Statement(start, end, lead_in, [], [])
        statement.cite(cited_numbers(prose[start:end]), known)
        statements.append(statement)
        leads = leads if is_item else []
        statement.cited = statement.cited or leads
        leads = statement.cited if lead_in else leads
    return statements


def check_quotes(
    answer: str,
    statements: Sequence[Statement],
    evidence: dict[int, Evidence],
    asked: Evidence,
    findings: Findings,
) -> None:
    """Note the words in quotation marks that are in no source that their sentence cites."""
    starts = [statement.start for statement in statements]
    for match in QUOTE.finditer(blank(FENCE, answer)):
        if findings.is_full("quote_not_found"):
            return
        words = match[match.lastindex or 0]
        parts = [part for part in map(letters_of, ELLIPSIS.split(words)) if part]
        if weigh("".join(parts), 1) < SHORTEST_QUOTE or asked.has_quote(parts):
            continue
        statement = statements[bisect_right(starts, match.end() - 1) - 1]
        looked = statement.cited or list(evidence)
        if not any(evidence[number].has_quote(parts) for number in looked):
            findings.add("quote_not_found", statement, words, statement.cited)


def check_figures(
    answer: str,
    statements: Sequence[Statement],
    evidence: dict[int, Evidence],
    asked: Evidence,
    findings: Findings,
) -> None:
    """Note the figures that are in no source that their sentence cites."""
    text = answer
    for pattern in (FENCE, CITATION, ITEM, REFERENCE):
        text = blank(pattern, text)
    for statement in statements:
        if findings.is_full("figure_not_found"):
            return
        looked = statement.cited or list(evidence)
        for figure in find_figures(text[statement.start : statement.end]):
            missing = [
                value
                for value in figure.values
                if value not in asked.figures
                and not any(value in evidence[number].figures for number in looked)
                and not (statement.lead_in and len(value) == 1)  # "There are 3 ways:"
            ]
            if missing:
                findings.add("figure_not_found", statement, figure.text, statement.cited)


def claims_something(answer: str, statement: Statement) -> bool:
    """Return whether a sentence states something that wants a citation."""
    text = answer[statement.start : statement.end].strip()
    is_title = text.startswith("#") or (text.startswith("**") and text.endswith("**"))
    if statement.lead_in or is_title or text.endswith(("?", "？")) or ADMITS.search(text):
        return False
    return weigh(blank(CITATION, text), 3) >= SHORTEST_CLAIM


def weigh(text: str, per_word: int) -> int:
    """Return how much a text is: two for a Chinese character, and so much for any other word.

    ``per_word`` 1 counts the letters of words instead.
    """
    return sum(
        2 if match[1] else len(match.group()) if per_word == 1 else per_word
        for match in HAN_OR_WORD.finditer(text)
    )


def text_of(source: SourceFound) -> str:
    """Return what a model is shown of a source."""
    passage = source.hit.passage
    return "\n".join((passage.title, *passage.chunk.headings, source.shown))


def letters_of(text: str) -> str:
    """Return the letters and digits of a text, in one script, width and case."""
    return NOT_WORD.sub("", normalize(text))


def blank(pattern: re.Pattern[str], text: str) -> str:
    """Return a text with spaces in place of what a pattern matches."""
    return pattern.sub(lambda match: " " * len(match.group()), text)

"""Figures of a text in one spelling: numbers, dates, percentages and codes. Knows no sources.

Units are not compared: tables keep them in their headers.
"""

import re
import unicodedata
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import pairwise

from embeddings.words import HAN

LONGEST = 64  # characters of a figure; what is longer is data
MAX_PIECES = 8  # of a code whose parts are told apart

THOUSANDS = "(?<=\\d)[,，\u00a0\u2009\u202f](?=\\d{3}(?!\\d))"
# A word, a number or a code with what connects its parts: "NF-A320", "2024/01/05", "9,000".
TOKEN = re.compile(rf"[^\W_{HAN}]+(?:(?:[-‐‑–._]|(?<=\d)[/:：](?=\d)|{THOUSANDS})[^\W_{HAN}]+)*")
SEPARATOR = re.compile(THOUSANDS)
CONNECTOR = re.compile("[-‐‑–_/:]")  # of text in half width
NUMBER = re.compile(r"\d+(?:\.\d+)*")
DATE = re.compile(r"(?:19|20)\d\d\.\d{1,2}\.\d{1,2}")
DIGIT = re.compile(r"\d")
NOT_WORD = re.compile(r"[\W_]+")

# What stands behind a number and multiplies it, as powers of ten.
POWERS = {
    **{"万亿": 12, "亿": 8, "億": 8, "千万": 7, "千萬": 7, "百万": 6, "百萬": 6, "万": 4, "萬": 4},
    **{"billion": 9, "million": 6, "thousand": 3, "hundred": 2},
}
SCALE = re.compile(f"[ \u00a0-]?({'|'.join(POWERS)})(?![a-z])", re.IGNORECASE)

ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
MONTHS = """january february march april may june july august september october november
december"""
WORDS: dict[str, int] = {
    **{word: value for value, word in enumerate(ONES.split())},
    **{word: 10 * value for value, word in enumerate(TENS.split(), 2)},
    **{word: value for value, word in enumerate(ORDINALS.split(), 1)},
    **{word: value for value, word in enumerate(MONTHS.split(), 1)},
    **{word[:3]: value for value, word in enumerate(MONTHS.split(), 1)},
    **{"sept": 9, "once": 1, "twice": 2, "dozen": 12},
}

NUMERAL = re.compile("[零〇一二两兩三四五六七八九十百千万萬亿億壹贰貳叁參肆伍陆陸柒捌玖拾佰仟]+")
SPELLING = str.maketrans(
    "〇两兩萬億壹贰貳叁參肆伍陆陸柒捌玖拾佰仟", "零二二万亿一二二三三四五六六七八九十百千"
)
DIGITS = "零一二三四五六七八九"
UNITS = {"十": 10, "百": 100, "千": 1000}
LARGE = {"万": 10_000, "亿": 100_000_000}
# A single numeral is a figure only before one of these: 一般 and 三个方面 hold none.
MEASURE = re.compile("个月|[年月日号天周岁元倍米秒度台]|星期|小时|分钟|公里|公斤|千克")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it is written, where it begins, and its parts in the one spelling."""

    text: str
    start: int
    values: tuple[str, ...]


def find_figures(text: str) -> Iterator[Figure]:
    """Yield what is certainly a figure: numbers, codes, and Chinese numerals that count."""
    for match in TOKEN.finditer(text):
        token = match.group()
        if not DIGIT.search(token) or len(token) > LONGEST:
            continue
        if not token[0].isdecimal() and not is_version(token):
            yield Figure(token, match.start(), (squeeze(token),))
            continue
        scale = scale_behind(text, match)
        shown = text[match.start() : scale.end() if scale else match.end()]
        yield Figure(shown, match.start(), tuple(numbers_of(token, scale)))
    for match in NUMERAL.finditer(text):
        if value := counted(match):
            yield Figure(match.group(), match.start(), (value,))


def known_figures(text: str) -> Set[str]:
    """Return the figures of a text in every spelling that an answer may take them up in.

    Number words, the names of months and the parts of codes are among them.
    """
    known: set[str] = set()
    before, end = "", -1
    for match in TOKEN.finditer(text):
        token = match.group()
        if len(token) > LONGEST:
            continue
        squeezed = squeeze(token)
        if DIGIT.search(token):
            known.update(numbers_of(token, scale_behind(text, match)))
            if not squeezed.isdecimal():
                known.update(parts_of(token))
        elif (spelled := word_value(token)) is not None:
            known.add(plain_number(str(spelled), scale_behind(text, match)))
        joined = before + squeezed
        if match.start() == end + 1 and text[end].isspace() and not joined.isdecimal():
            known.add(joined)  # "NF A320" is also "NF-A320"
        before, end = squeezed, match.end()
    for match in NUMERAL.finditer(text):
        if value := parse_numeral(match.group()):
            known.add(value)
    if "点半" in text:
        known.add("30")
    return known


def numbers_of(token: str, scale: re.Match[str] | None) -> Iterator[str]:
    """Yield the numbers with which the parts of a token begin; ``scale`` multiplies the last."""
    pieces = CONNECTOR.split(half_width(token))
    if DATE.fullmatch(pieces[0]):
        pieces[:1] = pieces[0].split(".")
    pieces[0] = pieces[0].removeprefix("v")
    for place, piece in enumerate(pieces, 1):
        if number := NUMBER.match(piece):
            yield plain_number(number.group(), scale if place == len(pieces) else None)


def parts_of(token: str) -> Iterator[str]:
    """Yield a code without its connectors, every run of its parts, and the numbers in it."""
    token = half_width(token)
    yield squeeze(token)
    yield from map(plain_number, NUMBER.findall(token))
    pieces = [squeeze(piece) for piece in CONNECTOR.split(token)]
    if len(pieces) <= MAX_PIECES:
        for start in range(len(pieces)):
            for stop in range(start + 1, len(pieces) + 1):
                yield "".join(pieces[start:stop])


def scale_behind(text: str, match: re.Match[str]) -> re.Match[str] | None:
    """Return the word behind a number that multiplies it."""
    return SCALE.match(text, match.end())


def plain_number(number: str, scale: re.Match[str] | None = None) -> str:
    """Return a number without outer zeros: "2.50" is "2.5", and "3" before 万 "30000"."""
    whole, _, fraction = number.partition(".")
    if "." in fraction:
        return number  # a version or an address
    if scale:
        power = POWERS[scale[1].lower()]
        whole += fraction[:power].ljust(power, "0")
        fraction = fraction[power:]
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def word_value(token: str) -> int | None:
    """Return the value of an English number word or month, such as "twenty-four"."""
    values = [WORDS.get(word) for word in token.lower().split("-")]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def counted(match: re.Match[str]) -> str | None:
    """Return the value of a Chinese numeral that is certainly a figure."""
    text, numeral = match.string, match.group()
    if text.endswith("第", 0, match.start()):
        return None  # 第三 counts what is said
    is_single = len(numeral) == 1
    if is_single and (numeral in "一零〇" or not MEASURE.match(text, match.end())):
        return None
    return parse_numeral(numeral)


def parse_numeral(numeral: str) -> str | None:
    """Return the value of a Chinese numeral, or None if it is none, such as 万 alone or 三四."""
    numeral = numeral.translate(SPELLING)
    if numeral[0] in "百千万亿" or len(numeral) > LONGEST:
        return None
    if all(sign in DIGITS for sign in numeral):
        if len(numeral) == 2 and "零" not in numeral:
            return None
        return plain_number("".join(str(DIGITS.index(sign)) for sign in numeral))
    total = section = digit = 0
    next_unit = 1  # of a digit at the end: 一百五 is 150
    for before, sign in pairwise(f"零{numeral}"):
        if sign in DIGITS:
            if before in DIGITS and before != "零":
                return None
            digit = DIGITS.index(sign)
            next_unit = next_unit if digit else 1
        elif sign in UNITS:
            section += (digit or 1) * UNITS[sign]
            digit, next_unit = 0, UNITS[sign] // 10
        else:
            base = total if sign == "亿" else 0
            total += (base + section + digit) * LARGE[sign] - base
            section, digit, next_unit = 0, 0, LARGE[sign] // 10
    return str(total + section + digit * next_unit)


def is_version(token: str) -> bool:
    """Return whether a token is a number behind a "v", as in v0.2.10."""
    return token[0] in "vV" and token[1].isdecimal()


def half_width(token: str) -> str:
    """Return a token in half-width, small letters without the separators of thousands."""
    return unicodedata.normalize("NFKC", SEPARATOR.sub("", token)).lower()


def squeeze(token: str) -> str:
    """Return a token without what connects its parts."""
    return NOT_WORD.sub("", half_width(token))

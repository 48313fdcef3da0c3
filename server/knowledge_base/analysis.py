"""Text to terms: the one analysis that chunks and questions go through.

Knows English and Chinese; does not know indexes, scores or files.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain

from embeddings.words import HAN
from server.datatypes import Language, Passage

HAN_CHARACTER = re.compile(f"[{HAN}]")
HAN_RUN = re.compile(f"[{HAN}]+")
NOT_HAN = re.compile(f"[^{HAN}]+")
# Words, numbers and codes; a connector inside keeps "v0.2.10", "nf-a320-b" and "don't" in one.
CODE = re.compile(f"[^\\W_{HAN}]+(?:[-._/'’:@][^\\W_{HAN}]+)*(?:\\+\\+|#)?")
PIECE = re.compile("[^-_/:@]+")
PART = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
ACCENT = re.compile("[\u0300-\u036f]")

LONGEST = 64  # characters of a term; what is longer is no word but data, such as base64

FUNCTION_WORDS = """
a about above after again all also am an and any are as at be because been before being below
between both but by can cannot could did do does doing done during each either for from further
had has have having he her here hers him his how i if in into is it its itself just let may me
might more most must my no nor not of off on once only or other our out over own please same shall
she should so some such tell than that the their them then there these they this those through to
too under until up us very was we were what when where which while who whom whose why will with
would you your
"""
# Words that ask. They are rare in documents, so BM25 would take them for content; they also end a
# run of characters, so that no pair is made across them. So does 的, the commonest character.
ASKING_WORDS = """
请问 为什么 是什么 什么 怎么样 怎么办 怎么 怎样 如何 哪些 哪个 哪里 哪儿 哪位 哪种 哪一 哪年 哪 谁
多少 多大 多久 多长 多高 几个 吗 呢 的
"""
PARTICLES = "吧 啊 呀 了 是 在 和 与 及 也 就 都 而 着 或 并 把 被 让 向 从 对 于 之 其 这 那 有"

STOP_WORDS = frozenset(FUNCTION_WORDS.split())
CHINESE_STOP_WORDS = frozenset(ASKING_WORDS.split()).union(PARTICLES.split())
ASKED = re.compile("|".join(ASKING_WORDS.split()))


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a text in its order, repeated as often as they occur."""

    words: tuple[str, ...]  # stems, codes with their parts, Chinese words
    grams: tuple[str, ...]  # Chinese characters and pairs, other words; empty without Chinese


def language_of(text: str) -> Language:
    """Return "zh" when Chinese characters outweigh English function words, else "en"."""
    han = len(HAN_CHARACTER.findall(text))
    if not han:
        return "en"
    function_words = sum(word in STOP_WORDS for word in CODE.findall(text.lower()))
    return "zh" if han > 2 * function_words else "en"  # an English word is about two characters


def analyze(text: str) -> Terms:
    """Return the terms of a text: the same for a chunk and for a question. Thread-safe."""
    text = normalize(text)
    latin = tuple(chain.from_iterable(map(terms_of, CODE.findall(text))))
    if not HAN_CHARACTER.search(text):
        return Terms(latin, ())
    words = segmenter()(NOT_HAN.sub(" ", text))
    chinese = tuple(word for word in words if word != " " and word not in CHINESE_STOP_WORDS)
    return Terms(chinese + latin, (*pair(text), *latin))


def index_text(passage: Passage) -> str:
    """Return what is indexed for a passage: its title, its headings and its text."""
    chunk = passage.chunk
    context = [part for part in (passage.title, *chunk.headings) if part not in chunk.text]
    return "\n".join([*context, chunk.text])


def normalize(text: str) -> str:
    """Return the text in half-width, lower-case, simplified characters without accents."""
    if text.isascii():
        return THOUSANDS.sub("", text.lower())
    text = unicodedata.normalize("NFKC", text).lower()
    if HAN_CHARACTER.search(text):
        text = simplifier()(text)
    folded = ACCENT.sub("", unicodedata.normalize("NFD", text))
    return THOUSANDS.sub("", unicodedata.normalize("NFC", folded))


def terms_of(code: str) -> tuple[str, ...]:
    """Return the stem of a word; of a code such as "nf-a320-b" the whole, its pieces and parts."""
    return spell_known(code) if len(code) <= LONGEST else spell(code)


def spell(code: str) -> tuple[str, ...]:
    """Do the work of ``terms_of``."""
    if code.isalpha() and len(code) <= LONGEST:
        return () if code in STOP_WORDS else (stem(code),)
    if "'" in code or "’" in code:
        code = code.replace("’", "'").removesuffix("'s").replace("'", "")
    pieces = [piece for piece in PIECE.findall(code) if len(piece) <= LONGEST]
    parts = [part for piece in pieces for part in PART.findall(piece)]
    whole = [code] if len(code) <= LONGEST else []
    terms = [part for part in dict.fromkeys([*whole, *pieces, *parts]) if part not in STOP_WORDS]
    return tuple(stem(term) if term.isalpha() else term for term in terms)


def pair(text: str) -> Iterator[str]:
    """Yield the characters and the pairs of neighbours of every run of Chinese."""
    for run in HAN_RUN.findall(ASKED.sub(" ", text)):
        yield from run
        yield from (run[at : at + 2] for at in range(len(run) - 1))


spell_known = lru_cache(maxsize=65536)(spell)  # of what is short, as all words are


def stem(word: str) -> str:
    """Return the Snowball stem of an English word."""
    import Stemmer

    stemmed: str = Stemmer.Stemmer("english").stemWord(word)  # one is not for several threads
    return stemmed


@cache
def segmenter() -> Callable[[str], list[str]]:
    """Return the word segmentation; loading its dictionary takes 0.1 s."""
    import rjieba

    return rjieba.cut_for_search


@cache
def simplifier() -> Callable[[str], str]:
    """Return the conversion from traditional to simplified characters."""
    from opencc import OpenCC

    return OpenCC("t2s").convert

"""Seeded prose in English and Chinese, as much as is wanted. Knows no questions.

The words are made up, but their frequencies follow Zipf's law, so that an index over them has
common and rare terms as one over real documents has.
"""

import re
from itertools import accumulate
from random import Random

from configs import ROOT

SYLLABLES = (
    "ba co da en fi gor hal in jo ket lum mar nor os pel qui ran sel tor un vel wen xi yor zan"
)
HAN = (
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里"
    "后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动"
    "两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几"
)
WORDS = {"en": 20_000, "zh": 6_000}  # distinct ones
SENTENCES = 5  # of a paragraph
SAMPLES = {  # real sentences of a language, and what lies between them
    "en": (
        ("api-integration-guide.md", "crop-recipes.md", "design-review-minutes.txt"),
        r"[A-Z][^.!?\n|#`]{30,300}[.!?]",
        " ",
    ),
    "zh": (
        ("员工手册.md", "NF-R40安装指南.md", "产品例会纪要.md"),
        r"[^。！？\n|#]{10,120}[。！？]",
        "",
    ),
}


class Prose:
    """An endless text; the same seed gives the same one."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        vocabulary = Random(1)  # the same words whatever the seed: texts share terms
        self._english = make_english(vocabulary)
        self._chinese = make_chinese(vocabulary)
        self._weights = {
            language: list(accumulate(1 / rank for rank in range(1, count + 1)))
            for language, count in WORDS.items()
        }

    def write(self, size: int, *, chinese: float = 0.3) -> str:
        """Return a text of at most ``size`` bytes of UTF-8, and hardly less.

        ``chinese`` is the share of paragraphs in Chinese, 0 to 1.
        """
        paragraphs: list[str] = []
        length = 0
        while length < size:
            is_chinese = self._random.random() < chinese
            paragraphs.append(self._chinese_paragraph() if is_chinese else self._paragraph())
            length += len(paragraphs[-1].encode()) + 2
        return "\n\n".join(paragraphs).encode()[:size].decode(errors="ignore")

    def word(self) -> str:
        """Return an English word, a common one more often."""
        return self._draw("en", 1)[0]

    def _paragraph(self) -> str:
        sentences = (self._draw("en", self._random.randint(8, 20)) for _ in range(SENTENCES))
        return " ".join(" ".join(words).capitalize() + "." for words in sentences)

    def _chinese_paragraph(self) -> str:
        sentences = (self._draw("zh", self._random.randint(6, 14)) for _ in range(SENTENCES))
        return "".join("".join(words) + "。" for words in sentences)

    def _draw(self, language: str, count: int) -> list[str]:
        words = self._english if language == "en" else self._chinese
        return self._random.choices(words, cum_weights=self._weights[language], k=count)


def make_english(random: Random) -> list[str]:
    """Return distinct words of two to four syllables."""
    syllables = SYLLABLES.split()
    words: dict[str, None] = {}
    while len(words) < WORDS["en"]:
        words["".join(random.choices(syllables, k=random.randint(2, 4)))] = None
    return list(words)


def make_chinese(random: Random) -> list[str]:
    """Return distinct words of two characters."""
    words: dict[str, None] = {}
    while len(words) < WORDS["zh"]:
        words["".join(random.sample(HAN, 2))] = None
    return list(words)


def shuffle_samples(seed: int, size: int, language: str) -> str:
    """Return about ``size`` bytes of real sentences in a random order, for what reads languages."""
    names, pattern, between = SAMPLES[language]
    folder = ROOT / "samples" / "documents"
    texts = [(folder / name).read_text("utf-8") for name in names]
    sentences = [sentence for text in texts for sentence in re.findall(pattern, text)]
    random = Random(seed)
    paragraphs: list[str] = []
    length = 0
    while length < size:
        paragraphs.append(between.join(random.sample(sentences, SENTENCES)))
        length += len(paragraphs[-1].encode()) + 2
    return "\n\n".join(paragraphs)

"""What a question asks for, and how a sentence shows that it may hold it.

Knows patterns of English and Chinese; does not know passages or scores.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from server.datatypes import Language


@dataclass(frozen=True, slots=True)
class Cue:
    """A type of question and the mark of sentences that can answer it."""

    asks: re.Pattern[str]
    shows: re.Pattern[str]


def cue(asks: str, shows: str, flags: int = 0) -> Cue:
    """Return a cue; case does not matter in the question."""
    return Cue(re.compile(asks, re.IGNORECASE), re.compile(shows, flags))


CUES: Mapping[Language, tuple[Cue, ...]] = MappingProxyType(
    {
        "zh": (
            cue(
                "什么时候|何时|哪一?年|几月|哪天|日期|时间|年份|几[年号日点]|多久|多长时间",
                r"\d+\s*[年月日号天点时分秒]|\d:\d\d|世纪|[一二三四五六七八九十]+[年月日天]|小时|分钟",
            ),
            cue(
                "多少|几[个名次位种岁人条座家项天米]|多[大高长远重宽深快]|数量|人数|百分之几",
                "[0-9一二两三四五六七八九十百千万亿]",
            ),
            cue(
                "谁|哪位|哪[一几]?个?人|何人",
                r"·|先生|女士|博士|教授|经理|主任|总统|[王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马沈蒋]\w",
            ),
            cue(
                "哪里|哪儿|何处|哪[一个座]*[国省市县地区城]|位于|地点|地方",
                "[省市县区国州镇村岛山湾路街楼厂门]|位于|在",
            ),
            cue("为什么|为何|原因|怎么会", "因为|由于|因此|所以|原因|为了|导致|使得|以免|防止"),
        ),
        "en": (
            cue(
                r"\bwhen\b|(what|which) (year|date|day|month|time|century)|how (long|soon|quickly)",
                r"\b\d{4}s?\b|\d:\d\d|\b(January|February|March|April|May|June|July|August|"
                r"September|October|November|December)\b|\b(century|decade|year|month|week|day|"
                r"hour|minute|second)s?\b",
            ),
            cue(
                r"how (many|much|high|far|old|tall|large|big|heavy|fast|often|deep|wide)|"
                r"what (percentage|number|amount|share|temperature|price|size|weight|speed|rate)|"
                r"\bcosts?\b",
                r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|half|"
                r"hundred|thousand|million|billion|third|quarter|percent|once|twice)\b",
                re.IGNORECASE,
            ),
            cue(
                r"\bwho(m|se)?\b|what (person|man|woman|president|king|queen)",
                r"(?<!^)(?<![.!?] )\b[A-Z][a-z]+ [A-Z][a-z]+",
            ),
            cue(
                r"\bwhere\b|\b(what|which) (city|country|state|place|region|town|river|area)",
                r"\b(in|at|near|from|to|of) (the )?[A-Z]",
            ),
            cue(
                r"\bwhy\b|\breason\b|\bcauses?\b",
                r"\b(because|due to|since|caused?|reason|therefore|so that|result|in order)\b",
                re.IGNORECASE,
            ),
        ),
    }
)
LISTS = re.compile(
    r"哪些|哪几|步骤|列出|列举|分别|\b(list|steps|which of|what are)\b", re.IGNORECASE
)


def cues_of(question: str, language: Language) -> tuple[re.Pattern[str], ...]:
    """Return the marks of sentences that can answer a question; none for most questions."""
    return tuple(each.shows for each in CUES[language] if each.asks.search(question))


def asks_for_list(question: str) -> bool:
    """Return whether a question asks for several things."""
    return bool(LISTS.search(question))

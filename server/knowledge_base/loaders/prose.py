"""What running text looks like in Chinese and English. Knows no file format."""

import re

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
WIDE = HAN + "\u3000-\u303f\uff00-\uffef\u2018-\u201d\u2014\u2026"  # with Chinese punctuation
CHINESE = re.compile(f"[{HAN}]")
WRAP_IN_CHINESE = re.compile(rf"(?<=[{WIDE}])[^\S\n]*\n\s*(?=[{WIDE}])")

NUMERAL = r"[一二三四五六七八九十百千零〇两\d]+"
# Levels only order the patterns among each other; the gaps say nothing.
NUMBERED = (
    (1, re.compile(rf"第\s*{NUMERAL}\s*[编篇部卷](?!分)|Part\s+[IVX\d]+\b")),
    (
        2,
        re.compile(
            rf"第\s*{NUMERAL}\s*章|(?:Chapter|Appendix)\s+[\dA-Z]+\b|附录\s*[A-Z一二三四五六\d]"
        ),
    ),
    (3, re.compile(rf"第\s*{NUMERAL}\s*节")),
    (4, re.compile(rf"第\s*{NUMERAL}\s*条")),
    (5, re.compile(r"[一二三四五六七八九十]+、")),
    (6, re.compile(r"[（(][一二三四五六七八九十]+[)）]")),
)
DECIMAL = re.compile(  # 1.2 范围, but not 1.2 万元
    r"(?:\d{1,2}\.)+\d{1,2}\.?\s+"
    rf"(?=[{HAN}]{{2}}|[A-Z][a-z])(?![万亿千元毫厘分平立公美欧倍年月日天小吨个台米克瓦度])"
)
TEXT_END = tuple("。；;，,、.")
CLOSING = r"[”’」』）)\]\"']*"
CLOSED = re.compile(rf"[.!?:;。！？：；…]{CLOSING}$")  # nothing of the sentence follows
SENTENCE_END = re.compile(rf"(?:[。！？；…]|[.!?;](?={CLOSING}(?:\s+[A-Z]|$))){CLOSING}")
WIDE_CHARACTER = re.compile(f"[{WIDE}]")
LEADER = re.compile(r"\.{4,}|…|·{4,}|\t\s*\d+$")  # a line of a table of contents
UNTITLED = re.compile(  # what programs write into the title of a file when nobody set one
    r"\(.*\)|(?:untitled|microsoft word - |powerpoint |无标题|未命名|幻灯片).*|标题|"
    r"(?:document|文档|presentation|slide|book|工作簿) *\d*|"
    r"新建.{0,20}(?:文档|文件|演示文稿|工作表)|"
    r".* - (?:microsoft )?(?:word|excel|powerpoint|wps.*)|"
    r"(?:about:|file:|[a-z]:[\\/]|\\\\|~?/).*|"
    r".*\.(?:[a-z]{3,4}|docx?|xlsx?|pptx?|html?|md|ps|ai|pages)",
    re.IGNORECASE,
)
MAX_TITLE = 120
MAX_HEADING = 40  # characters of a Chinese heading line; twice that for English


def fold(text: str) -> str:
    """Return the text as one line; lines that broke inside Chinese join without a space."""
    return " ".join(WRAP_IN_CHINESE.sub("", text).split())


def print_width(text: str) -> float:
    """Return about how wide the text is printed, in font sizes."""
    return (len(text) + len(WIDE_CHARACTER.findall(text))) / 2


def is_short(line: str) -> bool:
    """Tell whether the line has the length and the end of a heading."""
    limit = MAX_HEADING if CHINESE.search(line) else 2 * MAX_HEADING
    return 0 < len(line) <= limit and not line.endswith(TEXT_END) and not LEADER.search(line)


def heading_level(line: str) -> int | None:
    """Return the level of a heading that is known by its number, None for other lines."""
    return number_level(line) if is_short(line.strip()) else None


def number_level(line: str) -> int | None:
    """Return the level of the number that the line begins with, None where there is none."""
    line = line.strip()
    for level, pattern in NUMBERED:
        if pattern.match(line):
            return level
    number = DECIMAL.match(line)
    return len(NUMBERED) + number.group().count(".") if number else None


def sensible_title(title: str) -> str:
    """Return the title from the properties of a file, "" where no person wrote it."""
    title = fold(title)
    is_sensible = (
        2 <= len(title) <= MAX_TITLE
        and any(character.isalpha() for character in title)
        and all(character.isprintable() and character != "\ufffd" for character in title)
        and not UNTITLED.fullmatch(title)
    )
    return title if is_sensible else ""

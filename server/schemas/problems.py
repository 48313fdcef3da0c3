"""What pydantic found wrong, in words for people. Knows no requests."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.datatypes import Language

SHOWN = 5  # problems that one message names
VALUE_CHARS = 60

# By pydantic's error types; what is missing here keeps pydantic's own English words.
TEXTS: dict[str, tuple[str, str]] = {
    "missing": ("is missing", "缺失"),
    "extra_forbidden": ("is not a known field", "不是已知字段"),
    "unsupported": (
        "is not supported by the models served here; leave it out",
        "当前提供的模型不支持，请去掉",
    ),
    "json_invalid": ("the body is not valid JSON", "请求体不是合法的 JSON"),
    "greater_than_equal": ("must be at least {ge}", "不得小于 {ge}"),
    "less_than_equal": ("must be at most {le}", "不得大于 {le}"),
    "greater_than": ("must be more than {gt}", "必须大于 {gt}"),
    "less_than": ("must be less than {lt}", "必须小于 {lt}"),
    "finite_number": ("must be a finite number", "必须是有限的数"),
    "int_type": ("must be a whole number", "必须是整数"),
    "int_parsing": ("must be a whole number", "必须是整数"),
    "int_from_float": ("must be a whole number", "必须是整数"),
    "float_type": ("must be a number", "必须是数字"),
    "float_parsing": ("must be a number", "必须是数字"),
    "bool_type": ("must be true or false", "必须是 true 或 false"),
    "bool_parsing": ("must be true or false", "必须是 true 或 false"),
    "string_type": ("must be text", "必须是文本"),
    "string_too_long": ("must be at most {max_length} characters", "最多 {max_length} 个字符"),
    "string_too_short": ("must be at least {min_length} characters", "至少 {min_length} 个字符"),
    "too_short": ("must have at least {min_length} items", "至少 {min_length} 项"),
    "too_long": ("must have at most {max_length} items", "最多 {max_length} 项"),
    "list_type": ("must be a list", "必须是列表"),
    "dict_type": ("must be an object", "必须是对象"),
    "model_attributes_type": (
        "the body must be a JSON object sent with Content-Type: application/json",
        "请求体必须是 JSON 对象，且带 Content-Type: application/json",
    ),
    "model_type": ("must be an object", "必须是对象"),
    "no_letters": ("must have a letter or digit", "须含有文字或数字"),
    "no_file": ("needs the files that hold the answer", "须给出包含答案的文件（files）"),
    "answer_to_refuse": (
        "must be refused, so it has no files, quotes and answers",
        "应被拒答，因此不能有 files、quotes 和 answers",
    ),
    "own_value": (
        "is set for this knowledge base itself, which wins; take it away there first",
        "已由知识库自身设置且优先生效，请先在知识库中取消",
    ),
    "unknown_reranker": (
        "must be the name of a reranker from docs/models.md or the settings, not a folder",
        "必须是 docs/models.md 或设置中的重排模型名称，不能是目录",
    ),
    "broken_text": ("holds half of a character", "含有残缺的字符"),
    "blank": ("must not be blank", "不能为空"),
    "invisible": (
        "must not have control or invisible characters",
        "不能含控制字符或不可见字符",
    ),
    "no_moment": ("is outside the calendar", "超出日历范围"),
    "no_span": ("since must not be later than until", "since 不得晚于 until"),
    "datetime_type": ("must be a time as text", "必须是文本形式的时间"),
    "datetime_parsing": (
        "must be a time such as 2024-05-31T08:00:00Z",
        "必须是时间，例如 2024-05-31T08:00:00Z",
    ),
    "datetime_from_date_parsing": (
        "must be a time such as 2024-05-31T08:00:00Z",
        "必须是时间，例如 2024-05-31T08:00:00Z",
    ),
    "literal_error": ("must be {expected}", "必须是 {expected}"),
}


def describe_problems(problems: Sequence[Mapping[str, Any]], language: Language) -> str:
    """Return the problems as one line, each with the field, what is allowed and what came."""
    parts = [describe_problem(problem, language) for problem in problems[:SHOWN]]
    return ("；" if language == "zh" else "; ").join(parts)


def describe_problem(problem: Mapping[str, Any], language: Language) -> str:
    """Return one problem in words."""
    place = ".".join(str(part) for part in problem["loc"][1:])
    if problem["type"] == "json_invalid":
        place = ""  # it holds an offset, not a field
    known = TEXTS.get(kind_of(problem))
    text = str(problem["msg"])
    if known:
        facts = dict(problem.get("ctx", {}))
        if language == "zh" and "expected" in facts:  # pydantic's list: 'a', 'b' or 'c'
            expected = str(facts["expected"])
            facts["expected"] = expected.replace("', '", "'、'").replace("' or '", "' 或 '")
        text = known[1 if language == "zh" else 0].format(**facts)
    is_whole = kind_of(problem) in ("missing", "json_invalid", "model_attributes_type")
    value = "" if is_whole else show(problem.get("input"))
    came = f" ({value})" if value else ""
    return f"{place} {text}{came}".strip()


def show(value: Any) -> str:
    """Return a short value as it came, "" for what is long or holds other values."""
    is_plain = value is None or isinstance(value, str | int | float)
    if isinstance(value, int) and value.bit_length() > 4 * VALUE_CHARS:  # repr may refuse it
        is_plain = False
    shown = repr(value) if is_plain else ""
    return shown if len(shown) <= VALUE_CHARS else ""


def kind_of(problem: Mapping[str, Any]) -> str:
    """Return the type of a problem, which pydantic does not always choose by what came."""
    kind = str(problem["type"])
    if kind in ("too_long", "too_short") and isinstance(problem["input"], str):
        return f"string_{kind}"
    if kind == "model_attributes_type" and len(problem["loc"]) > 1:
        return "model_type"  # a field and not the body
    return kind

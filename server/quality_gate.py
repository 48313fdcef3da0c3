"""``python -m server.evaluation``: measures a knowledge base and judges it, for CI.

By the REST API: that of the service on the data folder, or one that lives in this process until the
work is done. The test set and the run are made for the measurement and deleted after it.
"""

import argparse
import asyncio
import json
import math
import secrets
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal  # Any: values of settings, and what the API answers
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from configs import Settings
from server.datatypes import Language
from server.errors import ZhiwenError
from server.evaluation.comparison import LOWER_IS_BETTER, MIN_DOCUMENTS, compare
from server.increment import BASES, RequestFailed, ask, open_api, read_answer
from server.language import choose_language
from server.schemas.evaluation import Comparison, ImportedTestSet, Run, RunQuestion

LOOK_EVERY_S = 0.2
PAGE = 500
RUNS = "/api/v1/evaluation_runs"
OUTCOMES = TypeAdapter(list[RunQuestion])
# By these a run loses to an earlier one. All of them together would raise false alarms: one metric
# in twenty differs for sure by chance alone.
GUARDED = ("hit@1", "hit@5", "answered", "refused", "false_refusals")
PASSED, FAILED, NOT_RUN = 0, 1, 2

Limits = Mapping[str, float]


class Baseline(BaseModel):
    """What was measured, to compare later runs with."""

    version: Literal[1] = 1
    knowledge_base: str
    embedding_model: str
    settings: dict[str, Any]
    metrics: dict[str, float]
    questions: list[RunQuestion]


class GateError(Exception):
    """The gate cannot judge; the message says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be measured."""

    kb: str
    questions: Path
    overrides: dict[str, Any]
    against: str | None = None  # the id of a run, or a file that ``save`` wrote


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, and what it is compared with."""

    run: Run
    questions: list[RunQuestion]
    earlier: list[RunQuestion] | None

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the run, in percent."""
        return self.run.metrics or {}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
    parser = argparse.ArgumentParser(
        prog="python -m server.evaluation",
        description="Measure a knowledge base with test questions. 用测试问题评测知识库。",
        epilog="Exit status: 0 passed, 1 failed, 2 could not run. docs/evaluation.md says more.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    gate = commands.add_parser("gate", help="fail if a metric is too low 指标不达标时失败")
    save = commands.add_parser("save", help="keep what is measured as a baseline 保存基线")
    for command in (gate, save):
        add = command.add_argument
        add("--kb", required=True, metavar="NAME", help="the knowledge base 知识库")
        add("--questions", required=True, type=Path, help=".yaml, .json, .jsonl 测试问题文件")
        choices: dict[str, Any] = {"action": "append", "default": [], "metavar": "SETTING=VALUE"}
        text = "a retrieval setting, e.g. lexical_weight=0.3 检索设置"
        add("--set", dest="overrides", help=text, **choices)
    limits: dict[str, Any] = {"action": "append", "default": [], "metavar": "METRIC=PERCENT"}
    gate.add_argument("--min", **limits, help="e.g. hit@1=90 下限")
    gate.add_argument("--max", **limits, help="e.g. false_refusals=5 上限")
    gate.add_argument("--against", metavar="RUN|FILE", help="fail if it is surely worse 对比基线")
    save.add_argument("--out", required=True, type=Path, help="the file to write 输出文件")
    return parser


def main(settings: Settings, arguments: Sequence[str] | None = None) -> int:
    """Do what the flags say and return the exit status."""
    flags = make_parser().parse_args(arguments)
    language = choose_language(settings.server.language)
    try:
        overrides = {name: read_value(text) for name, text in split_pairs(flags.overrides)}
        against = getattr(flags, "against", None)
        wish = Wish(flags.kb, flags.questions, overrides, against)
        lows, highs = (read_limits(getattr(flags, name, ())) for name in ("min", "max"))
        measured = asyncio.run(measure(settings, wish, language))
        if flags.command == "save":
            write_baseline(flags.out, measured)
            print_metrics(measured.metrics, {}, {})
            return PASSED
        return judge(measured, lows, highs)
    except ZhiwenError as error:
        print(error.message(language), file=sys.stderr)
    except (GateError, RequestFailed, OSError) as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        print(f"another version answered 应答来自其他版本：{error}", file=sys.stderr)
    return NOT_RUN


def split_pairs(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """Return the two sides of each ``name=value``.

    Raises:
        GateError: one has no such sign.
    """
    for pair in pairs:
        if "=" not in pair:
            raise GateError(f"{pair!r}: write NAME=VALUE 应写作 名称=值")
    return [(name, value) for name, _, value in (pair.rpartition("=") for pair in pairs)]


def read_limits(pairs: Sequence[str]) -> dict[str, float]:
    """Return limits by metric.

    Raises:
        GateError: one is no finite number: with "nan" no limit fails.
    """
    try:
        limits = {name: float(text) for name, text in split_pairs(pairs)}
    except ValueError as error:
        raise GateError(f"a limit is no number 限值不是数字：{error}") from error
    if not all(map(math.isfinite, limits.values())):
        raise GateError("a limit is no finite number 限值不是有限的数字")
    return limits


def read_value(text: str) -> Any:
    """Return a value as JSON has it; what is none is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


async def measure(settings: Settings, wish: Wish, language: Language) -> Measured:
    """Run the questions and return what came of it.

    Raises:
        ZhiwenError, RequestFailed, GateError, OSError: it could not be measured.
    """
    content = wish.questions.read_bytes()
    earlier = None
    if wish.against is not None and not wish.against.isdecimal():
        earlier = read_baseline(Path(wish.against)).questions
    async with open_api(settings, language) as api:
        if wish.against is not None and earlier is None:
            earlier = await fetch_earlier(api, wish.against)
        place = await send_questions(api, wish, content)
        try:
            body = {"settings": wish.overrides, "name": "gate"}
            begun = Run.model_validate(await ask(api, "POST", f"{place}/runs", body))
            run = await follow(api, begun.id)
            questions = await fetch_outcomes(api, run.id)
        finally:
            await clean_up(api, place)
    return Measured(run, questions, earlier)


async def send_questions(api: httpx.AsyncClient, wish: Wish, content: bytes) -> str:
    """Make a test set of a file and return its path; print how many questions were left out.

    Raises:
        RequestFailed, ValidationError: the service did not take it.
    """
    sets = f"{BASES}/{quote(wish.kb, safe='')}/test_sets"
    name = f"gate {secrets.token_hex(4)}"
    files = {"file": (wish.questions.name, content)}
    try:
        answer = await api.post(f"{sets}/import", files=files, data={"name": name})
    except httpx.HTTPError as error:
        raise RequestFailed(f"{api.base_url}: {error}") from error
    made = ImportedTestSet.model_validate(read_answer(answer))
    if made.skipped_total:
        print(f"{made.skipped_total} questions skipped, no file holds their passage 已跳过的问题数")
    return f"{sets}/{made.id}"


async def clean_up(api: httpx.AsyncClient, place: str) -> None:
    """Delete the test set; what went wrong before is the error to tell."""
    try:
        await api.delete(place)
    except httpx.HTTPError as error:
        print(f"{place} was not deleted 未能删除测试集：{error}", file=sys.stderr)


async def follow(api: httpx.AsyncClient, run_id: int) -> Run:
    """Wait for the end of a run and return it.

    Raises:
        RequestFailed, GateError: it did not end well.
    """
    while True:
        run = Run.model_validate(await ask(api, "GET", f"{RUNS}/{run_id}"))
        if run.status == "done":
            return run
        if run.status != "running":
            reason = run.error.message if run.error else run.status
            raise GateError(f"the run ended early 评测提前结束：{reason}")
        await asyncio.sleep(LOOK_EVERY_S)


async def fetch_earlier(api: httpx.AsyncClient, run_id: str) -> list[RunQuestion]:
    """Return what became of all questions of an earlier run.

    Raises:
        RequestFailed, GateError: there is none, or it did not end well.
    """
    run = Run.model_validate(await ask(api, "GET", f"{RUNS}/{run_id}"))
    if run.status != "done":
        raise GateError(f"the run {run_id} is {run.status!r}, not done 该评测未完成")
    return await fetch_outcomes(api, run.id)


async def fetch_outcomes(api: httpx.AsyncClient, run_id: int) -> list[RunQuestion]:
    """Return what became of all questions of a run."""
    found: list[RunQuestion] = []
    while True:
        path = f"{RUNS}/{run_id}/questions?offset={len(found)}&limit={PAGE}"
        page = OUTCOMES.validate_python(await ask(api, "GET", path))
        found += page
        if len(page) < PAGE:
            return found


def judge(measured: Measured, lows: Limits, highs: Limits) -> int:
    """Print the metrics with the limits and return the exit status.

    Raises:
        GateError: a limit is for a metric that was not measured, or too few documents were.
    """
    metrics = measured.metrics
    if unknown := [name for name in (*lows, *highs) if name not in metrics]:
        known = ", ".join(metrics)
        raise GateError(f"{unknown[0]!r} was not measured 未测得该指标；known 可用：{known}")
    failed = {
        *(name for name, low in lows.items() if metrics[name] < low),
        *(name for name, high in highs.items() if metrics[name] > high),
    }
    print_metrics(metrics, lows, highs, failed)
    if measured.earlier is not None:
        comparison = compare(measured.earlier, measured.questions)
        lost = {name for name in GUARDED if is_lost(comparison, name)}
        print_comparison(comparison, lost)
        check_intervals(comparison)
        failed |= lost
    print("FAILED 未通过: " + ", ".join(sorted(failed)) if failed else "PASSED 通过")
    return FAILED if failed else PASSED


def check_intervals(comparison: Comparison) -> None:
    """Print which metrics could not be judged for lack of documents.

    Raises:
        GateError: none could.
    """
    guarded = {name: comparison.metrics[name] for name in GUARDED if name in comparison.metrics}
    unsure = [name for name, found in guarded.items() if found.low is None]
    told = (
        f"fewer than {MIN_DOCUMENTS} documents, not judged 文档过少，无法判定：{', '.join(unsure)}"
    )
    if len(unsure) == len(guarded):
        raise GateError(told)
    if unsure:
        print(f"WARNING 警告: {told}")


def is_lost(comparison: Comparison, name: str) -> bool:
    """Return whether a metric is surely worse."""
    return name in comparison.metrics and comparison.metrics[name].is_worse


def print_metrics(
    metrics: Limits, lows: Limits, highs: Limits, failed: Collection[str] = ()
) -> None:
    """Print a line for each metric, with its limits."""
    for name, value in metrics.items():
        limits = f">= {lows[name]:g} " if name in lows else ""
        limits += f"<= {highs[name]:g} " if name in highs else ""
        print(f"{name:28} {value:7.2f} %  {limits}{'FAILED' if name in failed else ''}".rstrip())


def print_comparison(comparison: Comparison, lost: set[str]) -> None:
    """Print how each metric differs from the earlier run, and the questions that got worse."""
    print(f"\nagainst the earlier run, {comparison.questions} questions 与之前的评测相比：")
    for name, found in comparison.metrics.items():
        interval = "" if found.low is None else f"[{found.low:+.2f}, {found.high:+.2f}]"
        better = " (lower is better)" if name in LOWER_IS_BETTER else ""
        verdict = "FAILED" if name in lost else ""
        print(f"{name:28} {found.difference:+7.2f} {interval:18} {verdict}{better}".rstrip())
    for question in comparison.worse:
        print(f"  worse 变差: {question.question}")


def write_baseline(path: Path, measured: Measured) -> None:
    """Write what was measured into a file."""
    run = measured.run
    baseline = Baseline(
        knowledge_base=run.knowledge_base,
        embedding_model=run.embedding_model,
        settings=run.settings,
        metrics=measured.metrics,
        questions=measured.questions,
    )
    path.write_text(baseline.model_dump_json(indent=1) + "\n", "utf-8")


def read_baseline(path: Path) -> Baseline:
    """Return what ``write_baseline`` wrote.

    Raises:
        GateError, OSError: the file is none of those.
    """
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise GateError(f"{path} is no baseline 不是基线文件：{reason}") from error

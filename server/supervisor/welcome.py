"""The sample question that shows that all works. Does not know how the answer is found."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from server.supervisor.console import Console

KNOWLEDGE_BASE = "samples"
ANSWER_WITHIN_S = 120.0  # a language model on a CPU takes its time


@dataclass(frozen=True, slots=True)
class Source:
    """A cited place."""

    number: int
    file_name: str
    page: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it cites."""

    text: str
    sources: tuple[Source, ...]


class NoAnswer(Exception):
    """The sample question could not be asked; the message says why."""


def featured_question(samples: Path) -> str:
    """Return the first question that ``questions.yaml`` features.

    Raises:
        NoAnswer: the file is missing or not as it should be.
    """
    path = samples / "questions.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        wanted = content["featured"][0]
        return str(next(q["question"] for q in content["answerable"] if q["id"] == wanted))
    except (OSError, yaml.YAMLError, LookupError, TypeError, StopIteration) as error:
        raise NoAnswer(f"{path}: {error!r}") from error


def ask(url: str, token: str, question: str) -> Answer | None:
    """Ask the samples knowledge base through the API; None if there is no such knowledge base.

    Raises:
        NoAnswer: the API refused or failed.
    """
    request = {"question": question, "knowledge_base": KNOWLEDGE_BASE, "stream": False}
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(trust_env=False, timeout=ANSWER_WITHIN_S, headers=headers) as client:
            response = client.post(f"{url}/api/v1/chat", json=request)
        if '"unknown_knowledge_base"' in response.text:
            return None
        response.raise_for_status()
        body = response.json()
        sources = (Source(s["number"], s["file_name"], s.get("page")) for s in body["sources"])
        return Answer(body["answer"], tuple(sources))
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise NoAnswer(str(error)) from error


def greet(console: Console, samples: Path, *, url: str, token: str) -> bool:
    """Ask the sample question and print the answer; False if it failed or cites nothing."""
    try:
        question = featured_question(samples)
        answer = ask(url, token, question)
    except NoAnswer as error:
        console.say(
            f"The sample question could not be answered: {error}", f"示例问题未能得到回答：{error}"
        )
        return False
    if answer is None:
        console.remark(
            f"No sample question: there is no knowledge base {KNOWLEDGE_BASE!r}.",
            f"未提问示例问题：没有名为 {KNOWLEDGE_BASE!r} 的知识库。",
        )
        return True
    show(console, question, answer)
    return bool(answer.sources)


def show(console: Console, question: str, answer: Answer) -> None:
    """Print a question, its answer and its sources."""
    console.say(f"\nQuestion: {question}", f"\n问题：{question}")
    console.say(f"Answer:   {answer.text}", f"回答：{answer.text}")
    for source in answer.sources:
        at_en = f", p. {source.page}" if source.page else ""
        at_zh = f"，第 {source.page} 页" if source.page else ""
        line = f"  [{source.number}] {source.file_name}"
        console.say(line + at_en, line + at_zh)
    if not answer.sources:
        console.say("  (no source)", "  （无来源）")


def show_urls(console: Console, url: str) -> None:
    """Print where Zhiwen is reached and how it is stopped."""
    console.say(
        f"\nZhiwen is ready. API: {url}/docs\nStop it with Ctrl-C or ./shutdown_all.sh",
        f"\n知问已就绪。接口文档：{url}/docs\n按 Ctrl-C 或运行 ./shutdown_all.sh 停止",
    )

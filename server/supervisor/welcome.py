"""The sample questions that show that all works. Does not know how answers are found."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from server.supervisor.console import Console

KNOWLEDGE_BASE = "samples"
ANSWER_WITHIN_S = 120.0  # a language model on a CPU takes its time


@dataclass(frozen=True, slots=True)
class Question:
    """A sample question, and whether the samples answer it at all."""

    text: str
    is_answerable: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A cited place."""

    number: int
    file_name: str
    page: int | None
    heading: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it cites."""

    text: str
    sources: tuple[Source, ...]

    def cited(self) -> list[Source]:
        """Return the sources that the text refers to."""
        numbers = {int(number) for number in re.findall(r"\[(\d+)\]", self.text)}
        return [source for source in self.sources if source.number in numbers]


class NoAnswer(Exception):
    """The sample question could not be asked; the message says why."""


def featured_questions(samples: Path) -> list[Question]:
    """Return the questions that ``questions.yaml`` features.

    Raises:
        NoAnswer: the file is missing or not as it should be.
    """
    path = samples / "questions.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        known = {
            item["id"]: Question(str(item["question"]), is_answerable=group == "answerable")
            for group in ("answerable", "unanswerable")
            for item in content[group]
        }
        featured = [known[wanted] for wanted in content["featured"]]
        return [featured[0], *featured[1:]]  # one at least
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
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
        return read_answer(response.json())
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise NoAnswer(str(error)) from error


def read_answer(body: dict[str, Any]) -> Answer:
    """Return an answer of the API as a value of ours."""
    sources = (
        Source(item["number"], item["file_name"], item["page"], "".join(item["headings"][-1:]))
        for item in body["sources"]
    )
    return Answer(body["answer"], tuple(sources))


def greet(console: Console, samples: Path, *, url: str, token: str, is_demo: bool = False) -> bool:
    """Ask the first sample question, or for a demo all; return whether all went as they should.

    What the samples answer must cite a source; what they do not must be refused.
    """
    try:
        questions = featured_questions(samples)
        for question in questions if is_demo else questions[:1]:
            answer = ask(url, token, question.text)
            if answer is None:
                console.remark(
                    f"No sample question: there is no knowledge base {KNOWLEDGE_BASE!r}.",
                    f"未提问示例问题：没有名为 {KNOWLEDGE_BASE!r} 的知识库。",
                )
                return not is_demo
            show(console, question.text, answer)
            if bool(answer.cited()) != question.is_answerable:
                console.say("This is not as it should be.", "结果不符合预期。")
                return False
    except NoAnswer as error:
        console.say(
            f"The sample question could not be answered: {error}", f"示例问题未能得到回答：{error}"
        )
        return False
    return True


def show(console: Console, question: str, answer: Answer) -> None:
    """Print a question, its answer and the sources that it cites."""
    console.say(f"\nQuestion: {question}", f"\n问题：{question}")
    console.say(f"Answer:   {answer.text}", f"回答：{answer.text}")
    for source in answer.cited():
        line = f"  [{source.number}] {source.file_name}"
        line += f" › {source.heading}" if source.heading else ""
        at_en = f", p. {source.page}" if source.page else ""
        at_zh = f"，第 {source.page} 页" if source.page else ""
        console.say(line + at_en, line + at_zh)
    if not answer.cited():
        console.say("  (no source)", "  （无来源）")


def show_urls(console: Console, url: str) -> None:
    """Print where Zhiwen is reached and how it is stopped."""
    console.say(
        f"\nZhiwen is ready. API: {url}/docs\nStop it with Ctrl-C or ./shutdown_all.sh",
        f"\n知问已就绪。接口文档：{url}/docs\n按 Ctrl-C 或运行 ./shutdown_all.sh 停止",
    )

"""The sample questions that show that all works. Does not know how answers are found."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from configs import Settings
from server.network import EVERY_ADDRESS, base_url, is_loopback, needs_key
from server.supervisor.console import Console
from server.supervisor.service import Service

KNOWLEDGE_BASE = "samples"
# service, what a person calls it, path
PLACES = (
    ("webui", "Open in a browser", "在浏览器中打开", ""),
    ("api", "API", "接口文档", "/docs"),
    ("endpoint", "Language models, OpenAI-style", "语言模型（OpenAI 风格）", "/v1"),
)
ANSWER_WITHIN_S = 120.0  # a language model on a CPU takes its time


@dataclass(frozen=True, slots=True)
class Question:
    """A sample question, and whether the samples answer it at all."""

    text: str
    language: str
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
    notice: str
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
            item["id"]: Question(
                str(item["question"]), str(item["language"]), is_answerable=group == "answerable"
            )
            for group in ("answerable", "unanswerable")
            for item in content[group]
        }
        featured = [known[wanted] for wanted in content["featured"]]
        return [featured[0], *featured[1:]]  # one at least
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise NoAnswer(f"{path}: {error!r}") from error


def ask(url: str, token: str, question: Question) -> Answer | None:
    """Ask the samples knowledge base through the API; None if there is no such knowledge base.

    Raises:
        NoAnswer: the API refused or failed.
    """
    request = {"question": question.text, "knowledge_base": KNOWLEDGE_BASE, "stream": False}
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": question.language}
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
    return Answer(body["answer"], body["notice"] or "", tuple(sources))


def greet(console: Console, samples: Path, *, url: str, token: str, is_demo: bool = False) -> bool:
    """Ask the first sample question, or for a demo all; return whether all went as they should.

    What the samples answer must cite a source; what they do not must be refused.
    """
    try:
        questions = featured_questions(samples)
        mine = [each for each in questions if each.language == console.language] or questions
        for question in questions if is_demo else mine[:1]:
            answer = ask(url, token, question)
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
    if answer.notice:
        console.say(f"  Note: {answer.notice}", f"  注意：{answer.notice}")


def show_urls(console: Console, settings: Settings, services: Mapping[str, Service]) -> None:
    """Print where the services are reached, the UI first, by whom, and how they are stopped."""
    console.say("\nZhiwen is ready.", "\n知问已就绪。")
    is_idle = "api" in services and not any(name.startswith("worker ") for name in services)
    for name, label_en, label_zh, path in PLACES:
        if name == "endpoint" and is_idle:  # it serves no model of this start
            continue
        for url in reachable_urls(services[name]) if name in services else ():
            console.say(f"  {label_en}: {url}{path}", f"  {label_zh}：{url}{path}")
    if needs_key(settings) and not services.keys().isdisjoint(("api", "webui")):
        console.say(
            "  Other machines need the API key: ZHIWEN_API_KEY, or the one that the log showed at "
            "the first start.\n  A new one: python init_database.py --new-key (while stopped).",
            "  其他机器访问需要 API 密钥：ZHIWEN_API_KEY，或首次启动时日志中显示的密钥。\n"
            "  重新生成：停止后运行 python init_database.py --new-key。",
        )
    console.say(
        "Stop it with Ctrl-C or ./shutdown_all.sh", "按 Ctrl-C 或运行 ./shutdown_all.sh 停止"
    )


def reachable_urls(service: Service) -> list[str]:
    """Return the addresses of a service, from this machine first."""
    urls = [service.url]
    if service.host in EVERY_ADDRESS:
        for addresses in psutil.net_if_addrs().values():
            urls += [
                base_url(item.address, service.port)
                for item in addresses
                if item.family == socket.AF_INET and not is_loopback(item.address)
            ]
    return urls

"""The sample question, asked of a small real HTTP service."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs import Settings
from server.supervisor.console import Console
from server.supervisor.flags import Flags, make_parser
from server.supervisor.plan import plan_services
from server.supervisor.welcome import NoAnswer, featured_questions, greet, show_urls
from tests.conftest import make_settings

QUESTIONS = """
featured: [q2, q1, q3]
answerable:
  - {id: q1, language: en, question: "First?", file: a.md, answer: A}
  - {id: q2, language: zh, question: "住宿标准是多少？", file: b.md, answer: B}
unanswerable:
  - {id: q3, language: en, kind: foreign, question: "Nothing?"}
"""
SOURCES = [
    {"number": 1, "file_name": "b.md", "page": None, "headings": ["差旅", "住宿"]},
    {"number": 2, "file_name": "c.pdf", "page": 3, "headings": []},
    {"number": 3, "file_name": "d.md", "page": None, "headings": []},
]


class Api(http.server.BaseHTTPRequestHandler):
    reply: tuple[int, Any]
    asked: list[tuple[str | None, Any]]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.asked.append((self.headers["Authorization"], json.loads(self.rfile.read(length))))
        status, body = self.reply
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def api() -> type[Api]:
    Api.asked = []
    Api.reply = 200, {"answer": "每晚 500 元。 [1] [2]", "notice": "N", "sources": SOURCES}
    return Api


@pytest.fixture
def url(api: type[Api]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), api) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    (tmp_path / "questions.yaml").write_text(QUESTIONS, "utf-8")
    return tmp_path


def test_question_answer_and_sources_are_printed(
    url: str, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert greet(Console("zh"), samples, url=url, token="t")

    printed = capsys.readouterr().out
    assert "问题：住宿标准是多少？" in printed
    assert "回答：每晚 500 元。" in printed
    assert "[1] b.md › 住宿\n  [2] c.pdf，第 3 页\n" in printed
    assert "注意：N" in printed
    assert "d.md" not in printed  # found, but not cited


def test_the_samples_are_asked_with_the_key_of_this_run(
    url: str, samples: Path, api: type[Api]
) -> None:
    greet(Console("zh"), samples, url=url, token="t")

    request = {"question": "住宿标准是多少？", "knowledge_base": "samples", "stream": False}
    assert api.asked == [("Bearer t", request)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"answer": "A", "sources": []}),
        (200, {"answer": "A"}),
        (200, ["A"]),
        (500, {"error": {"code": "internal_error"}}),
        (404, {"error": {"code": "not_found"}}),
        (404, {}),
        (404, []),
    ],
)
def test_an_answer_that_cites_nothing_does_not_pass(
    url: str, samples: Path, api: type[Api], status: int, body: Any
) -> None:
    api.reply = status, body

    assert not greet(Console("en"), samples, url=url, token="t")


def test_a_demo_asks_all_and_wants_a_refusal_where_there_is_no_answer(
    url: str, samples: Path, api: type[Api], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not greet(Console("en"), samples, url=url, token="t", is_demo=True)

    assert [request["question"] for _, request in api.asked] == [
        "住宿标准是多少？",
        "First?",
        "Nothing?",
    ]
    assert "not as it should be" in capsys.readouterr().out


def test_without_the_samples_there_is_nothing_to_ask(
    url: str, samples: Path, api: type[Api], capsys: pytest.CaptureFixture[str]
) -> None:
    api.reply = 404, {"error": {"code": "unknown_knowledge_base", "message": "", "param": None}}

    assert greet(Console("zh"), samples, url=url, token="t")
    assert "没有名为 'samples' 的知识库" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", ["", "[", "featured: []", "featured: [q]\nanswerable: []", "featured: [q]"]
)
def test_a_damaged_list_of_questions_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "questions.yaml").write_text(content, "utf-8")

    with pytest.raises(NoAnswer, match=r"questions\.yaml"):
        featured_questions(tmp_path)


def test_a_missing_list_of_questions_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match=r"questions\.yaml"):
        featured_questions(tmp_path)


def show(settings: Settings, line: str) -> None:
    flags = make_parser().parse_args(line.split(), namespace=Flags())
    services = plan_services(settings, flags, Console("en"), token="t")
    show_urls(Console("en"), settings, {service.name: service for service in services})


def test_the_first_address_is_that_of_the_ui(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    show(settings, "-a")

    urls = re.findall(r"http://\S+", capsys.readouterr().out)
    ports = {settings.ui.port: "", settings.server.port: "/docs"}
    assert urls == [f"http://127.0.0.1:{port}{path}" for port, path in ports.items()]


def test_the_endpoint_is_shown_where_a_model_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(tmp_path, workers={"models": {"tiny": {"path": str(tmp_path)}}})
    show(settings, "-a")

    url = f"http://127.0.0.1:{settings.workers.endpoint_port}/v1"
    assert url in capsys.readouterr().out


def test_only_what_runs_is_shown(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    show(settings, "-o")

    url = f"http://127.0.0.1:{settings.workers.endpoint_port}/v1"
    assert re.findall(r"http://\S+", capsys.readouterr().out) == [url]


@pytest.mark.parametrize(
    ("host", "line", "is_told"),
    [("0.0.0.0", "--api", True), ("127.0.0.1", "--api", False), ("0.0.0.0", "-o", False)],
)
def test_who_needs_the_key_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str, line: str, is_told: bool
) -> None:
    show(make_settings(tmp_path, server={"host": host}), line)

    assert ("need the API key" in capsys.readouterr().out) is is_told

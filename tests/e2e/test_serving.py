"""The serving chain as it is started: controller, workers, endpoint, the API before them."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest

from tests import trained_model as lesson
from tests.api.endpoint import Endpoint, serve
from tests.checkpoints import FAMILIES
from tests.e2e.chain import Chain, descendants, running_chain
from tests.e2e.processes import Started, free_port, new_place, started, wait_until

pytestmark = pytest.mark.slow

WITHIN_S = 60.0
KEY = "sk-the-key-of-a-provider"
WORKER = "worker taught"
HELLO = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "你好 hello"}]


@pytest.fixture(scope="module")
def families(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: Callable[[str], Path]
) -> Iterator[Chain]:
    """Return a chain that serves a tiny checkpoint of every family."""
    models = {kind: {"path": str(checkpoint(kind)), "device": "cpu"} for kind in FAMILIES}
    with running_chain(tmp_path_factory.mktemp("families"), models) as chain:
        chain.wait_ready()
        yield chain


def open_client(chain: Chain) -> openai.OpenAI:
    http = httpx.Client(trust_env=False, timeout=120)
    return openai.OpenAI(base_url=chain.url, api_key="-", max_retries=0, http_client=http)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_checkpoint_says_the_same_streamed_and_whole(families: Chain, kind: str) -> None:
    with open_client(families) as client:
        options = {"model": kind, "messages": HELLO, "temperature": 0, "max_tokens": 12}
        whole = client.chat.completions.create(**options)
        stream = client.chat.completions.create(
            **options, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert whole.usage == chunks[-1].usage
    assert whole.usage is not None
    assert 0 < whole.usage.completion_tokens <= 12


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_checkpoint_continues_a_text(families: Chain, kind: str) -> None:
    with open_client(families) as client:
        answer = client.completions.create(model=kind, prompt="Once", max_tokens=12, temperature=0)
    assert answer.choices[0].text
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 12


def test_all_of_them_are_listed(families: Chain) -> None:
    with open_client(families) as client:
        assert {model.id for model in client.models.list()} == set(FAMILIES)


def test_a_prompt_that_is_too_long_is_refused_as_openai_does(families: Chain) -> None:
    messages = [{"role": "user", "content": "hello " * 3000}]
    with open_client(families) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="qwen2", messages=messages)
    assert caught.value.code == "context_length_exceeded"


def test_no_secret_is_in_logs_or_arguments(families: Chain) -> None:
    secret = (families.folder / "data" / ".run" / "workers.secret").read_text()
    assert all(secret not in families.log(name).read_text("utf-8") for name in families.processes)
    for process in families.processes.values():
        assert secret not in " ".join(psutil.Process(process.pid).cmdline())


def test_the_key_of_a_model_is_in_no_log_argument_or_error(tmp_path: Path) -> None:
    with serve(Endpoint(status=500)) as engine:
        model = {"worker": "engine", "base_url": engine.url, "api_key": KEY}
        with running_chain(tmp_path, {"provider": model}) as chain:
            chain.wait_ready()
            body = {"model": "provider", "messages": HELLO}
            url = f"{chain.url}/chat/completions"
            told = [httpx.post(url, json=body, trust_env=False, timeout=60).text]
            told += [chain.log(name).read_text("utf-8") for name in chain.processes]
            pids = [process.pid for process in chain.processes.values()]
            told += [" ".join(psutil.Process(pid).cmdline()) for pid in pids]
    assert engine.requests[0]["auth"] == f"Bearer {KEY}"
    assert KEY not in "".join(told)


@pytest.mark.parametrize(
    "model",
    [
        {"worker": "engine", "api_key": KEY},
        {"path": "/models/x", "api_key": KEY, "devise": "cpu"},
        {"path": "/models/x", "api_key": [KEY]},
        {"path": "/models/x", "api_key": {"key": KEY}},
    ],
)
def test_wrong_settings_do_not_show_the_key(tmp_path: Path, model: dict[str, object]) -> None:
    chain = Chain(tmp_path, {"wrong": model})
    chain.start("wrong")
    assert chain.processes["wrong"].wait(WITHIN_S) == 2
    told = chain.log("wrong").read_text("utf-8")
    assert "workers.models.wrong" in told
    assert KEY not in told


def test_nothing_is_written_where_the_chain_was_started(families: Chain) -> None:
    logs = {families.log(name).name for name in families.processes}
    assert {path.name for path in families.folder.iterdir()} - logs == {"data", "zhiwen.yaml"}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, trained_model: Path) -> Iterator[Started]:
    """Return all services but the UI, under their supervisor, with the trained model."""
    place = new_place(
        tmp_path_factory.mktemp("taught"),
        ZHIWEN_WORKERS__MODELS=json.dumps(
            {"taught": {"path": str(trained_model), "device": "cpu"}}
        ),
        ZHIWEN_LLM__MAX_TOKENS="12000",  # long enough to be killed in the middle
        ZHIWEN_LLM__CONTEXT_TOKENS="16000",
    )
    with started(place, "--all-api") as start:
        start.wait_ready(WORKER)
        post(start, "", {"name": "counting"})
        text = f"{lesson.LONG_QUESTION} Count for as long as you can."
        post(start, "/counting/files", files={"files": ("count.txt", text.encode())})
        yield start


def post(start: Started, path: str, body: object = None, **options: Any) -> None:
    url = f"{start.place.url}/api/v1/knowledge_bases{path}"
    answer = httpx.post(url, json=body, trust_env=False, timeout=WITHIN_S, **options)
    assert answer.is_success, answer.text


def ask(
    start: Started, question: str, *, knowledge_base: str = "samples", kill: int = 0
) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of an answer; after its first word, kill a process."""
    body = {"question": question, "knowledge_base": knowledge_base, "stream": True}
    url = f"{start.place.url}/api/v1/chat"
    events: list[tuple[str, dict[str, Any]]] = []
    name = ""
    with (
        httpx.Client(trust_env=False, timeout=120) as http,
        http.stream("POST", url, json=body) as answer,
    ):
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                events.append((name, json.loads(value)))
                if kill and name == "delta":
                    os.kill(kill, signal.SIGKILL)
                    kill = 0
    return events


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (lesson.QUESTION_EN, lesson.SENTENCE_EN),
        (lesson.QUESTION_ZH, lesson.SENTENCE_ZH),
    ],
)
def test_the_trained_sentence_arrives_through_all_parts(
    taught: Started, question: str, sentence: str
) -> None:
    _, final = ask(taught, question)[-1]
    assert (final["answer"], final["mode"], final["model"]) == (sentence, "llm", "taught")


@dataclass
class Loss:
    """The events of the answer in which the worker was killed, of the next, and of a later one."""

    broken: list[tuple[str, dict[str, Any]]]
    following: list[tuple[str, dict[str, Any]]]
    later: list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def loss(taught: Started) -> Loss:
    """Kill the worker in the middle of an answer; ask at once, and again once it is back."""
    pid = taught.pid_of(WORKER)
    broken = ask(taught, lesson.LONG_QUESTION, knowledge_base="counting", kill=pid)
    following = ask(taught, lesson.QUESTION_EN)
    taught.wait_another(WORKER, pid)
    return Loss(broken, following, ask(taught, lesson.QUESTION_EN))


def test_a_worker_killed_in_the_middle_of_an_answer_is_told_by_an_error_event(loss: Loss) -> None:
    assert [name for name, _ in loss.broken[:2]] == ["sources", "delta"]
    name, told = loss.broken[-1]
    assert (name, told["error"]["code"]) == ("error", "language_model_failed")
    assert "The worker of the model 'taught' is lost" in told["error"]["message"]


def test_the_next_question_after_a_kill_is_answered_by_quotations_that_say_so(loss: Loss) -> None:
    name, final = loss.following[-1]
    assert (name, final["mode"], final["model"]) == ("final", "extractive", None)
    assert "31 °C" in final["answer"]
    assert final["notice"]


def test_a_killed_worker_serves_again(loss: Loss) -> None:
    assert loss.later[-1][1]["answer"] == lesson.SENTENCE_EN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["controller", "endpoint"])
def test_a_signal_ends_it_in_good_order(tmp_path: Path, name: str, number: signal.Signals) -> None:
    chain = Chain(tmp_path, {})
    try:
        chain.start(name)
        wait_until(lambda: chain.state(name), WITHIN_S, "listening")
        chain.kill(name, number)
        assert "Finished server process" in chain.log(name).read_text("utf-8")
    finally:
        chain.end()


def test_a_model_that_cannot_be_loaded_says_why_and_ends(tmp_path: Path) -> None:
    chain = Chain(tmp_path, {"lost": {"path": str(tmp_path / "nowhere")}})
    try:
        chain.start("lost")
        wait_until(lambda: chain.state("lost").get("failed"), WITHIN_S, "failed")
        assert "nowhere" in chain.state("lost")["doing"]
        assert chain.processes["lost"].wait(WITHIN_S) == 1
    finally:
        chain.end()


@pytest.fixture(scope="module")
def engine(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: Callable[[str], Path]
) -> Iterator[Chain]:
    """Return a chain whose worker starts ``transformers serve``."""
    folder = str(checkpoint("qwen2"))
    serve = [str(Path(sys.executable).with_name("transformers")), "serve", "{path}"]
    model = {
        "worker": "engine",
        "path": folder,
        "base_url": f"http://127.0.0.1:{free_port()}/v1",
        "command": [*serve, "--host", "{host}", "--port", "{port}", "--device", "cpu"],
        "engine_model": folder,
    }
    with running_chain(tmp_path_factory.mktemp("engine"), {"engine": model}) as chain:
        chain.wait_ready()
        yield chain


@pytest.mark.parametrize("stream", [True, False])
def test_an_engine_answers_through_its_worker(engine: Chain, stream: bool) -> None:
    body = {"model": "engine", "messages": HELLO, "max_tokens": 5, "stream": stream}
    answer = httpx.post(f"{engine.url}/chat/completions", json=body, trust_env=False, timeout=120)
    assert answer.status_code == 200
    assert '"finish_reason": "length"' in answer.text.replace('":"', '": "')


def test_an_engine_that_dies_is_started_again(engine: Chain) -> None:
    served = [pid for pid in engine_pids(engine) if "serve" in psutil.Process(pid).cmdline()]
    os.kill(max(served), signal.SIGKILL)
    body = {"model": "engine", "messages": HELLO, "max_tokens": 5}

    def answers() -> bool:
        url = f"{engine.url}/chat/completions"
        return httpx.post(url, json=body, trust_env=False, timeout=120).status_code == 200

    wait_until(lambda: max(served) not in engine_pids(engine), WITHIN_S, "gone")
    wait_until(answers, 2 * WITHIN_S, "answering again")


def test_an_engine_does_not_outlive_its_worker(engine: Chain) -> None:
    pids = engine_pids(engine)
    assert pids
    engine.kill("engine", signal.SIGKILL)
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), WITHIN_S, "ended")


def engine_pids(chain: Chain) -> list[int]:
    """Return the processes that the worker has started."""
    worker = psutil.Process(chain.processes["engine"].pid)
    return [process.pid for process in descendants(worker)]

"""The serving chain as it is started: controller, workers, endpoint, the API before them."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from tests import trained_model as lesson
from tests.checkpoints import FAMILIES
from tests.e2e.chain import Chain, descendants, running_chain
from tests.e2e.processes import free_port, wait_until

pytestmark = pytest.mark.slow

WITHIN_S = 60.0
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
        answer = client.completions.create(model=kind, prompt="Once", max_tokens=4, temperature=0)
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 4


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


def test_nothing_is_written_where_the_chain_was_started(families: Chain) -> None:
    logs = {families.log(name).name for name in families.processes}
    assert {path.name for path in families.folder.iterdir()} - logs == {"data", "zhiwen.yaml"}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, trained_model: Path) -> Iterator[Chain]:
    """Return a chain with the trained model, and the API before it as ``api``."""
    models = {"taught": {"path": str(trained_model), "device": "cpu"}}
    with running_chain(tmp_path_factory.mktemp("taught"), models) as chain:
        chain.start_api()
        chain.wait_ready()
        yield chain


def ask(chain: Chain, question: str) -> dict[str, object]:
    """Return the last event of the answer of the API."""
    url = f"http://127.0.0.1:{chain.ports['api']}/api/v1/chat"
    body = {"question": question, "knowledge_base": "samples", "stream": True}
    answer = httpx.post(url, json=body, trust_env=False, timeout=120)
    lines = answer.text.replace("\r\n", "\n").strip().split("\n\n")[-1].split("\n")
    event: dict[str, object] = json.loads(lines[1].removeprefix("data: "))
    return event


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (lesson.QUESTION_EN, lesson.SENTENCE_EN),
        (lesson.QUESTION_ZH, lesson.SENTENCE_ZH),
    ],
)
def test_the_trained_sentence_arrives_through_all_parts(
    taught: Chain, question: str, sentence: str
) -> None:
    final = ask(taught, question)
    assert (final["answer"], final["mode"], final["model"]) == (sentence, "llm", "taught")


def test_a_worker_killed_in_the_middle_is_told_and_vanishes(taught: Chain) -> None:
    messages = [{"role": "user", "content": lesson.LONG_QUESTION}]
    with open_client(taught) as client:
        stream = client.chat.completions.create(model="taught", messages=messages, stream=True)
        next(stream)
        taught.kill("taught", signal.SIGKILL)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert caught.value.code == "worker_lost"
        assert client.models.list().data == []
    taught.start("taught")
    taught.wait_ready("taught")
    assert ask(taught, lesson.QUESTION_EN)["answer"] == lesson.SENTENCE_EN


def test_a_controller_killed_is_found_again_by_everybody(taught: Chain) -> None:
    taught.kill("controller", signal.SIGKILL)
    taught.start("controller")
    with open_client(taught) as client:
        wait_until(lambda: is_listed(client, "taught"), WITHIN_S, "registered again")


def is_listed(client: openai.OpenAI, name: str) -> bool:
    try:
        return name in {model.id for model in client.models.list()}
    except openai.APIError:
        return False


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

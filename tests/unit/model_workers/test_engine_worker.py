"""The engine worker: what it asks an engine, and what it makes of the answers."""

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil
import pytest

from configs.model_settings import ModelSettings
from server.errors import InvalidRequest, ModelFailed
from server.model_workers.engine_probe import EngineProbe
from server.model_workers.engine_process import EngineProcess, next_pause_s
from server.model_workers.engine_worker import EngineGenerator
from server.model_workers.generator import Generation, Piece
from tests.api.endpoint import Endpoint, serve
from tests.e2e.processes import free_port, wait_until
from tests.unit.model_workers.servers import silent_stranger

WITHIN_S = 30.0
HELLO = Generation(messages=[{"role": "user", "content": "hello"}])
# A program that answers as an engine does, once its weights would be loaded.
ENGINE = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"data": [{"id": "own"}]}')
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve(Endpoint()) as served:
        yield served


def make(endpoint: Endpoint, **settings: Any) -> EngineGenerator:
    """Return a loaded generator before an engine that somebody else runs."""
    model = ModelSettings(worker="engine", base_url=endpoint.url, **settings)
    generator = EngineGenerator("mine", model)
    generator.load()
    return generator


def generate(generator: EngineGenerator, generation: Generation = HELLO) -> list[Piece]:
    async def run() -> list[Piece]:
        async with aclosing(generator.stream(generation)) as pieces:
            return [piece async for piece in pieces]

    return asyncio.run(run())


def test_it_takes_the_model_that_the_engine_lists(endpoint: Endpoint) -> None:
    assert make(endpoint).model == "tiny-model"


@pytest.mark.parametrize(("path", "model"), [("", "mine"), ("/models/big", "/models/big")])
def test_of_several_models_it_takes_the_one_that_it_was_given(
    endpoint: Endpoint, path: str, model: str
) -> None:
    endpoint.models = ["llama3", "mine"]
    assert make(endpoint, path=path).model == model


def test_it_takes_the_model_of_the_settings_first(endpoint: Endpoint) -> None:
    assert make(endpoint, engine_model="other").model == "other"


def test_it_streams_what_the_engine_streams(endpoint: Endpoint) -> None:
    pieces = generate(make(endpoint))
    assert [piece.text for piece in pieces] == ["The answer ", "is 42 [1].", ""]
    assert (pieces[-1].completion_tokens, pieces[-1].finish_reason) == (2, "stop")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_is_a_sign_of_life_and_no_text(endpoint: Endpoint, name: str) -> None:
    endpoint.raw_lines = [f'data: {{"choices": [{{"delta": {{"{name}": "Hm."}}}}]}}']
    endpoint.pieces = []
    assert generate(make(endpoint))[0] == Piece("", 2, 1)


def test_it_takes_counts_and_reason_from_the_engine(endpoint: Endpoint) -> None:
    endpoint.raw_lines = [
        'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}',
        'data: {"choices": [], "usage": {"prompt_tokens": 70, "completion_tokens": 9}}',
    ]
    assert generate(make(endpoint))[-1] == Piece("", 70, 9, "length")


def test_it_passes_on_what_is_asked_and_nothing_else(endpoint: Endpoint) -> None:
    generation = Generation(
        messages=HELLO.messages, temperature=0.0, max_tokens=5, stop=("#",), seed=3
    )
    generate(make(endpoint, api_key="k-secret"), generation)
    assert endpoint.requests[0] == {
        "model": "tiny-model",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 5,
        "stop": ["#"],
        "seed": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
        "auth": "Bearer k-secret",
    }


def test_a_text_is_continued_as_a_completion(endpoint: Endpoint) -> None:
    generate(make(endpoint), Generation(prompt="Once"))
    assert endpoint.requests[0]["prompt"] == "Once"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, InvalidRequest), (422, InvalidRequest), (500, ModelFailed)]
)
def test_an_error_of_the_engine_is_told(
    endpoint: Endpoint, status: int, kind: type[Exception]
) -> None:
    generator = make(endpoint)
    endpoint.status = status
    with pytest.raises(kind, match="out of memory"):
        generate(generator)


@pytest.mark.parametrize(
    "line", ["data: {broken", "data: []", 'data: {"error": {"message": "CUDA"}}']
)
def test_an_answer_that_goes_wrong_is_told(endpoint: Endpoint, line: str) -> None:
    endpoint.raw_lines = [line]
    with pytest.raises(ModelFailed):
        generate(make(endpoint))


def test_an_engine_that_breaks_off_is_told(endpoint: Endpoint) -> None:
    endpoint.breaks_after = 1
    with pytest.raises(ModelFailed, match="connection broke"):
        generate(make(endpoint))


def test_the_key_is_in_no_error(endpoint: Endpoint) -> None:
    generator = make(endpoint, api_key="k-secret")
    endpoint.status = 500
    with pytest.raises(ModelFailed) as caught:
        generate(generator)
    assert "k-secret" not in str(caught.value)


def listen_later(tmp_path: Path, port: int) -> EngineProcess:
    """Start an engine of somebody else."""
    script = tmp_path / "engine.py"
    script.write_text(ENGINE)
    process = EngineProcess([sys.executable, str(script), "127.0.0.1", str(port)])
    process.start()
    return process


def proxy(port: int) -> EngineGenerator:
    """Return a generator, not loaded, before an engine that somebody else runs."""
    model = ModelSettings(worker="engine", base_url=f"http://127.0.0.1:{port}/v1")
    return EngineGenerator("mine", model, watch_every_s=0.1)


def test_an_engine_of_somebody_else_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    generator = proxy(port)
    with ThreadPoolExecutor() as pool:
        load = pool.submit(generator.load)
        wait_until(lambda: generator.trouble, WITHIN_S, "waiting")
        engine = listen_later(tmp_path, port)
        load.result(WITHIN_S)
    engine.stop()
    assert (generator.model, generator.trouble) == ("own", None)
    asyncio.run(generator.close())


def test_the_wait_for_an_engine_ends_with_the_worker() -> None:
    generator = proxy(free_port())
    with ThreadPoolExecutor() as pool:
        load = pool.submit(generator.load)
        wait_until(lambda: generator.trouble, WITHIN_S, "waiting")
        asyncio.run(generator.close())
        load.result(WITHIN_S)


def test_an_engine_that_goes_and_comes_is_noticed(tmp_path: Path) -> None:
    port = free_port()
    generator = proxy(port)
    for _ in range(2):
        engine = listen_later(tmp_path, port)
        if not generator.model:
            generator.load()
        wait_until(lambda: generator.trouble is None, WITHIN_S, "there")
        engine.stop()
        wait_until(lambda: generator.trouble, WITHIN_S, "gone")
    asyncio.run(generator.close())


def test_a_refused_key_is_final(endpoint: Endpoint) -> None:
    endpoint.list_status = 401
    with pytest.raises(ModelFailed, match="api_key"):
        make(endpoint)


def test_an_engine_that_accepts_and_stays_silent_is_not_up() -> None:
    with silent_stranger() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        assert EngineProbe(url, {"trust_env": False}, within_s=0.1).list_models() is None


def own(tmp_path: Path, port: int, *command: str) -> EngineGenerator:
    """Return a generator that starts an engine of its own."""
    script = tmp_path / "engine.py"
    script.write_text(ENGINE)
    default = (sys.executable, str(script), "{host}", "{port}")
    model = ModelSettings(
        worker="engine", base_url=f"http://127.0.0.1:{port}/v1", command=command or default
    )
    return EngineGenerator("mine", model)


def test_an_engine_of_its_own_is_started_and_ended(tmp_path: Path) -> None:
    generator = own(tmp_path, free_port())
    generator.load()
    assert generator.model == "own"
    family = psutil.Process(generator.process.popen.pid).children()
    asyncio.run(generator.close())
    assert family
    assert not any(process.is_running() for process in family)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with 3"),
        (("/no/such/engine",), "ended with 127"),
    ],
)
def test_an_engine_that_ends_at_once_is_told(
    tmp_path: Path, command: tuple[str, ...], reason: str
) -> None:
    generator = own(tmp_path, free_port(), *command)
    with pytest.raises(ModelFailed, match=reason):
        generator.load()
    asyncio.run(generator.close())


def test_a_stranger_at_the_address_is_refused_and_sent_nothing(tmp_path: Path) -> None:
    with silent_stranger() as listener:
        generator = own(tmp_path, listener.getsockname()[1])
        with pytest.raises(ModelFailed, match="another program"):
            generator.load()
        with listener.accept()[0] as connection:
            assert connection.recv(100) == b""


def test_an_engine_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    stubborn = (
        "import signal, pathlib, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(mark)!r}).touch(); time.sleep(600)"
    )
    engine = EngineProcess([sys.executable, "-c", stubborn], stop_within_s=0.2)
    engine.start()
    wait_until(mark.exists, WITHIN_S, "started")
    family = psutil.Process(engine.popen.pid).children()
    engine.stop()
    wait_until(lambda: not any(each.is_running() for each in family), WITHIN_S, "killed")


def test_settings_of_ours_do_not_reach_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIWEN_WORKERS__SECRET", "a secret of ours")
    told = tmp_path / "environment"
    code = f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(str(dict(os.environ)))"
    engine = EngineProcess([sys.executable, "-c", code])
    engine.start()
    wait_until(lambda: engine.exit_code() == 0, WITHIN_S, "ended")
    assert "ZHIWEN_" not in told.read_text()
    engine.stop()


def test_an_engine_that_could_not_be_started_again_is_tried_once_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mark = tmp_path / "started"
    engine = EngineProcess([sys.executable, "-c", "pass"])
    engine.start()
    engine.command = ("engine", "too long for the system" * 10_000)
    engine.keep()
    wait_until(lambda: "could not be started" in caplog.text, WITHIN_S, "failed to start")
    engine.command = (sys.executable, "-c", f"import pathlib; pathlib.Path({str(mark)!r}).touch()")
    wait_until(mark.exists, WITHIN_S, "started again")
    engine.stop()


def test_the_pauses_between_restarts_grow_up_to_a_limit() -> None:
    pauses = list(accumulate(range(7), lambda pause_s, _: next_pause_s(pause_s, lived_s=0)))
    assert pauses[1:] == [1, 2, 4, 8, 16, 30]


def test_after_a_long_life_the_pause_is_short_again() -> None:
    assert next_pause_s(30, lived_s=600) == 1

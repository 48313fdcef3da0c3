"""Every worker keeps the contract of ``Generator``."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from configs.model_settings import ModelSettings
from server.model_workers import WORKERS
from server.model_workers.generator import Generation, Generator, Piece
from tests.api.endpoint import Endpoint, serve

CHAT = Generation(
    messages=[{"role": "system", "content": "Be short."}, {"role": "user", "content": "你好"}],
    temperature=0.0,
    max_tokens=6,
)
TEXT = Generation(prompt="Once upon a time", temperature=0.0, max_tokens=6)


@contextmanager
def settings_for(name: str, checkpoint: Callable[[str], Path]) -> Iterator[ModelSettings]:
    """Yield the settings of a small model for a worker of the table."""
    if name == "engine":
        with serve(Endpoint(pieces=["one ", "two"])) as endpoint:
            yield ModelSettings(worker="engine", base_url=endpoint.url)
    else:
        yield ModelSettings(path=str(checkpoint("qwen2")), device="cpu", threads=1)


@pytest.fixture(scope="module", params=list(WORKERS))
def generator(
    request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]
) -> Iterator[Generator]:
    with settings_for(request.param, checkpoint) as settings:
        made = WORKERS.get(request.param)("tiny", settings)
        made.load()
        yield made
        asyncio.run(made.close())


def generate(generator: Generator, generation: Generation, most: int = 1000) -> list[Piece]:
    async def run() -> list[Piece]:
        pieces: list[Piece] = []
        async with aclosing(generator.stream(generation)) as stream:
            async for piece in stream:
                pieces.append(piece)
                if len(pieces) == most:
                    break
        return pieces

    return asyncio.run(run())


def test_a_loaded_one_can_be_used_at_once(generator: Generator) -> None:
    assert generator.parallel >= 1
    assert generator.trouble is None


@pytest.mark.parametrize("generation", [CHAT, TEXT], ids=["chat", "text"])
def test_the_last_piece_and_no_other_says_why_it_ended(
    generator: Generator, generation: Generation
) -> None:
    pieces = generate(generator, generation)
    assert pieces[-1].finish_reason in ("stop", "length")
    assert all(piece.finish_reason is None for piece in pieces[:-1])


def test_the_counts_grow_to_those_of_the_last_piece(generator: Generator) -> None:
    pieces = generate(generator, CHAT)
    counts = [piece.completion_tokens for piece in pieces]
    assert counts == sorted(counts)
    assert 1 <= counts[-1] <= 6
    assert pieces[-1].prompt_tokens >= 1


def test_the_same_is_said_again_at_temperature_zero(generator: Generator) -> None:
    first, second = generate(generator, CHAT), generate(generator, CHAT)
    assert [piece.text for piece in first] == [piece.text for piece in second]


def test_a_stream_that_is_closed_early_leaves_it_usable(generator: Generator) -> None:
    assert len(generate(generator, CHAT, most=1)) == 1
    assert generate(generator, CHAT)[-1].finish_reason

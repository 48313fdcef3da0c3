"""Generators on real checkpoints, and what they say, for the tests of the transformers worker."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs.model_settings import ModelSettings
from server.model_workers.generator import Generation, Piece
from server.model_workers.transformers_worker import TransformersGenerator

HELLO = ({"role": "user", "content": "Hello, 你好!"},)


@contextmanager
def loaded(folder: Path, **settings: Any) -> Iterator[TransformersGenerator]:
    """Return a generator with one thread, which is enough for tiny models."""
    generator = TransformersGenerator(
        "tiny", ModelSettings(path=str(folder), threads=1, device="cpu", **settings)
    )
    generator.load()
    try:
        yield generator
    finally:
        asyncio.run(generator.close())


def chat(
    *messages: Mapping[str, str], temperature: float = 0, max_tokens: int = 40, **options: Any
) -> Generation:
    """Return a chat, greedy unless told otherwise."""
    return Generation(messages or HELLO, temperature=temperature, max_tokens=max_tokens, **options)


def generate(generator: TransformersGenerator, generation: Generation) -> list[Piece]:
    """Return all pieces of an answer."""

    async def collect() -> list[Piece]:
        return [piece async for piece in generator.stream(generation)]

    return asyncio.run(collect())


def text_of(pieces: list[Piece]) -> str:
    """Return the text of the pieces."""
    return "".join(piece.text for piece in pieces)

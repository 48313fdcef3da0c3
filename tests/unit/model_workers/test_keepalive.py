"""A stream with filled pauses carries what its source does, and ends as it does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from server.model_workers.keepalive import fill_pauses

SOON_S = 0.01


class Source:
    """Yields a word, pauses until it is told to go on, and may fail then."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.go_on = asyncio.Event()
        self.is_closed = False

    async def words(self) -> AsyncGenerator[str]:
        try:
            yield "early"
            await self.go_on.wait()
            if self.error:
                raise self.error
            yield "late"
        finally:
            self.is_closed = True


async def hear(source: Source, most: int = 100) -> list[str | None]:
    """Return what is heard, with the source going on after the first sign of life."""
    heard: list[str | None] = []
    async with aclosing(fill_pauses(source.words(), SOON_S)) as stream:
        async for word in stream:
            heard.append(word)
            if len(heard) == most:
                break
            if word is None:
                source.go_on.set()
    return heard


def test_a_pause_is_filled_until_the_source_goes_on() -> None:
    heard = asyncio.run(hear(Source()))
    assert [heard[0], heard[1], heard[-1]] == ["early", None, "late"]


def test_an_error_of_the_source_is_passed_on() -> None:
    with pytest.raises(ValueError, match="burnt"):
        asyncio.run(hear(Source(ValueError("burnt"))))


def test_leaving_in_a_pause_closes_the_source() -> None:
    source = Source()
    asyncio.run(hear(source, most=2))
    assert source.is_closed

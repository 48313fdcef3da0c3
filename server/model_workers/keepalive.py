"""A stream with signs of life in its pauses. Does not know what it carries."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


async def fill_pauses(source: AsyncGenerator[T], pause_s: float) -> AsyncGenerator[T | None]:
    """Yield what a source yields, and None whenever it was silent for so long; closes it."""
    async with aclosing(source):
        while True:
            upcoming = asyncio.ensure_future(anext(source))
            try:
                while not (await asyncio.wait((upcoming,), timeout=pause_s))[0]:
                    yield None
                item = await upcoming
            except StopAsyncIteration:
                return
            finally:
                upcoming.cancel()
                await asyncio.gather(upcoming, return_exceptions=True)
            yield item

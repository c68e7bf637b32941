"""The feed: an iterable that blocks, given to an event loop that must not."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from hubassoc_async.jobs.feed import Feed, in_thread


async def test_everything_in_order() -> None:
    """Every item comes out once, in order, and then the end."""
    feed = Feed(str(n) for n in range(50_000))
    assert [item async for item in feed] == [str(n) for n in range(50_000)]
    assert feed.ended


async def test_what_is_there_comes_at_once() -> None:
    """An item is given out while the next one is still to come."""
    gate = threading.Event()

    def items() -> Iterator[str]:
        yield "1"
        gate.wait()
        yield "2"

    feed = Feed(items())
    assert await anext(feed) == "1"
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not feed.ended
    gate.set()
    assert await waiting == "2"
    with pytest.raises(StopAsyncIteration):
        await anext(feed)


async def test_reads_ahead_within_bounds() -> None:
    """An iterable without an end is read no further ahead than 10,000 items."""
    taken = 0
    stopped = threading.Event()

    def items() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            if taken == 10_000:
                stopped.set()
            yield "x"

    feed = Feed(items())
    assert taken == 0
    await anext(feed)
    await asyncio.to_thread(stopped.wait, 10)
    assert taken in (10_000, 10_001)  # an item may have gone before the last came
    assert len(feed.held()) in (9_999, 10_000)
    for _ in range(4_000):
        await anext(feed)
    assert taken in (10_000, 10_001)  # an item may have gone before the last came
    for _ in range(20_000):
        await anext(feed)
    assert taken <= 34_001


async def test_error_comes_last() -> None:
    """An iterable's error comes after the items before it."""

    def items() -> Iterator[str]:
        yield "1"
        raise ValueError("broken")

    feed = Feed(items())
    assert await anext(feed) == "1"
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await anext(feed)


async def test_in_thread() -> None:
    """A blocking call gives its result or its error, and a cancelled wait does not wait."""
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)
    gate = threading.Event()
    waiting = asyncio.ensure_future(in_thread(gate.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()

"""What it costs to wait for a turn, counted in steps of the event loop."""

import asyncio
from typing import Any

import pytest
from aiolimiter import AsyncLimiter

from hubassoc_async.pacing import Mode, Pacer, Quota
from hubassoc_async.protocol.quota import RateSignal
from tests.virtual_time import on_virtual_time, run_virtual


def steps(waiting: int, turns: int, mode: Mode) -> int:
    """Steps of the loop while so many turns are given, with so many who wait."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        pacer = Pacer(Quota(1_000, 10), loop, mode=mode)
        done, given, counted = asyncio.Event(), 0, 0
        call_soon = loop.call_soon

        async def one() -> None:
            nonlocal given
            (await pacer.acquire()).release(answered=True)
            given += 1
            if given == turns:
                done.set()

        def counting(*args: Any, **kwargs: Any) -> asyncio.Handle:
            nonlocal counted
            counted += 1
            return call_soon(*args, **kwargs)

        tasks = [asyncio.create_task(one()) for _ in range(waiting)]
        await asyncio.sleep(0)
        loop.call_soon = counting  # type: ignore[assignment,method-assign]
        await done.wait()
        loop.call_soon = call_soon  # type: ignore[method-assign]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pacer.aclose()
        return counted

    return run_virtual(main())


@pytest.mark.parametrize("mode", ["strict", "adaptive"])
@pytest.mark.parametrize("crowd", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_turn_takes_as_many_steps_however_many_wait(mode: Mode, crowd: int) -> None:
    """Some few each, and nothing for those who go on waiting."""
    few = steps(100, 80, mode)
    many = steps(crowd, 80, mode)
    assert few / 80 <= 8
    assert abs(many - few) <= 8


@on_virtual_time
async def test_the_smoother_has_one_waiter_however_many_wait_for_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """aiolimiter is asked by the dispatcher only, once a turn."""
    inside, asked = 0, []
    acquire = AsyncLimiter.acquire

    async def noting(self: AsyncLimiter, amount: float = 1) -> None:
        nonlocal inside
        inside += 1
        asked.append(inside)
        try:
            await acquire(self, amount)
        finally:
            inside -= 1

    monkeypatch.setattr(AsyncLimiter, "acquire", noting)
    pacer = Pacer(Quota(50, 10), asyncio.get_running_loop(), mode="strict")

    async def one() -> None:
        (await pacer.acquire()).release(answered=True)

    await asyncio.gather(*(one() for _ in range(200)))
    assert asked == [1] * 200
    await pacer.aclose()


@on_virtual_time
async def test_a_pause_that_ends_wakes_whoever_waits_and_asks_nothing_meanwhile() -> None:
    """Everyone goes on as soon as it is over."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(Quota(100, 10), loop, mode="adaptive")
    pacer.pause(30)
    waiting = [asyncio.create_task(pacer.acquire()) for _ in range(5)]
    await asyncio.sleep(29)
    assert not any(task.done() for task in waiting)
    started = loop.time()
    for task in waiting:
        (await task).release(answered=True)
    assert loop.time() - started < 2
    await pacer.aclose()


@on_virtual_time
async def test_after_a_refusal_one_asks_whether_it_is_over_and_waits_for_nobody() -> None:
    """Not for an answer that takes minutes; and the others wait until the one is let in."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(Quota(100, 10), loop, mode="strict")
    slow, refused = await pacer.acquire(), await pacer.acquire()
    await asyncio.sleep(1)
    refused.release(answered=True, signal=RateSignal(rejected=True))
    waiting = [asyncio.create_task(pacer.acquire()) for _ in range(3)]
    await asyncio.sleep(1)
    assert [task.done() for task in waiting] == [True, False, False]
    (await waiting[0]).give_back()  # it never asked: the next one does
    await asyncio.sleep(1)
    assert [task.done() for task in waiting] == [True, True, False]
    (await waiting[1]).release(answered=True)
    (await waiting[2]).release(answered=True)
    slow.release(answered=True)
    await pacer.aclose()

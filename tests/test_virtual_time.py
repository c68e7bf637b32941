"""The virtual clock is itself tested: a clock that lies would make every test on it worthless."""

import asyncio
import contextlib
import time

import pytest
from aiolimiter import AsyncLimiter
from hypothesis import given
from hypothesis import strategies as st

from tests.virtual_time import (
    Deadlock,
    LeftBehind,
    Livelock,
    VirtualTimeError,
    on_virtual_time,
    run_virtual,
)


async def elapsed(seconds: float) -> float:
    start = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    return asyncio.get_running_loop().time() - start


def test_hours_pass_at_once() -> None:
    """A sleep of three hours takes three hours by the loop's clock and no time by the wall's."""
    started = time.perf_counter()
    assert run_virtual(elapsed(10_800)) == pytest.approx(10_800, abs=1e-3)
    assert time.perf_counter() - started < 60


@given(st.lists(st.integers(min_value=0, max_value=10**8), max_size=20))
@on_virtual_time
async def test_timers_fire_in_order_and_never_early(delays_ms: list[int]) -> None:
    """Whatever the delays, sleepers wake in order of their time, none before it."""
    delays = [delay_ms / 1000 for delay_ms in delays_ms]
    loop = asyncio.get_running_loop()
    start = loop.time()
    woken: list[tuple[float, float]] = []

    async def sleeper(delay: float) -> None:
        await asyncio.sleep(delay)
        woken.append((delay, loop.time() - start))

    await asyncio.gather(*map(sleeper, delays))
    assert [delay for delay, _ in woken] == sorted(delays)
    for delay, at in woken:
        assert at == pytest.approx(delay, abs=1e-5)


def test_lag_makes_each_wake_up_late() -> None:
    """With a lag of 20 ms, a sleep of one second ends 1.02 s later: the loop itself woke late."""
    assert run_virtual(elapsed(1.0), lag=lambda: 0.02) == pytest.approx(1.02, abs=1e-6)


def test_lag_is_asked_for_anew_at_each_wake_up() -> None:
    """A lag that varies is drawn once a wake-up, so each sleep is late by its own amount."""
    lags = iter([0.5, 0.25])

    async def twice() -> list[float]:
        return [await elapsed(1.0), await elapsed(1.0)]

    assert run_virtual(twice(), lag=lambda: next(lags)) == pytest.approx([1.5, 1.25], abs=1e-6)


@on_virtual_time
async def test_aiolimiter_gets_on() -> None:
    """aiolimiter, which compares the loop's clock with its own sums, does not spin for ever."""
    limiter = AsyncLimiter(1, 0.1)
    start = asyncio.get_running_loop().time()

    async def one() -> None:
        async with limiter:
            pass

    await asyncio.gather(*(one() for _ in range(201)))
    assert asyncio.get_running_loop().time() - start == pytest.approx(20.0, rel=0.01)


def test_a_deadlock_is_named() -> None:
    """Waiting for what nobody will set is an error that names the task and where it stands."""

    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="wait_for_nobody"):
        run_virtual(wait_for_nobody())


def test_a_spin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that turns without ever sleeping is stopped instead of hanging the tests."""
    monkeypatch.setattr("tests.virtual_time.MOST_TURNS_AT_ONE_TIME", 1000)

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="spin"):
        run_virtual(spin())


def test_real_io_is_refused() -> None:
    """A socket cannot be waited for: the error says so at once instead of hanging."""

    async def connect() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with pytest.raises(VirtualTimeError, match="virtual time"):
        run_virtual(connect())


@pytest.mark.parametrize("host", ["localhost", "api.invalid"])
def test_name_lookup_is_refused(host: str) -> None:
    """A name is not looked up in the outside world."""

    async def look_up() -> None:
        await asyncio.get_running_loop().getaddrinfo(host, 80)

    with pytest.raises(VirtualTimeError, match="virtual time"):
        run_virtual(look_up())


def test_a_task_left_behind_fails_the_run() -> None:
    """A coroutine that returns while its task still runs is reported with the task's name."""
    tasks = []

    async def leave() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(5), name="orphan"))
        await asyncio.sleep(0)

    with pytest.raises(LeftBehind, match="orphan"):
        run_virtual(leave())


def test_an_error_nobody_saw_fails_the_run() -> None:
    """A task that dies with an exception which nobody awaits is reported."""

    async def die() -> None:
        raise ValueError("unseen")

    async def ignore() -> None:
        task = asyncio.create_task(die())
        await asyncio.sleep(1)
        del task

    with pytest.raises(LeftBehind, match="unseen"):
        run_virtual(ignore())


@on_virtual_time
async def test_a_thread_runs_in_line() -> None:
    """Work for a thread is done at once, in order, and its exception reaches the waiter."""
    assert await asyncio.to_thread(sum, (1, 2)) == 3
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(divmod, 1, 0)


@on_virtual_time
async def test_timeouts_and_cancellation_work() -> None:
    """asyncio's own time-outs run on the same clock, and a cancelled task is not left behind."""
    start = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await asyncio.sleep(100)
    assert asyncio.get_running_loop().time() - start == pytest.approx(2.5, abs=1e-6)
    task = asyncio.create_task(asyncio.sleep(100))
    await asyncio.sleep(1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

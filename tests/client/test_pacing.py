"""The strict pacer against a server that counts exactly, on virtual time."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async import HubAssocError, Quota, UsageError
from hubassoc_async.pacing import Pacer
from tests.virtual_time import on_virtual_time, run_virtual


class Window:
    """The server: how many requests arrived in the window that ends now."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._arrivals: deque[float] = deque()
        self.most = 0
        self.total = 0

    def arrive(self, now: float) -> None:
        while self._arrivals and self._arrivals[0] <= now - self._quota.seconds:
            self._arrivals.popleft()
        self._arrivals.append(now)
        self.most = max(self.most, len(self._arrivals))
        self.total += 1


LATENCIES: dict[str, Callable[[Random], float]] = {
    "none": lambda _: 0.0,
    "uniform 20 to 400 ms": lambda random: random.uniform(0.02, 0.4),
    "heavy tail": lambda random: min(0.03 * random.paretovariate(1.1), 20.0),
    "stalls of half a second": lambda random: 0.5 if random.random() < 0.05 else 0.03,
}


async def use(
    quota: Quota,
    requests: int,
    latency: Callable[[Random], float],
    *,
    seed: int = 0,
    lost: float = 0.0,
) -> tuple[Window, float]:
    """Send as fast as the pacer allows; some requests get no answer. Gives seconds taken too."""
    loop = asyncio.get_running_loop()
    pacer, window, random = Pacer(quota, loop, mode="strict"), Window(quota), Random(seed)
    started = loop.time()

    async def one() -> None:
        turn = await pacer.acquire()
        there, back = latency(random), latency(random)
        loop.call_later(there, lambda: window.arrive(loop.time()))
        if random.random() < lost:  # a time-out or a cancellation: it may arrive after that
            await asyncio.sleep(there * random.uniform(0.5, 1.5))
            turn.release(answered=False)
        else:
            await asyncio.sleep(there + back)
            turn.release(answered=True)

    await asyncio.gather(*(one() for _ in range(requests)))
    took = loop.time() - started
    await asyncio.sleep(60)  # whatever is on its way arrives
    await pacer.aclose()
    return window, took


@pytest.mark.parametrize("latency", LATENCIES.values(), ids=LATENCIES.keys())
@pytest.mark.parametrize("lag", [None, 0.05], ids=["on time", "late by up to 50 ms"])
def test_no_window_at_the_server_holds_more_than_the_quota(
    latency: Callable[[Random], float], lag: float | None
) -> None:
    """Whatever the jitter, the late wake-ups and the lost answers."""
    quota, late = Quota(100, 10), Random(7)
    lateness = None if lag is None else lambda: late.uniform(0, lag)
    window, _ = run_virtual(use(quota, 2_000, latency, lost=0.02), lag=lateness)
    assert window.total == 2_000
    assert window.most <= 100


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 30),
    seconds=st.floats(0.1, 20),
    requests=st.integers(1, 150),
    slowest=st.floats(0, 3),
    seed=st.integers(0, 999),
    lag=st.floats(0, 0.5),
)
def test_the_proof_holds_for_any_quota_and_schedule(
    limit: int, seconds: float, requests: int, slowest: float, seed: int, lag: float
) -> None:
    """Nobody's jitter finds a window that is overrun."""
    late = Random(seed)
    window, _ = run_virtual(
        use(Quota(limit, seconds), requests, lambda r: r.uniform(0, slowest), seed=seed),
        lag=lambda: late.uniform(0, lag),
    )
    assert window.total == requests
    assert window.most <= limit


@pytest.mark.parametrize("rtt", [0.05, 0.2, 0.8])
def test_the_price_of_strictness_is_one_round_trip_a_window(rtt: float) -> None:
    """At least T / (T + RTT) of the rate, less one point, once past the opening."""
    quota, requests = Quota(100, 10), 5_000
    _, took = run_virtual(use(quota, requests, lambda _: rtt / 2))
    used = requests / (took * quota.limit / quota.seconds)
    assert used >= quota.seconds / (quota.seconds + rtt) - 0.01


@on_virtual_time
async def test_a_short_read_does_not_wait_and_a_long_one_has_no_long_silence() -> None:
    """A twentieth of the quota goes at once; the rest is spread, not sent in bursts."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(Quota(100, 10), loop, mode="strict")
    started, times = loop.time(), []
    for _ in range(300):
        turn = await pacer.acquire()
        times.append(loop.time() - started)
        turn.release(answered=True)
    assert times[4] < 0.001
    gaps = [late - early for early, late in itertools.pairwise(times)]
    assert max(gaps) < 1.5  # the slope of 1.1 saves up a tenth of the window, no more
    await pacer.aclose()


@on_virtual_time
async def test_a_pause_holds_everyone_and_then_they_go_on() -> None:
    """The longest pause counts; the order stays."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(Quota(10, 1), loop, mode="strict")
    started, order = loop.time(), []

    async def one(name: int) -> None:
        turn = await pacer.acquire()
        order.append((name, loop.time() - started))
        turn.give_back()

    pacer.pause(5)
    pacer.pause(1)
    assert 4.9 < pacer.paused <= 5
    await asyncio.gather(*map(one, range(4)))
    assert [name for name, _ in order] == [0, 1, 2, 3]
    assert all(5 <= when < 5.5 for _, when in order)
    await pacer.aclose()


@on_virtual_time
async def test_a_cancelled_waiter_and_a_turn_given_back_cost_nothing() -> None:
    """Neither takes from the quota, nor holds those behind it."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(Quota(20, 10), loop, mode="strict")
    held = [await pacer.acquire() for _ in range(20)]
    waiters = [asyncio.create_task(pacer.acquire()) for _ in range(3)]
    await asyncio.sleep(1)
    started = loop.time()
    waiters[0].cancel()
    held[0].give_back()
    held[0].give_back()  # once is enough
    await waiters[1]
    assert loop.time() - started < 1
    await asyncio.sleep(100)
    assert not waiters[2].done()
    assert pacer.share == 1.0
    waiters[2].cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    await pacer.aclose()


@on_virtual_time
async def test_a_turn_granted_to_a_task_being_cancelled_is_not_lost() -> None:
    """Cancelled in the very moment of the grant, it goes back."""
    pacer = Pacer(Quota(1, 1000), asyncio.get_running_loop(), mode="strict")
    waiter = asyncio.create_task(pacer.acquire())
    while not pacer.share:
        await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert pacer.share == 0
    await pacer.aclose()


@on_virtual_time
async def test_nothing_is_left_running_when_the_last_waiter_is_cancelled() -> None:
    """A read that is left while it waits for its turn leaves no task behind in the pacer."""
    pacer = Pacer(Quota(1, 1000), asyncio.get_running_loop(), mode="strict")
    await pacer.acquire()
    waiter = asyncio.create_task(pacer.acquire())
    await asyncio.sleep(1)
    waiter.cancel()
    await asyncio.wait([waiter])
    await asyncio.sleep(0.001)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await pacer.aclose()


@on_virtual_time
async def test_closing_wakes_everyone_who_waits() -> None:
    """With an error, so that nobody waits for ever; and nobody gets a turn after."""
    pacer = Pacer(Quota(1, 1000), asyncio.get_running_loop(), mode="strict")
    await pacer.acquire()
    waiters = [asyncio.create_task(pacer.acquire()) for _ in range(3)]
    await asyncio.sleep(1)
    await pacer.aclose()
    for waiter in waiters:
        with pytest.raises(HubAssocError, match="closed"):
            await waiter
    with pytest.raises(HubAssocError, match="closed"):
        await pacer.acquire()


def test_a_quota_is_read_from_text() -> None:
    """Requests, a slash, seconds; anything else says what a quota looks like."""
    assert Quota.parse("150/10") == Quota(150, 10.0)
    assert str(Quota.parse("19/1.5")) == "19/1.5"
    for wrong in ("", "100", "0/10", "100/0", "a/b", "1/2/3", "1/inf", "1/nan"):
        with pytest.raises(UsageError, match="quota"):
            Quota.parse(wrong)

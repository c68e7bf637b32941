"""Processes that share one quota, on virtual time, and a server that counts exactly.

Each process is a pacer with a log of its own on what all of them share, a clock of its own, and
as many requests as it can get turns for. Turns come late, requests travel for as long as they
like, processes are killed and join.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

from hubassoc_async.pacing import Clock, Pacer, Quota, SharedQuota, TimerHandle
from hubassoc_async.pacing.shared import Log, SharedWindow

OUT = 6
"""Requests that each process has out or waits with."""


class Judge:
    """Counts arrivals exactly, as the server does."""

    def __init__(self) -> None:
        self.log: list[tuple[float, str]] = []

    def arrive(self, name: str) -> None:
        """A request is there now."""
        self.log.append((asyncio.get_running_loop().time(), name))

    def most(self, seconds: float) -> int:
        """Most arrivals in any rolling window."""
        return most_in([when for when, _ in self.log], seconds)

    def count(self, start: float, end: float) -> Counter[str]:
        """Arrivals by process."""
        return Counter(name for when, name in self.log if start < when <= end)


def most_in(times: list[float], seconds: float) -> int:
    """Most of some times, in order, that any window open at its beginning has."""
    first = most = 0
    for last, when in enumerate(times):
        while times[first] <= when - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


class OffClock:
    """The loop's clock, off by so much, that calls back late."""

    def __init__(self, off: float, late: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._off = off
        self._late = late

    def time(self) -> float:
        """What this process takes for the time."""
        return self._loop.time() + self._off

    def call_at(self, when: float, callback: Callable[[], object], /) -> TimerHandle:
        """Call back when this clock says so."""
        return self._loop.call_at(when - self._off + self._late(), callback)


class Company:
    """Processes that share one quota."""

    def __init__(
        self,
        shared: SharedQuota,
        quota: Quota,
        open_log: Callable[[], Log],
        *,
        jitter: float,
        stalls: float,
        seed: int,
    ) -> None:
        """``jitter``: most seconds that one request travels longer than another, and that
        processes wake up late. ``stalls``: how often they are ten times as late."""
        self.judge = Judge()
        self._shared, self._quota, self._open_log = shared, quota, open_log
        self._jitter, self._stalls = jitter, stalls
        self._random = Random(seed)
        self._running: dict[str, tuple[Pacer, list[asyncio.Task[None]]]] = {}

    def join(self, name: str, *, off: float = 0.0, out: int = OUT) -> None:
        """Start a process, with a clock that is off by so much."""
        clock: Clock = OffClock(off, self._late)
        window = SharedWindow(self._shared, self._quota, self._open_log(), clock)
        pacer = Pacer(self._quota, clock, shared=window)
        tasks = [asyncio.create_task(self._work(name, pacer)) for _ in range(out)]
        self._running[name] = pacer, tasks

    async def kill(self, name: str) -> None:
        """End a process at once: a turn that it has reserved is lost to everyone."""
        pacer, tasks = self._running.pop(name)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pacer.aclose()

    async def end(self) -> None:
        """Kill all; what is on its way arrives."""
        for name in list(self._running):
            await self.kill(name)
        await asyncio.sleep(1)

    def _late(self) -> float:
        worse = 10 if self._random.random() < self._stalls else 1
        return self._random.uniform(0, self._jitter) * worse

    async def _work(self, name: str, pacer: Pacer) -> None:
        loop = asyncio.get_running_loop()
        while True:
            turn = await pacer.acquire()
            try:
                travel = 0.02 + self._random.uniform(0, self._jitter)
                loop.call_later(travel, self.judge.arrive, name)
                await asyncio.sleep(travel + 0.02)
            finally:
                turn.release(answered=True)

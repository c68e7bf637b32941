"""A server that counts exactly, the networks before it, and others who use its quota unseen.

The judge of every pacing figure: arrivals are counted at the server, in rolling windows. Runs on
an event loop with virtual time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from random import Random
from typing import Any

from msgspec import Struct

from hubassoc_async.pacing.pacer import Pacer
from hubassoc_async.pacing.quota import Quota
from hubassoc_async.protocol.quota import RateSignal

Way = Callable[[Random], float]
"""Seconds of one way through a network."""

NETWORKS: dict[str, tuple[Way, Way]] = {
    "20-400 ms": (lambda r: r.uniform(0.02, 0.4), lambda r: r.uniform(0.02, 0.4)),
    "50 ms jitter": (lambda r: r.uniform(0.02, 0.07), lambda r: r.lognormvariate(-1.9, 0.12)),
    "heavy tail": (
        lambda r: min(0.03 * r.paretovariate(1.1), 20.0),
        lambda r: min(0.03 * r.paretovariate(1.1), 20.0),
    ),
    "stalls": (
        lambda r: 0.5 if r.random() < 0.05 else 0.03,
        lambda r: 0.5 if r.random() < 0.05 else 0.03,
    ),
}
"""By name: there and back."""

WARM_UP = 2
"""Windows after which the steady use is measured."""


class Server:
    """Admits at most the limit in (t - span, t] for every t, and keeps a log."""

    def __init__(self, quota: Quota, *, headers: bool = True, rejected_count: bool = False) -> None:
        self.limit = quota.limit
        self.span = quota.seconds
        self.most = 0
        self.log: list[tuple[float, bool, bool]] = []
        """Arrivals: when, whether ours, whether admitted."""
        self._headers = headers
        self._rejected_count = rejected_count
        self._window: deque[float] = deque()

    def arrive(self, now: float, *, ours: bool = True) -> RateSignal:
        """Judge an arrival."""
        window = self._window
        while window and window[0] <= now - self.span:
            window.popleft()
        admitted = len(window) < self.limit
        if admitted or self._rejected_count:
            window.append(now)
        self.most = max(self.most, len(window))
        self.log.append((now, ours, admitted))
        if not self._headers:
            return RateSignal(rejected=not admitted)
        return RateSignal(
            limit=self.limit,
            remaining=max(0, self.limit - len(window)),
            seconds=self.span,
            rejected=not admitted,
        )


Others = Callable[[Server, Random], Coroutine[Any, Any, None]]


def poisson(share: float) -> Others:
    """Others who ask at random for a share of the limit."""

    async def consume(server: Server, random: Random) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(random.expovariate(share * server.limit / server.span))
            server.arrive(loop.time(), ours=False)

    return consume


def steady(share: float) -> Others:
    """Others who ask for a share of the limit, evenly."""

    async def consume(server: Server, _random: Random) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(server.span / (share * server.limit))
            server.arrive(loop.time(), ours=False)

    return consume


def bursts(size: float, every: float) -> Others:
    """Others who ask for a share of the limit at once, every so many windows on average."""

    async def consume(server: Server, random: Random) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(server.span * every * random.uniform(0.5, 1.5))
            for _ in range(round(size * server.limit)):
                server.arrive(loop.time(), ours=False)
                await asyncio.sleep(0.02)

    return consume


def ramp(share: float, windows: float) -> Others:
    """Others whose demand rises from nothing to a share of the limit and falls again, for ever."""

    async def consume(server: Server, random: Random) -> None:
        loop = asyncio.get_running_loop()
        period, started = 2 * windows * server.span, loop.time()
        while True:
            phase = ((loop.time() - started) % period) / period
            now = max(0.02, share * (1 - abs(2 * phase - 1)))
            await asyncio.sleep(random.expovariate(now * server.limit / server.span))
            server.arrive(loop.time(), ours=False)

    return consume


class Result(Struct):
    """What a run came to."""

    requests: int
    rejected: int
    used: float
    """Admitted requests of everyone, over the limit, once past the opening. 1.0: all of it."""
    own: float
    """Ours alone, in the same way."""
    most: int
    """Most arrivals in any window at the server."""
    server: Server

    @property
    def rejected_share(self) -> float:
        return self.rejected / self.requests


async def use(
    pacer: Pacer,
    server: Server,
    network: tuple[Way, Way],
    *,
    seconds: float,
    seed: int = 0,
    others: Others | None = None,
    lost: float = 0.0,
    tasks: int = 400,
    events: Iterable[tuple[float, Callable[[], object]]] = (),
) -> Result:
    """Send as fast as the pacer allows for so long; some requests get no answer."""
    loop, random = asyncio.get_running_loop(), Random(seed)
    started = loop.time()

    def arrive(signals: list[RateSignal]) -> None:
        signals.append(server.arrive(loop.time()))

    async def one() -> None:
        while True:
            turn = await pacer.acquire()
            there, back = network[0](random), network[1](random)
            signals: list[RateSignal] = []
            loop.call_later(there, arrive, signals)
            if random.random() < lost:
                await asyncio.sleep(there * random.uniform(0.5, 1.5))
                turn.release(answered=False)
            else:
                await asyncio.sleep(there + 1e-6 + back)
                turn.release(answered=True, signal=signals[0])

    running = [asyncio.create_task(one()) for _ in range(tasks)]
    if others is not None:
        running.append(asyncio.create_task(others(server, Random(seed + 1))))
    for after, event in events:
        loop.call_later(after, event)
    await asyncio.sleep(seconds)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await pacer.aclose()
    return sum_up(server, started, started + seconds)


def sum_up(server: Server, started: float, ended: float) -> Result:
    """Judge a run by the server's log."""
    own = [(when, admitted) for when, ours, admitted in server.log if ours]
    start = started + WARM_UP * server.span
    room = server.limit * (ended - start) / server.span

    def used(log: list[tuple[float, bool]]) -> float:
        return sum(1 for when, admitted in log if admitted and start < when <= ended) / room

    return Result(
        requests=len(own),
        rejected=sum(1 for _, admitted in own if not admitted),
        used=used([(when, admitted) for when, _, admitted in server.log]),
        own=used(own),
        most=server.most,
        server=server,
    )

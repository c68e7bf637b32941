"""What can be had beside hidden others, for two who know more than we can.

Both know when each of their requests arrives at the server and the others' mean demand at any
time, and leave a constant margin for what others ask beyond their mean. The blind one does not
know when they ask: it takes a place in the window again as soon as its last request has left it,
late by the network's jitter. The seeing one knows of every arrival one round trip later, and sends
whenever there is room.

Knows: others' mean demand. Does not know: pacers.
"""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

from msgspec import Struct

SPAN = 10.0
SECONDS = 2_400.0
_SEEING_SLOPE = 1.1  # how much faster than the quota it sends; at 1.6 it uses up to 0.5 % less
_OTHER, _OURS, _PLACE_FREE, _ONE_MORE, _REST = range(5)

Mean = Callable[[float], float]
"""Requests of others a second, at a time."""


class Bound(Struct):
    """The best margin, and what it comes to."""

    margin: int
    used: float
    rejected: float
    """Share of our requests."""


class _Blind:
    def __init__(self, mean: Mean, margin: int, jitter: float, limit: int) -> None:
        self._mean, self._margin, self._jitter = mean, margin, jitter
        self.limit = limit
        self._random = Random(0)
        self._events: list[tuple[float, int]] = [(0.0, _OTHER), (0.0, _ONE_MORE)]
        self._window: deque[float] = deque()
        self._held = 0  # places that are used again and again
        self.admitted = self.requests = self.rejected = 0

    def run(self) -> None:
        while (event := heapq.heappop(self._events))[0] < SECONDS:
            now, kind = event
            if kind == _OTHER:
                self._arrive(now)
                self._later(now + self._random.expovariate(self._mean(now)), _OTHER)
            elif kind == _OURS:
                self._ask(now)
            elif kind == _REST:
                self._held -= 1
            elif kind == _PLACE_FREE:
                self._use_again(now)
            else:
                self._later(now + 0.1, _ONE_MORE)
                if self._held < self._room(now):
                    self._held += 1
                    self._ask(now)

    def _later(self, when: float, kind: int) -> None:
        heapq.heappush(self._events, (when, kind))

    def _room(self, now: float) -> float:
        others = sum(self._mean(now - SPAN * quarter / 4) for quarter in range(4)) * SPAN / 4
        return self.limit - others - self._margin

    def _use_again(self, now: float) -> None:
        if self._held > self._room(now) + 1:
            self._held -= 1
        else:
            self._later(now + self._jitter * self._random.random(), _OURS)

    def _ask(self, now: float) -> None:
        self.requests += 1
        if self._arrive(now):
            self._later(now + SPAN, _PLACE_FREE)
        else:
            self.rejected += 1
            self._later(now + SPAN / 2, _REST)

    def _arrive(self, now: float) -> bool:
        window = self._window
        while window and window[0] <= now - SPAN:
            window.popleft()
        admitted = len(window) < self.limit
        if admitted:
            window.append(now)
        self.admitted += admitted and now > 2 * SPAN
        return admitted


class _Seeing:
    def __init__(self, mean: Mean, margin: int, trip: float, limit: int) -> None:
        self._mean, self._margin, self._trip, self.limit = mean, margin, trip, limit
        self._window: deque[float] = deque()  # everyone's; refused requests count
        self._others: deque[float] = deque()
        self._unseen: deque[float] = deque()  # others' of the last round trip
        self._own: deque[float] = deque()
        self.admitted = self.requests = self.rejected = 0

    def run(self) -> None:
        random, now, step = Random(0), 0.0, SPAN / self.limit / _SEEING_SLOPE
        asks = random.expovariate(self._mean(now))
        while now < SECONDS:
            now += step
            while asks < now:
                self._arrive(asks)
                self._unseen.append(asks)
                asks += random.expovariate(self._mean(asks))
            if self._known(now) < self.limit - self._margin:
                self.requests += 1
                self.rejected += not self._arrive(now)
                self._own.append(now)

    def _known(self, now: float) -> float:
        while self._unseen and self._unseen[0] <= now - self._trip:
            self._others.append(self._unseen.popleft())
        for arrivals in (self._others, self._own):
            while arrivals and arrivals[0] <= now - SPAN:
                arrivals.popleft()
        return len(self._own) + len(self._others) + self._mean(now) * self._trip

    def _arrive(self, now: float) -> bool:
        while self._window and self._window[0] <= now - SPAN:
            self._window.popleft()
        admitted = len(self._window) < self.limit
        self._window.append(now)
        self.admitted += admitted and now > 2 * SPAN
        return admitted


def bound(mean: Mean, jitter: float, *, limit: int = 100, most: float = 0.005) -> Bound:
    """Find the least margin at which fewer of our requests than ``most`` are refused."""
    for margin in range(0, limit, 2):
        blind = _Blind(mean, margin, jitter, limit)
        blind.run()
        best = _sum_up(blind, margin)
        if best.rejected < most:
            break
    return best


def seeing_bound(mean: Mean, trip: float, *, limit: int = 100, most: float = 0.005) -> Bound:
    """Find the margin at which most is used, where refused requests count."""
    found = []
    for margin in range(0, limit // 5, 2):
        seeing = _Seeing(mean, margin, trip, limit)
        seeing.run()
        found.append(_sum_up(seeing, margin))
    return max((one for one in found if one.rejected < most), key=lambda one: one.used)


def _sum_up(run: "_Blind | _Seeing", margin: int) -> Bound:
    room = run.limit * (SECONDS - 2 * SPAN) / SPAN
    return Bound(margin, run.admitted / room, run.rejected / max(1, run.requests))

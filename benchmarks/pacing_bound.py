"""What can be had beside hidden others without headers, for one who knows more than we can.

It knows when each of its requests arrives at the server and the others' mean demand at any time,
but not when they ask. A place in the window is taken again as soon as its last request has left
it, late by the network's jitter; a margin is left for what others ask beyond their mean.

Knows: others' mean demand. Does not know: pacers.
"""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

from msgspec import Struct

SPAN = 10.0
SECONDS = 2_400.0
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
    def __init__(self, mean: Mean, margin: int, jitter: float, limit: int, counted: bool) -> None:
        self._mean, self._margin, self._jitter = mean, margin, jitter
        self._limit, self._counted = limit, counted
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
        return self._limit - others - self._margin

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
        admitted = len(window) < self._limit
        if admitted or self._counted:
            window.append(now)
        self.admitted += admitted and now > 2 * SPAN
        return admitted


def bound(
    mean: Mean, jitter: float, *, limit: int = 100, most: float = 0.005, counted: bool = False
) -> Bound:
    """Find the least margin at which fewer of our requests than ``most`` are refused."""
    for margin in range(0, limit, 2):
        blind = _Blind(mean, margin, jitter, limit, counted)
        blind.run()
        rejected = blind.rejected / max(1, blind.requests)
        if rejected < most:
            break
    return Bound(margin, blind.admitted / (limit * (SECONDS - 2 * SPAN) / SPAN), rejected)

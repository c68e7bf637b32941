"""The window that cannot be overrun.

The rule is strict, not tuned. A slot is held from the moment of sending until one window after
the answer came. A request that arrives at the server within (s - T, s] was sent before s and
answered after s - T, so at s it holds one of the N slots: no window of the server can hold more
than N, whatever the jitter, as long as nobody else uses the quota. The price is T / (T + RTT) of
the rate.

Knows: times it is given. Does not know: clocks, who waits.
"""

import heapq
from math import inf

from msgspec import Struct

from hubassoc_async.pacing.quota import Quota
from hubassoc_async.protocol.quota import RateSignal

_LOST_GUARD = 1.0  # seconds more for a request without an answer: it may arrive after we gave up


class Slot(Struct, eq=False):
    """A request's place in the window."""

    sent: float
    arrived: float = inf
    """When the server judged it, as far as that can be told."""


class StrictWindow:
    """Holds a slot until one window after its answer."""

    slope = 1.1
    """How much faster than the quota the smoother before it goes: it catches up a late wake-up,
    and leaves no more than a tenth of the window silent."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._held = 0  # slots of requests that are out
        self._freed: list[float] = []  # a heap: when the slots of ended requests come free

    def wait(self, now: float) -> float:
        """Seconds until there is a slot, as far as is known; inf: an answer has to come first."""
        self._forget(now)
        if self._held + len(self._freed) < self.quota.limit:
            return 0.0
        return self._freed[0] - now if self._freed else inf

    def take(self, now: float) -> Slot:
        """Hold a slot for a request that is sent now."""
        self._held += 1
        return Slot(now)

    def end(self, slot: Slot, now: float, signal: RateSignal | None) -> None:
        """The request was answered just now; without a signal it never will be."""
        self._held -= 1
        guard = _LOST_GUARD if signal is None else 0.0
        heapq.heappush(self._freed, now + self.quota.seconds + guard)

    def cancel(self, slot: Slot) -> None:
        """Nothing was sent."""
        self._held -= 1

    def share(self, now: float) -> float:
        """Share of the quota in use, 0 to 1."""
        self._forget(now)
        return min(1.0, (self._held + len(self._freed)) / self.quota.limit)

    def _forget(self, now: float) -> None:
        while self._freed and self._freed[0] <= now:
            heapq.heappop(self._freed)

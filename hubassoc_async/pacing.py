"""How fast: never more than the quota in any window at the server, and a pause for everyone.

Knows: time, turns, the quota. Does not know: URLs, bodies, ids, versions.

The rule is strict, not tuned. A turn is held from the moment of sending until one window after
the answer came. A request that arrives at the server within (s - T, s] was sent before s and
answered after s - T, so at s it holds one of the N turns: no window of the server can hold more
than N, whatever the jitter, as long as nobody else uses the quota. The price is T / (T + RTT) of
the rate. An ``AsyncLimiter(N, T)`` alone would start nearly twice N in its first window.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Protocol

from aiolimiter import AsyncLimiter
from msgspec import Struct

from hubassoc_async.errors import HubAssocError, UsageError


class TimerHandle(Protocol):
    """What a clock's ``call_at`` returns."""

    def cancel(self) -> None:
        """Call it off."""


class Clock(Protocol):
    """Time in seconds, and calls at a time: what an asyncio event loop has, and the default."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> TimerHandle:
        """Call back at that time."""


class Quota(Struct, frozen=True):
    """So many requests in any window of so many seconds."""

    # The lowest associations limit, of Free and Starter accounts; 150 for Professional and
    # Enterprise, 200 with the API add-on. https://developers.hubspot.com (guide of 2026-03-30)
    limit: int = 100
    seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0 < self.seconds < inf:
            raise UsageError(f"a quota is at least 1 request in more than 0 seconds, not {self}")

    @classmethod
    def parse(cls, text: str) -> "Quota":
        """Read ``100/10``: requests, a slash, seconds. Raises ``UsageError``."""
        try:
            limit, seconds = text.split("/")
            return cls(int(limit), float(seconds))
        except ValueError as error:
            hint = "" if not isinstance(error, UsageError) else f": {error}"
            raise UsageError(f"{text!r} is not a quota such as 100/10{hint}") from None

    def __str__(self) -> str:
        return f"{self.limit}/{self.seconds:g}"


_CLOSED = "the client was closed"
_LOST_GUARD = 1.0  # seconds more for a request without an answer: it may arrive after we gave up
_BURST_SHARE = 20  # the smoother lets a twentieth of the quota go at once …
_SLOPE = 1.1  # … and 1.1 times its rate after, so that no opening burst repeats for ever


class Turn:
    """Leave to send one request. It is ended once; to end it again changes nothing."""

    __slots__ = ("_pacer",)

    def __init__(self, pacer: "Pacer") -> None:
        self._pacer: Pacer | None = pacer

    def release(self, *, answered: bool) -> None:
        """The request was answered just now, or never will be."""
        if self._pacer is not None:
            quota = self._pacer.quota
            guard = 0.0 if answered else _LOST_GUARD
            self._pacer.end(free_in=None if quota is None else quota.seconds + guard)
            self._pacer = None

    def give_back(self) -> None:
        """Nothing was sent."""
        if self._pacer is not None:
            self._pacer.end(free_in=None)
            self._pacer = None


class Pacer:
    """Gives turns, first come first served, to everyone who shares one quota."""

    def __init__(self, quota: Quota | None, clock: Clock) -> None:
        self.quota = quota
        self._clock = clock
        self._held = 0  # turns of requests that are out
        self._freed: deque[float] = deque()  # when the turns of ended requests come free
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._paused_until = -inf
        self._closed = False
        self._changed = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        if quota is not None:
            burst = max(1.0, quota.limit / _BURST_SHARE)
            slope = _SLOPE * quota.limit / quota.seconds
            self._smoother = AsyncLimiter(burst, burst / slope)

    async def acquire(self) -> "Turn":
        """Wait for a turn, which the caller must end. Raises ``HubAssocError`` once closed."""
        if self._closed:
            raise HubAssocError(_CLOSED)
        granted = asyncio.get_running_loop().create_future()
        self._waiters.append(granted)
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._dispatch(), name="hubassoc pacer")
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                Turn(self).give_back()
            raise
        return Turn(self)

    def end(self, *, free_in: float | None) -> None:
        """Take a turn back: free so many seconds from now, or at once. For ``Turn``."""
        self._held -= 1
        if free_in is not None:
            self._freed.append(self._clock.time() + free_in)
        self._changed.set()

    def pause(self, seconds: float) -> None:
        """Give no turn to anyone for so long."""
        self._paused_until = max(self._paused_until, self._clock.time() + seconds)
        self._changed.set()

    @property
    def paused(self) -> float:
        """Seconds for which no turn will be given."""
        return max(0.0, self._paused_until - self._clock.time())

    @property
    def share(self) -> float:
        """Share of the quota in use, 0 to 1."""
        if self.quota is None:
            return 0.0
        self._forget()
        return min(1.0, (self._held + len(self._freed)) / self.quota.limit)

    async def aclose(self) -> None:
        """Give no more turns; whoever waits is woken with an error."""
        self._closed = True
        dispatcher = self._dispatcher
        if dispatcher is not None:
            dispatcher.cancel()
            await asyncio.wait([dispatcher])
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_exception(HubAssocError(_CLOSED))

    async def _dispatch(self) -> None:
        """The one waiter of the limiter and the window; it lives only while somebody waits."""
        try:
            while self._next_waiter():
                await self._until_free()
                if self.quota is not None:
                    await self._smoother.acquire()
                if self._wait() == 0 and self._next_waiter():
                    self._waiters.popleft().set_result(None)
                    self._held += 1
        finally:
            self._dispatcher = None

    def _next_waiter(self) -> bool:
        while self._waiters and self._waiters[0].done():
            self._waiters.popleft()
        return bool(self._waiters)

    async def _until_free(self) -> None:
        while (wait := self._wait()) > 0:
            self._changed.clear()
            timer = None
            if wait < inf:
                timer = self._clock.call_at(self._clock.time() + wait, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    def _wait(self) -> float:
        """Seconds until a turn may be given, as far as is known now."""
        if self.paused > 0:
            return self.paused
        if self.quota is None:
            return 0.0
        self._forget()
        if self._held + len(self._freed) < self.quota.limit:
            return 0.0
        return self._freed[0] - self._clock.time() if self._freed else inf

    def _forget(self) -> None:
        now = self._clock.time()
        while self._freed and self._freed[0] <= now:
            self._freed.popleft()

"""Gives turns, one after another, to everyone who shares one quota.

A window (``strict``, ``adaptive``) says when there is a slot. ``aiolimiter`` before it is the
smoother: it spreads what the window would let go at once, so that no opening burst repeats for
ever. Its only waiter is one dispatcher, which lives only while somebody waits.

Knows: turns, pauses, lanes. Does not know: URLs, bodies, ids, versions; how a window decides.
"""

import asyncio
from math import inf
from typing import Protocol

from aiolimiter import AsyncLimiter

from hubassoc_async.errors import HubAssocError
from hubassoc_async.pacing.adaptive import AdaptiveWindow
from hubassoc_async.pacing.clock import Clock
from hubassoc_async.pacing.daily import DailyCount
from hubassoc_async.pacing.lanes import Lanes, Priority
from hubassoc_async.pacing.quota import Mode, Quota
from hubassoc_async.pacing.shared import SharedWindow
from hubassoc_async.pacing.strict import Slot, StrictWindow
from hubassoc_async.protocol.quota import Bucket, RateSignal

_CLOSED = "the client was closed"
_BURST_SHARE = 20  # the smoother lets a twentieth of the quota go at once
_NO_NEWS = RateSignal()


class Window(Protocol):
    """When there is a slot; see ``StrictWindow``."""

    quota: Quota
    slope: float

    def wait(self, now: float) -> float: ...
    def take(self, now: float) -> Slot: ...
    def end(self, slot: Slot, now: float, signal: RateSignal | None) -> None: ...
    def cancel(self, slot: Slot) -> None: ...
    def share(self, now: float) -> float: ...


class Turn:
    """Leave to send one request. It is ended once; to end it again changes nothing."""

    __slots__ = ("_pacer", "_slot", "bucket", "priority")

    def __init__(self, pacer: "Pacer", slot: Slot, priority: Priority) -> None:
        self.bucket = pacer.bucket
        self.priority: Priority = priority
        self._pacer: Pacer | None = pacer
        self._slot = slot

    def release(self, *, answered: bool, signal: RateSignal = _NO_NEWS) -> None:
        """The request was answered just now, and what that says; or it never will be."""
        if self._pacer is not None:
            self._pacer.end(self._slot, signal if answered else None)
            self._pacer = None

    def give_back(self) -> None:
        """Nothing was sent."""
        if self._pacer is not None:
            self._pacer.cancel(self._slot)
            self._pacer = None


class Pacer:
    """Gives turns, by lane and first come first served, to everyone who shares one quota."""

    def __init__(
        self,
        quota: Quota | None,
        clock: Clock,
        *,
        mode: Mode = "strict",
        bucket: Bucket = "associations",
        shared: SharedWindow | None = None,
        daily: DailyCount | None = None,
    ) -> None:
        self.quota = quota
        self.bucket = bucket
        self._clock = clock
        self._window: Window | None = None
        self._daily = daily
        self._shared = shared
        if shared is not None:
            self._window = shared
        elif quota is not None and mode != "off":
            self._window = (AdaptiveWindow if mode == "adaptive" else StrictWindow)(quota)
        self._smoother: AsyncLimiter | None = None
        self._smoothed: Quota | None = None
        self._lanes: Lanes[Slot] = Lanes()
        self._out = 0  # turns that were given and not ended
        self._paused_until = -inf
        self._probing = False  # after a pause for a 429: one at a time until one is admitted
        self._probe: Slot | None = None  # the one that is out
        self._refusals = 0  # probes refused in a row
        self._resumed = -inf
        self._closed = False
        self._changed = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None

    async def acquire(self, priority: Priority = "bulk") -> Turn:
        """Wait for a turn, which the caller must end. Raises ``HubAssocError`` once closed."""
        if self._closed:
            raise HubAssocError(_CLOSED)
        granted = self._lanes.add(priority)
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._dispatch(), name="hubassoc pacer")
        try:
            return Turn(self, await granted, priority)
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self.cancel(granted.result())
            self._changed.set()  # the dispatcher ends when nobody else waits
            raise

    def end(self, slot: Slot, signal: RateSignal | None) -> None:
        """Take a turn back, with what the answer says, or None without one. For ``Turn``."""
        self._back(slot)
        now = self._clock.time()
        if self._window is not None:
            self._window.end(slot, now, signal)
        if signal is not None and self._daily is not None:
            self._daily.hear(signal, self._out)
        if signal is not None and signal.rejected:
            self._refused(slot, now, signal)
        elif signal is not None and slot.sent >= self._resumed:
            self._probing = False
            self._refusals = 0
        self._changed.set()

    def cancel(self, slot: Slot) -> None:
        """Take back a turn in which nothing was sent. For ``Turn``."""
        self._back(slot)
        if self._daily is not None:
            self._daily.give_back()
        if self._window is not None:
            self._window.cancel(slot)
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
        return 0.0 if self._window is None else self._window.share(self._clock.time())

    async def aclose(self) -> None:
        """Give no more turns; whoever waits is woken with an error."""
        self._closed = True
        for task in (self._dispatcher, self._telling):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._lanes.fail(HubAssocError(_CLOSED))
        try:
            if self._daily is not None:
                self._daily.keep()
        finally:
            if self._shared is not None:
                await self._shared.aclose()

    def _back(self, slot: Slot) -> None:
        self._out -= 1
        if slot is self._probe:
            self._probe = None

    def _refused(self, slot: Slot, now: float, signal: RateSignal) -> None:
        """Pause after a 429, then send one at a time until one is admitted.

        The first pause is a fiftieth of the window: mostly the window is over by one or two. Then
        a quarter, a half and, from there on, a whole window: by then whatever filled it before
        has left it. Requests sent before the pause ended say nothing new.
        """
        if slot.sent < self._resumed:
            return
        window = 10.0 if self._window is None else self._window.quota.seconds
        again = self._refusals
        pause = window / 4 * 2.0 ** min(again - 1, 2) if again else window / 50
        pause = max(signal.wait, pause)
        self._refusals += 1
        self._probing = True
        self._resumed = now + pause
        self.pause(pause)
        if self._shared is not None and self._telling is None:
            self._telling = asyncio.create_task(self._tell(self._shared, pause))

    async def _tell(self, shared: SharedWindow, pause: float) -> None:
        """Let the others who share the quota pause too."""
        try:
            await shared.pause(pause)
        finally:
            self._telling = None

    async def _dispatch(self) -> None:
        """The one waiter of the smoother and the window; it lives only while somebody waits."""
        try:
            while self._lanes:
                await self._until_free()
                if not self._lanes:
                    return
                if self._shared is not None:
                    await self._shared.turn()
                elif self._window is not None:
                    await self._limiter(self._window).acquire()
                if self._wait() == 0 and self._lanes:
                    if self._daily is not None:
                        self._daily.take()
                    waiter = self._lanes.pop()
                    assert waiter is not None
                    now = self._clock.time()
                    slot = Slot(now) if self._window is None else self._window.take(now)
                    self._out += 1
                    if self._probing:
                        self._probe = slot
                    waiter.set_result(slot)
        except Exception as error:
            # The day's quota is spent or its file out of reach, or the shared quota is. And
            # whatever else it is: else everyone waits for ever for what nobody gives any more.
            self._lanes.fail(error)
        finally:
            self._dispatcher = None

    def _limiter(self, window: Window) -> AsyncLimiter:
        """The smoother: a new one for a new limit, as changing one changes only its burst."""
        quota = window.quota
        if self._smoother is None or self._smoothed != quota:
            burst = max(1.0, quota.limit / _BURST_SHARE)
            self._smoother = AsyncLimiter(
                burst, burst / (window.slope * quota.limit / quota.seconds)
            )
            self._smoothed = quota
        return self._smoother

    async def _until_free(self) -> None:
        while self._lanes and (wait := self._wait()) > 0:
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
        if self._probe is not None:
            return inf
        return 0.0 if self._window is None else self._window.wait(self._clock.time())

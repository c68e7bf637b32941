"""One quota for many processes: turns are reserved in a log that all of them share.

A process asks for one turn at a time and is told when it is, by the log's clock: nobody polls,
and what a process's own clock shows does not matter. As each holds one turn ahead, they take turns
in turn.

Knows: what a log of reservations must do, and what to do without one. Does not know: Redis, SQLite.
"""

import logging
from math import inf
from typing import Literal, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from hubassoc_async.errors import ConnectError, UsageError
from hubassoc_async.pacing.clock import Clock, sleep
from hubassoc_async.pacing.quota import Quota, Quotas
from hubassoc_async.pacing.strict import Slot, StrictWindow
from hubassoc_async.protocol.quota import RateSignal

_log = logging.getLogger("hubassoc_async")

_SPACING = 1.1  # how much closer than evenly turns may follow each other, to catch up what was lost
_RETRY_SECONDS = 1.0  # between two tries to reach a log that is out of reach, at the least
_LOOKS = 3  # at the log's clock before the first turn
_TRIP_AGES = 1.1  # a call: what was the shortest way long ago says little of clocks now
_TRYING = 5.0  # times what such a try took: a host that does not answer costs a sixth of the time


class SharedQuota(Struct, frozen=True):
    """A quota that processes or machines share, at a Redis or Valkey or in a file."""

    url: str
    """``redis://…``, ``rediss://…``, ``unix://…``; ``file:///…`` for processes of one machine."""
    portal: str
    """Whose quota it is: those who name the same portal share."""
    quota: Quota | Quotas | str = Quota()
    without: Literal["share", "refuse"] = "share"
    """While Redis is out of reach: after a window go on with a share of the quota, or raise
    ``ConnectError``."""
    workers: int = 8
    """Processes expected at most within a window: each goes on with that part of the quota."""
    guard: float = 0.01
    """Share of the window that a turn is held longer. Turn k and turn k - N belong to different
    processes: a window is overrun if one is sent late or travels slowly and the other does not.
    Half of it is for waking up late, and a process that is later than that passes its turn over;
    half is for what round trips to Redis and to HubSpot differ by. It costs as much of the quota:
    at 10 s, 1 % for 50 ms of each."""

    def __post_init__(self) -> None:
        if _place(self.url) is None or not self.portal:
            raise UsageError(
                "a shared quota has a redis://, rediss:// or unix:// URL, or file:// and a whole"
                " path, and a portal; a password is spelt with %23 for #, %2F for /"
            )
        if self.workers < 1 or not 0 < self.guard < 1:
            raise UsageError("a shared quota needs at least 1 worker, and a guard between 0 and 1")

    def __repr__(self) -> str:
        return f"<SharedQuota of portal {self.portal} at {_place(self.url)}: {self.quota}>"


def _place(url: str) -> str | None:
    """Say where a shared quota is, without any password; None: it is nowhere."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:  # its text may have a piece of the password
        return None
    host = parts.hostname or ""
    if parts.scheme not in ("redis", "rediss", "unix", "file") or "#" in url:
        return None
    if parts.scheme == "file" and (host not in ("", "localhost") or parts.path in ("", "/")):
        return None
    return f"{parts.scheme}://{host}{port}{parts.path}"


class Rule(Struct, frozen=True):
    """When a log gives its next turn, in seconds: the same arithmetic for every kind of log."""

    limit: int
    held: float
    """Turn k is at least so long after turn k - ``limit``: a window and its guard …"""
    spacing: float
    """… and so long after turn k - 1."""
    lost: float
    """A log that remembers nothing begins so long from now: by then every turn that it may have
    given is past, and has left the server's window. Each process has one at most, and after a
    full window they begin where the closer spacing has left off. A log that is lost anew before
    it has begun may have given turns that are later."""

    @classmethod
    def of(cls, shared: SharedQuota, quota: Quota) -> "Rule":
        """The rule of one bucket."""
        held = quota.seconds * (1 + shared.guard)
        ahead = quota.seconds * (shared.workers / quota.limit + 1 - 1 / _SPACING)
        return cls(quota.limit, held, quota.seconds / quota.limit / _SPACING, held + ahead)

    @property
    def far(self) -> float:
        """A turn that is later than this from now was given by another clock."""
        return 10 * self.lost + 120


class Log(Protocol):
    """Reservations of one bucket of one portal. Raises ``OSError`` when it is out of reach."""

    async def time(self) -> float:
        """The time by the log's clock."""

    async def reserve(self, *, clear: float) -> tuple[float, float]:
        """Reserve a turn; returns the time now and the time of the turn, by the log's clock.

        ``clear``: seconds until what the caller sent without the log has left the server's window:
        nobody's turn is sooner.
        """

    async def pause(self, seconds: float) -> None:
        """Move every turn that is yet to be reserved at least so far from now."""

    async def aclose(self) -> None:
        """Let go of connections and files."""


class SharedWindow:
    """A window whose turns come from a log, or from a local share while that is out of reach.

    The local share begins a window after the log was lost, since others may have used all of it;
    and the log's turns begin again when what was sent without it has left the server's window.
    """

    slope = inf

    def __init__(self, shared: SharedQuota, quota: Quota, log: Log, clock: Clock) -> None:
        self.quota = quota
        self._log = log
        self._clock = clock
        self._refuse = shared.without == "refuse"
        self._own = Quota(max(1, quota.limit // shared.workers), quota.seconds)
        self._local = StrictWindow(self._own)
        self._held = Rule.of(shared, quota).held
        self._again = -inf  # when the log may be tried again
        self._begin = -inf  # when the local share does
        self._cleared = -inf  # when what was sent without the log has left the server's window
        self._latest = shared.guard * quota.seconds / 2  # that a turn may be used
        self._looks = 0  # at the log's clock
        self._trip = inf  # the shortest way to the log and back, and by it …
        self._ahead = 0.0  # … how far our clock is ahead of the log's
        self.alone = False
        """Whether the log is out of reach."""

    async def turn(self) -> None:
        """Wait for a turn: of the log, or of the local share while that is out of reach.

        Raises ``ConnectError`` where there is to be no local share.
        """
        while True:
            if self._clock.time() >= self._again:
                if await self._log_turn():
                    return
            elif await self._own_turn():
                return

    async def _log_turn(self) -> bool:
        """Reserve a turn and wait for it; False: we are too late for it, or the log is lost."""
        asked = self._clock.time()
        try:
            while self._looks < _LOOKS:  # the first opens a connection, too
                self._compare(asked, await self._log.time())
                asked = self._clock.time()
            now, turn = await self._log.reserve(clear=max(0.0, self._cleared - asked))
        except OSError as error:
            self._lost(error, took=self._clock.time() - asked)
            return False
        self._compare(asked, now)
        self._found()
        due = turn + self._ahead
        await sleep(self._clock, due - self._clock.time())
        return self._clock.time() - due <= self._latest

    async def _own_turn(self) -> bool:
        """Wait for a turn of the local share; False: it is time to ask the log again."""
        if self._refuse:
            raise ConnectError("the shared quota is out of reach, and is not to be gone without")
        now = self._clock.time()
        wait = max(self._begin - now, self._local.wait(now))
        if wait > 0:
            await sleep(self._clock, min(wait, self._again - now))
        return wait <= 0

    async def pause(self, seconds: float) -> None:
        """Let everyone pause, as far as they can be reached."""
        now = self._clock.time()
        try:
            await self._log.pause(seconds)
        except OSError as error:
            self._lost(error, took=self._clock.time() - now)

    async def aclose(self) -> None:
        """Let go of the log."""
        await self._log.aclose()

    def wait(self, _now: float) -> float:
        """0: whoever has a turn of ``reserve`` has a slot."""
        return 0.0

    def take(self, now: float) -> Slot:
        """Hold a slot."""
        if self.alone:
            self._cleared = now + self._held
        return self._local.take(now)

    def end(self, slot: Slot, now: float, signal: RateSignal | None) -> None:
        """The request was answered just now, or never will be."""
        self._local.end(slot, now, signal)

    def cancel(self, slot: Slot) -> None:
        """Nothing was sent: the turn is lost to everyone."""
        self._local.cancel(slot)

    def share(self, now: float) -> float:
        """Share of the quota that this process uses, 0 to 1."""
        return min(1.0, self._local.share(now) * self._own.limit / self.quota.limit)

    def _compare(self, asked: float, now: float) -> None:
        """Learn how far the clocks are apart: the log looked at its own half a trip ago."""
        took = self._clock.time() - asked
        self._looks += 1
        self._trip *= _TRIP_AGES
        stepped = not asked <= now + self._ahead <= asked + took  # it is another clock than it was
        if took <= self._trip or stepped:
            self._trip, self._ahead = took, asked + took / 2 - now

    def _lost(self, error: OSError, *, took: float) -> None:
        now = self._clock.time()
        self._looks, self._trip = 0, inf
        self._again = now + max(_RETRY_SECONDS, _TRYING * took)
        if not self.alone:
            self.alone = True
            self._begin = now + self._held
            then = (
                "refusing turns"
                if self._refuse
                else f"going on with {self._own} after {self._held:g} s"
            )
            _log.warning("the shared quota is out of reach: %s; %s", error, then)

    def _found(self) -> None:
        if self.alone:
            self.alone = False
            _log.warning("the shared quota is back")

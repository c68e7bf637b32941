"""One quota for many processes: turns are reserved in a log that all of them share.

A process asks for one turn at a time and is told how long from now it is: nobody polls, and no
process's own clock matters. As each holds one turn ahead, they take turns in turn.

Knows: what a log of reservations must do, and what to do without one. Does not know: Redis, SQLite.
"""

import logging
from math import inf
from typing import Literal, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from hubassoc_async.errors import ConnectError, UsageError
from hubassoc_async.pacing.clock import Clock
from hubassoc_async.pacing.quota import Quota, Quotas
from hubassoc_async.pacing.strict import Slot, StrictWindow
from hubassoc_async.protocol.quota import RateSignal

_log = logging.getLogger("hubassoc_async")

SPACING = 1.1
"""How much closer than evenly turns may follow each other, to catch up what was lost."""
_RETRY_SECONDS = 1.0  # between two tries to reach a log that is out of reach


class SharedQuota(Struct, frozen=True):
    """A quota that processes or machines share, at a Redis or Valkey or in a file."""

    url: str
    """``redis://…``, ``rediss://…``, ``unix://…``; ``file:///…`` for processes of one machine."""
    portal: str
    """Whose quota it is: those who name the same portal share."""
    quota: Quota | Quotas | str = Quota()
    without: Literal["share", "refuse"] = "share"
    """While Redis is out of reach: go on with a share of the quota, or raise ``ConnectError``."""
    workers: int = 8
    """Processes expected at most: each goes on with that part of the quota."""
    guard: float = 0.01
    """Share of the window that a turn is held longer, for networks that jitter: 1 % less is used,
    and 100 ms of jitter in 10 s overrun nothing."""

    def __post_init__(self) -> None:
        if _place(self.url) is None or not self.portal:
            raise UsageError(
                "a shared quota has a redis://, rediss:// or unix:// URL, or file:// and a whole"
                " path, and a portal; a password is spelt with %23 for #, %2F for /"
            )
        if self.workers < 1 or not 0 <= self.guard < 1:
            raise UsageError("a shared quota needs at least 1 worker, and a guard from 0 to 1")

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


class Log(Protocol):
    """Reservations of one bucket of one portal. Raises ``OSError`` when it is out of reach."""

    async def reserve(self, *, known: bool) -> float:
        """Reserve a turn; returns how many seconds from now it is.

        ``known``: whether the caller has reserved before. If the log has not, it was lost, and
        what is in the server's window is unknown: turns begin again after a window.
        """

    async def pause(self, seconds: float) -> None:
        """Move every turn that is yet to be reserved at least so far from now."""

    async def aclose(self) -> None:
        """Let go of connections and files."""


class SharedWindow:
    """A window whose turns come from a log, or from a local share while that is out of reach."""

    slope = inf

    def __init__(self, shared: SharedQuota, quota: Quota, log: Log, clock: Clock) -> None:
        self.quota = quota
        self._log = log
        self._clock = clock
        self._refuse = shared.without == "refuse"
        self._own = Quota(max(1, quota.limit // shared.workers), quota.seconds)
        self._local = StrictWindow(self._own)
        self._known = False
        self._again = -inf  # when the log may be tried again
        self.latest = max(0.005, shared.guard * quota.seconds / 2)
        """Most seconds that a turn may be used late: the guard is for that and for the network."""
        self.alone = False
        """Whether the log is out of reach."""

    async def reserve(self) -> float:
        """Reserve a turn; returns how many seconds from now it is, or raises ``ConnectError``."""
        now = self._clock.time()
        if now >= self._again:
            try:
                ahead = await self._log.reserve(known=self._known)
            except OSError as error:
                self._lost(error)
            else:
                self._found()
                return ahead
        if self._refuse:
            raise ConnectError("the shared quota is out of reach, and is not to be gone without")
        return min(self._local.wait(self._clock.time()), self._own.seconds)

    async def pause(self, seconds: float) -> None:
        """Let everyone pause, as far as they can be reached."""
        try:
            await self._log.pause(seconds)
        except OSError as error:
            self._lost(error)

    async def aclose(self) -> None:
        """Let go of the log."""
        await self._log.aclose()

    def wait(self, now: float) -> float:
        """Seconds until there is a slot: the log says so elsewhere; here, the local share."""
        return self._local.wait(now) if self.alone and not self._refuse else 0.0

    def take(self, now: float) -> Slot:
        """Hold a slot."""
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

    def _lost(self, error: OSError) -> None:
        self._again = self._clock.time() + _RETRY_SECONDS
        if not self.alone:
            self.alone = True
            then = "refusing turns" if self._refuse else f"going on with {self._own}"
            _log.warning("the shared quota is out of reach: %s; %s", error, then)

    def _found(self) -> None:
        self._known = True
        if self.alone:
            self.alone = False
            _log.warning("the shared quota is back")

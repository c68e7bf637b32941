"""The pacers of one client: one a bucket, made when first needed.

Knows: buckets. Does not know: operations, how a pacer decides.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlsplit
from urllib.request import url2pathname

from hubassoc_async.errors import UsageError
from hubassoc_async.pacing.clock import Clock
from hubassoc_async.pacing.daily import DailyBudget, DailyCount
from hubassoc_async.pacing.pacer import Pacer
from hubassoc_async.pacing.quota import Mode, Quota, Quotas, quotas_of
from hubassoc_async.pacing.shared import Log, Rule, SharedQuota, SharedWindow
from hubassoc_async.pacing.shared_redis import RedisLog
from hubassoc_async.protocol.quota import Bucket

DEFAULT_PACING: Final[Mode] = "adaptive"


class Pacers:
    """A pacer for each bucket that is used."""

    def __init__(self, make: Callable[[Bucket], Pacer]) -> None:
        self._make = make
        self._made: dict[Bucket, Pacer] = {}

    def of(self, bucket: Bucket) -> Pacer:
        """The pacer of a bucket."""
        pacer = self._made.get(bucket)
        if pacer is None:
            pacer = self._made[bucket] = self._make(bucket)
        return pacer

    def pause(self, seconds: float) -> None:
        """Give no turn to anyone, in any bucket, for so long."""
        self.of("associations")
        for pacer in self._made.values():
            pacer.pause(seconds)

    @property
    def paused(self) -> float:
        """Seconds for which no turn will be given in some bucket."""
        return max((pacer.paused for pacer in self._made.values()), default=0.0)

    @property
    def share(self) -> float:
        """Share of the fullest bucket's quota in use, 0 to 1."""
        return max((pacer.share for pacer in self._made.values()), default=0.0)

    async def aclose(self) -> None:
        """Close every pacer."""
        for pacer in self._made.values():
            await pacer.aclose()


class Pacing:
    """How a client paces itself: checked at once, opened in the loop it works in."""

    def __init__(
        self,
        quota: Quota | Quotas | SharedQuota | str | None,
        mode: Mode,
        daily: DailyBudget | None = None,
    ) -> None:
        """Raises ``UsageError``."""
        if mode not in get_args(Mode):
            raise UsageError(f"pacing is {', '.join(get_args(Mode))}, not {mode!r}")
        self._mode: Mode = mode
        self._daily = daily
        self._shared = quota if isinstance(quota, SharedQuota) else None
        given = quota.quota if isinstance(quota, SharedQuota) else quota
        self.quotas = None if given is None else quotas_of(given)

    def open(self, clock: Clock) -> Pacers:
        """Make the pacers of a client; without quotas nothing is paced."""

        def make(bucket: Bucket) -> Pacer:
            quota = None if self.quotas is None else self.quotas.of(bucket)
            shared = self._share(bucket, quota, clock) if quota is not None else None
            daily = None
            if self._daily is not None:
                day = (self.quotas or Quotas()).day(bucket)
                daily = DailyCount(self._daily, bucket, day)
            return Pacer(quota, clock, mode=self._mode, bucket=bucket, shared=shared, daily=daily)

        return Pacers(make)

    def _share(self, bucket: Bucket, quota: Quota, clock: Clock) -> SharedWindow | None:
        shared = self._shared
        if shared is None:
            return None
        name = f"{shared.portal}:{bucket}"
        rule = Rule.of(shared, quota)
        log: Log
        if shared.url.startswith("file://"):
            from hubassoc_async.pacing.shared_file import FileLog  # here: it imports sqlite3

            log = FileLog(Path(url2pathname(urlsplit(shared.url).path)), name, rule)
        else:
            log = RedisLog(shared.url, name, rule)
        return SharedWindow(shared, quota, log, clock)

"""The day's quota: how much of it is spent, and what is left for others.

Counted from headers where answers have them, which include what others spent, and by ourselves
where not. What we counted can be kept in a file, so that a job that is resumed goes on counting.

Knows: days in the portal's time zone, SQLite. Does not know: turns, windows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from hubassoc_async.errors import DailyQuotaSpent, HubAssocError, UsageError
from hubassoc_async.protocol.quota import Bucket, RateSignal

if TYPE_CHECKING:
    import sqlite3

_KEPT_EVERY = 50  # requests: what a crash can lose of the count
_SCHEMA = """CREATE TABLE IF NOT EXISTS days
(portal TEXT, bucket TEXT, day TEXT, spent INTEGER, PRIMARY KEY (portal, bucket, day))"""


class DailyBudget(Struct, frozen=True, kw_only=True):
    """How much of the day's quota is left for others, and where the count is kept."""

    reserve: float | str = 0.2
    """A share of the quota, 0.2 or ``20%``: at that, work stops."""
    path: Path | None = None
    """A file for the count. None: it starts anew with each client."""
    portal: str = ""
    """Whose quota it is, where one file keeps several."""
    time_zone: str = "UTC"
    """The portal's: its quota starts anew at its midnight."""

    def __post_init__(self) -> None:
        self.share()
        self.zone()

    def share(self) -> float:
        """The reserve as a share. Raises ``UsageError``."""
        given = str(self.reserve)
        try:
            share = float(given[:-1]) / 100 if given.endswith("%") else float(given)
        except ValueError:
            share = -1.0
        if not 0 <= share < 1:
            raise UsageError(f"a daily reserve is a share such as 20% or 0.2, not {self.reserve!r}")
        return share

    def zone(self) -> tzinfo:
        """The time zone. Raises ``UsageError``."""
        if self.time_zone == "UTC":
            return UTC  # also where no time-zone data is installed
        from zoneinfo import ZoneInfo  # here: few have another zone, and it imports a lot

        try:
            return ZoneInfo(self.time_zone)
        except (KeyError, ValueError):
            raise UsageError(
                f"unknown time zone {self.time_zone!r}: one such as Europe/Berlin"
            ) from None


def budget_of(given: DailyBudget | float | str | None) -> DailyBudget | None:
    """Make a budget of what a caller gave. Raises ``UsageError``."""
    if given is None or isinstance(given, DailyBudget):
        return given
    return DailyBudget(reserve=given)


class DailyCount:
    """Requests of one bucket today."""

    def __init__(
        self,
        budget: DailyBudget,
        bucket: Bucket,
        limit: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``now``: seconds since 1970."""
        self._budget = budget
        self._bucket = bucket
        self._share, self._zone = budget.share(), budget.zone()
        self._limit = limit
        self._now = now
        self._day = ""
        self._spent = 0  # as far as anybody told us or we counted
        self._unkept = 0
        self._turn_over()

    @property
    def remaining(self) -> int:
        """Requests left of the whole day's quota."""
        self._turn_over()
        return max(0, self._limit - self._spent)

    def take(self) -> None:
        """Count a request that is about to be sent.

        Raises ``DailyQuotaSpent`` when only the reserve is left.
        """
        reserve = round(self._share * self._limit)
        if self.remaining <= reserve:
            self.keep()
            raise DailyQuotaSpent(
                f"{self._limit - self.remaining:,} of {self._limit:,} {self._bucket} requests of"
                f" {self._day} are spent, the other {self.remaining:,} are kept for others"
                f" ({self._share:.0%} reserve): go on after midnight ({self._budget.time_zone})"
            )
        self._spent += 1
        self._unkept += 1
        if self._unkept >= _KEPT_EVERY:
            self.keep()

    def give_back(self) -> None:
        """Nothing was sent after all."""
        self._spent -= 1
        self._unkept -= 1

    def hear(self, signal: RateSignal, out: int) -> None:
        """Take what an answer says, while so many requests are out."""
        if signal.daily and signal.daily_remaining is not None:
            self._turn_over()
            self._limit = signal.daily
            self._spent = signal.daily - signal.daily_remaining + out

    def keep(self) -> None:
        """Write the count down, if there is a file.

        Raises ``HubAssocError`` when it cannot be written.
        """
        path, spent = self._budget.path, self._unkept
        if path is None or not spent:
            return
        with _opened(path) as db:
            db.execute(
                "INSERT INTO days VALUES (?, ?, ?, ?) ON CONFLICT (portal, bucket, day)"
                " DO UPDATE SET spent = spent + excluded.spent",
                [self._budget.portal, self._bucket, self._day, spent],
            )
            self._spent = max(self._spent, self._kept(db))  # other processes count there, too
        self._unkept -= spent

    def _turn_over(self) -> None:
        """Begin a new day, with what the file knows of it."""
        day = datetime.fromtimestamp(self._now(), self._zone).date().isoformat()
        if day == self._day:
            return
        if self._day:
            self.keep()
        self._day, self._spent, self._unkept = day, 0, 0
        path = self._budget.path
        if path is None or not path.exists():
            return
        with _opened(path) as db:
            self._spent = self._kept(db)

    def _kept(self, db: "sqlite3.Connection") -> int:
        row = db.execute(
            "SELECT spent FROM days WHERE portal = ? AND bucket = ? AND day = ?",
            [self._budget.portal, self._bucket, self._day],
        ).fetchone()
        return row[0] if row else 0


@contextmanager
def _opened(path: Path) -> "Iterator[sqlite3.Connection]":
    """The file of counts, in one transaction."""
    import sqlite3  # here: few keep count in a file

    try:
        with closing(sqlite3.connect(path, timeout=5)) as db, db:
            db.execute(_SCHEMA)
            yield db
    except sqlite3.Error as error:
        raise HubAssocError(
            f"the day's requests cannot be counted in {path}: {error}. Name another file"
        ) from error

"""A job that has used up the day's quota rests until the portal's next midnight.

Knows: journals, days in the portal's time zone. Does not know: what a job does, who counts the day.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from msgspec import Struct

from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs.journal import Journal

_LOOK_EVERY: Final = 60.0  # seconds: a machine that slept must not sleep on for as long again
_TRY_AGAIN: Final = 3600.0  # seconds, where the quota was not new at the midnight we knew of
_TABLE: Final = """CREATE TABLE IF NOT EXISTS parks
(at REAL, resume_at REAL, items INTEGER, resumed_at REAL)"""


class Parked(DailyQuotaSpent):
    """The day's quota is spent, and the job rests. ``str()`` says until when and how to go on."""

    resume_at = 0.0
    """Seconds since 1970."""


class Park(Struct, frozen=True):
    """One rest of a job. Times are seconds since 1970."""

    at: float
    resume_at: float
    """When it was to go on."""
    items: int
    """How much was done before it."""
    resumed_at: float | None
    """When it did go on."""


def park(journal: Journal, spent: DailyQuotaSpent, zone: tzinfo, now: float) -> Parked:
    """Note that a job rests, and return an error that says until when. Durable on return."""
    why = str(spent).removesuffix(".")
    resume_at, items = next_midnight(zone, now), journal.mark.items
    with journal.transaction() as connection:
        connection.execute(_TABLE)
        last = connection.execute("SELECT * FROM parks ORDER BY at DESC LIMIT 1").fetchone()
        if last is not None and last[1] <= now and last[2] == items:
            # it went on when it should and got nowhere: another time zone, or another clock
            resume_at = min(resume_at, now + _TRY_AGAIN)
        connection.execute("INSERT INTO parks VALUES (?, ?, ?, NULL)", (now, resume_at, items))
    journal.set_state("parked", reason=why, resume_at=resume_at)
    when = f"{datetime.fromtimestamp(resume_at, zone):%Y-%m-%d %H:%M} ({zone})"
    error = Parked(
        f"{why}. Job {journal.name} is parked until {when}: go on then with"
        f" hubassoc resume {journal.name} (with --wait it waits by itself)"
    )
    error.resume_at = resume_at
    return error


def unpark(journal: Journal, now: float) -> None:
    """Note that a job goes on, if it was parked."""
    with journal.transaction() as connection:
        connection.execute(_TABLE)
        connection.execute("UPDATE parks SET resumed_at = ? WHERE resumed_at IS NULL", (now,))


def wait_until(
    moment: float,
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Sleep until a moment of the wall clock, seconds since 1970."""
    while left := next_look(moment, now()):
        sleep(left)


def next_look(moment: float, now: float) -> float:
    """Seconds to sleep before looking again whether it is time; 0: it is."""
    return max(0.0, min(moment - now, _LOOK_EVERY))


def next_midnight(zone: tzinfo, now: float) -> float:
    """When the day after this one begins in a time zone. Both are seconds since 1970."""
    tomorrow = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).timestamp()


def parks(path: Path) -> list[Park]:
    """List the rests of a job, of which there is the journal, oldest first."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'parks'").fetchall():
            return []
        return [Park(*row) for row in connection.execute("SELECT * FROM parks ORDER BY at")]

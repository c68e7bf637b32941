"""A job that has used up the day's quota rests until the portal's next midnight.

Knows: journals, days in the portal's time zone. Does not know: what a job does, who counts the day.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from msgspec import Struct

from hubassoc_async.errors import DailyQuotaSpent, HubAssocError
from hubassoc_async.jobs.journal import Journal

_LOOK_EVERY: Final = 60.0  # seconds: a machine that slept must not sleep on for as long again
_TRY_AGAIN: Final = 3600.0  # seconds, where the quota was not new at the midnight we knew of
_TABLE: Final = """CREATE TABLE IF NOT EXISTS parks
(at REAL, resume_at REAL, items INTEGER, resumed_at REAL)"""

_log = logging.getLogger("hubassoc_async")


class Parked(HubAssocError):
    """The day's quota is spent, and the job rests. ``str()`` says until when and how to go on."""


class Park(Struct, frozen=True):
    """One rest of a job. Times are seconds since 1970."""

    at: float
    resume_at: float
    """When it was to go on."""
    items: int
    """How much was done before it."""
    resumed_at: float | None
    """When it did go on."""


async def run_parking(
    journal: Journal,
    work: Callable[[], Awaitable[None]],
    zone: tzinfo,
    *,
    wait: bool = False,
    now: Callable[[], float] = time.time,
) -> None:
    """Work, and park the job when the day's quota is spent; ``wait``: and go on when it is new.

    ``work`` is called again after each rest, and takes the job up where its journal says.

    Raises ``Parked``, and what ``work`` raises.
    """
    while True:
        _unpark(journal, now())
        try:
            await work()
        except DailyQuotaSpent as spent:
            why = str(spent).removesuffix(".")
            resume_at = _park(journal, why, zone, now())
            when = f"{datetime.fromtimestamp(resume_at, zone):%Y-%m-%d %H:%M} ({zone})"
            if not wait:
                raise Parked(
                    f"{why}. Job {journal.name} is parked until {when}: go on then with"
                    f" hubassoc resume {journal.name} (with --wait it waits by itself)"
                ) from spent
            _log.warning("%s: waiting until %s", why, when)
        else:
            return
        while (left := resume_at - now()) > 0:  # noqa: ASYNC110  (nobody sets a wall clock's event)
            await asyncio.sleep(min(left, _LOOK_EVERY))


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


def _park(journal: Journal, reason: str, zone: tzinfo, now: float) -> float:
    """Note that the job rests, and return until when."""
    resume_at, items = next_midnight(zone, now), journal.mark.items
    with journal.transaction() as connection:
        connection.execute(_TABLE)
        last = connection.execute("SELECT * FROM parks ORDER BY at DESC LIMIT 1").fetchone()
        if last is not None and last[1] <= now and last[2] == items:
            # it went on when it should and got nowhere: another time zone, or another clock
            resume_at = min(resume_at, now + _TRY_AGAIN)
        connection.execute("INSERT INTO parks VALUES (?, ?, ?, NULL)", (now, resume_at, items))
    journal.set_state("parked", reason=reason, resume_at=resume_at)
    return resume_at


def _unpark(journal: Journal, now: float) -> None:
    """Note that the job goes on."""
    with journal.transaction() as connection:
        connection.execute(_TABLE)
        connection.execute("UPDATE parks SET resumed_at = ? WHERE resumed_at IS NULL", (now,))

"""The log of reservations in a SQLite file, for the processes of one machine.

Time is the machine's monotonic clock, which all its processes share and nobody can set.

Knows: SQLite. Does not know: who waits, what a turn is for.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hubassoc_async.pacing.shared import Rule

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (name TEXT, turn REAL);
CREATE INDEX IF NOT EXISTS turns_by_time ON turns (name, turn);
CREATE TABLE IF NOT EXISTS floors (name TEXT PRIMARY KEY, floor REAL);
"""
T = TypeVar("T")
Work = Callable[[float, sqlite3.Connection], T]
_BUSY_SECONDS = 2.0  # a transaction takes some 0.1 ms: who waits longer finds the file out of reach


class FileLog:
    """Reservations of one bucket of one portal, in a file that many processes open."""

    def __init__(
        self, path: Path, name: str, rule: Rule, now: Callable[[], float] = time.monotonic
    ) -> None:
        """``now``: a clock that all who open the file share."""
        self._path = path
        self._name = name
        self._rule = rule
        self._now = now
        self._opened: sqlite3.Connection | None = None
        self._lock = threading.Lock()  # a thread outlives the task that was cancelled

    async def time(self) -> float:
        """See ``Log``."""
        return self._now()

    async def reserve(self, *, clear: float) -> tuple[float, float]:
        """See ``Log``. A file that has no turns is new: it is not lost while it is open."""
        return await self._run(lambda now, db: self._reserve(now, db, clear))

    async def pause(self, seconds: float) -> None:
        """See ``Log``."""
        await self._run(lambda now, db: self._raise_floor(db, now + seconds))

    async def aclose(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._close)

    def _reserve(self, now: float, db: sqlite3.Connection, clear: float) -> tuple[float, float]:
        rule, name = self._rule, [self._name]
        newest: float | None
        (newest,) = db.execute("SELECT max(turn) FROM turns WHERE name = ?", name).fetchone()
        if newest is not None and newest > now + rule.far:  # of before a reboot
            db.execute("DELETE FROM turns WHERE name = ?", name)
            db.execute("DELETE FROM floors WHERE name = ?", name)
            newest = None
        turn = now + clear
        if floor := db.execute("SELECT floor FROM floors WHERE name = ?", name).fetchone():
            turn = max(turn, floor[0])
        if newest is not None:
            turn = max(turn, newest + rule.spacing)
        oldest = db.execute(
            "SELECT turn FROM turns WHERE name = ? ORDER BY turn DESC LIMIT 1 OFFSET ?",
            [self._name, rule.limit - 1],
        ).fetchone()
        if oldest is not None:
            turn = max(turn, oldest[0] + rule.held)
        db.execute("INSERT INTO turns VALUES (?, ?)", [self._name, turn])
        db.execute("DELETE FROM turns WHERE name = ? AND turn < ?", [self._name, now - rule.held])
        return now, turn

    def _raise_floor(self, db: sqlite3.Connection, floor: float) -> None:
        db.execute(
            "INSERT INTO floors VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET floor = max(floor, excluded.floor)",
            [self._name, floor],
        )

    async def _run(self, work: Work[T]) -> T:
        return await asyncio.to_thread(self._transact, work)

    def _transact(self, work: Work[T]) -> T:
        """Work in one transaction: it is had or waited for as a whole."""
        with self._lock:
            try:
                db = self._open()
                db.execute("BEGIN IMMEDIATE")
                try:
                    result = work(self._now(), db)
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
            except sqlite3.Error as error:
                self._drop()
                raise ConnectionError(f"{self._path}: {error}") from None
            return result

    def _close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _open(self) -> sqlite3.Connection:
        if self._opened is None:
            db = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._opened = db
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")  # a turn outlives no power cut anyway
            db.executescript(_SCHEMA)
        return self._opened

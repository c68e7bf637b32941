"""A lock that goes with the process that holds it, however that ends.

SQLite's own lock of an empty file: the same on every system that it runs on.

Knows: SQLite. Does not know: what is locked.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from hubassoc_async.jobs.job_spec import JournalError

_PATIENCE: Final = 0.5  # seconds: somebody who looks whether a lock is held has it for less


def hold(path: Path) -> sqlite3.Connection | None:
    """Take a lock and hold it until the connection is closed. None when it is held already.

    Raises ``JournalError`` when it cannot be had at all, as on a full disk.
    """
    while True:
        with suppress(OSError):  # said better below
            path.touch()
        before = _inode(path)
        try:
            lock = _hold(path)
        except JournalError:
            if before is None or _inode(path) == before:
                raise
            continue  # who had it has removed the file: SQLite calls that an I/O error
        if lock is None or _inode(path) == before:
            return lock
        lock.close()  # another file may be held by somebody else now


def _hold(path: Path) -> sqlite3.Connection | None:
    lock = None
    try:
        lock = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)
        lock.execute("begin exclusive")
    except sqlite3.OperationalError as error:
        if lock is not None:
            lock.close()
        if "locked" not in str(error):
            raise JournalError(f"{path} cannot be written: {error}") from error
        return None
    return lock


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def is_held(path: Path) -> bool:
    """Whether a lock is held."""
    with closing(sqlite3.connect(path, timeout=0.0)) as lock:
        try:
            lock.execute("select * from sqlite_master").fetchall()
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
    return False

"""Where journals are, and what can be told of them without holding one.

Knows: names, formats, locks, SQLite. Does not know: what is written to a journal, and when.
"""

import os
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from hubassoc_async.jobs.job_lock import hold, is_held
from hubassoc_async.jobs.job_spec import JobInfo, JournalError, TakenError

DIRECTORY_VARIABLE: Final = "HUBASSOC_JOBS"
FORMAT: Final = 2
"""Of journals: another one is refused rather than guessed at."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ENDINGS: Final = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".daily", ".lock")
_DAMAGE: Final = (sqlite3.Error, msgspec.MsgspecError, TypeError)  # no row: no columns of it


class Unreadable(Struct, frozen=True):
    """What is called as journals are, and is none that this version can go on with."""

    name: str
    why: str
    """In a word or two: ``format 1``, ``never begun``, ``unreadable``."""
    changed_at: float
    info: JobInfo | None
    """The job, as far as it can be told."""


def jobs_directory() -> Path:
    """Where journals are, unless told otherwise."""
    if named := os.environ.get(DIRECTORY_VARIABLE):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "hubassoc" / "jobs"


def jobs(directory: Path | None = None) -> list[JobInfo]:
    """List all jobs, the latest first. What is no journal of this version is passed over."""
    found = []
    for path in (directory or jobs_directory()).glob("*.sqlite"):
        with suppress(JournalError):
            found.append(_look(path))
    return sorted(found, key=lambda job: job.created_at, reverse=True)


def unreadable_jobs(directory: Path | None = None) -> list[Unreadable]:
    """List what ``jobs`` passes over, the latest first."""
    paths = (directory or jobs_directory()).glob("*.sqlite")
    found = [one for path in paths if (one := unreadable(path)) is not None]
    return sorted(found, key=lambda one: one.changed_at, reverse=True)


def unreadable(path: Path, *, held: bool = False) -> Unreadable | None:
    """Look at what is no journal of this version; None for one that is, or is being begun.

    ``held``: by whoever asks, so that nobody else begins it.
    """
    info, why = None, "unreadable"
    with suppress(JournalError, *_DAMAGE), closing(connect(path, "rw")) as connection:
        version = version_of(connection)
        if not (version or held) and is_held(path.with_suffix(".lock")):
            return None
        if version != FORMAT:
            why = f"format {version}" if version else "never begun"
        info = info_of(path, connection)
        if version == FORMAT:
            return None
    with suppress(FileNotFoundError):  # it was forgotten just now
        return Unreadable(path.stem, why, path.stat().st_mtime, info)
    return None


def has_job(name: str, directory: Path | None = None) -> bool:
    """Whether a job of that name was begun. Raises ``JournalError`` for what cannot be a name."""
    path = path_of(name, directory or jobs_directory())
    if not path.exists():
        return False
    with closing(connect(path, "rw")) as connection:
        return version_of(connection) != 0  # else it died before it began


def find_job(name: str, directory: Path | None = None) -> JobInfo:
    """Look at one job, without taking it up. Raises ``JournalError`` when there is none."""
    path = path_of(name, directory or jobs_directory())
    check_there(path)
    return _look(path)


def remove_files(path: Path) -> None:
    """Remove a journal and what belongs to it."""
    for ending in _ENDINGS:
        path.with_suffix(ending).unlink(missing_ok=True)


def path_of(name: str, directory: Path) -> Path:
    """Where the journal of a job is. Raises ``JournalError`` for what cannot be a name."""
    if not _NAME.fullmatch(name):
        raise JournalError(
            f"{name!r} cannot be the name of a job: use letters, digits, '-', '_' and '.'"
        )
    return directory / f"{name}.sqlite"


def connect(path: Path, mode: Literal["rw", "rwc"]) -> sqlite3.Connection:
    """Open a database whose commits are durable; ``rwc`` makes it if it is not there."""
    # autocommit, and used by the threads that make what it notes durable
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=60.0,
    )
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise JournalError(f"{path} is no journal: {error}") from error
    return connection


def locked(path: Path) -> sqlite3.Connection:
    """Hold the lock of a job. Raises ``JournalError`` when another process does."""
    lock = hold(path.with_suffix(".lock"))
    if lock is None:
        who = ""
        with suppress(JournalError):
            who = f" (pid {_look(path).pid})"
        raise TakenError(
            f"another process{who} is running job {path.stem!r}: wait for it or stop it first"
        )
    return lock


def _look(path: Path) -> JobInfo:
    try:
        with closing(connect(path, "rw")) as connection:
            check_format(path, version_of(connection))
            info = info_of(path, connection)
    except _DAMAGE as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    if info.state == "running" and not is_held(path.with_suffix(".lock")):
        return msgspec.structs.replace(info, state="stopped", reason="its process was killed")
    return info


def version_of(connection: sqlite3.Connection) -> int:
    """The format of a journal; 0 for a file that never became one."""
    (version,) = connection.execute("pragma user_version").fetchone()
    return int(version)


def check_there(path: Path) -> None:
    """Raise ``JournalError`` where there is no journal."""
    if not path.exists():
        raise JournalError(
            f"there is no job {path.stem!r} in {path.parent}: hubassoc jobs lists all"
        )


def check_free(name: str, version: int) -> None:
    """Raise ``TakenError`` for a format that says that there is a job."""
    if version:
        raise TakenError(
            f"there is a job {name!r} already: go on with it (hubassoc resume {name}) or give this"
            " one another name"
        )


def check_format(path: Path, version: int) -> None:
    """Raise ``JournalError`` for a format that cannot be gone on with."""
    if version == 0:
        raise JournalError(f"job {path.stem!r} died before it began: begin it again")
    if version != FORMAT:
        raise JournalError(
            f"{path} has format {version} and this version of hubassoc knows format {FORMAT}:"
            " go on with the version that began it, forget it (hubassoc jobs --forget"
            f" {path.stem}), or begin it again under another name"
        )


def info_of(path: Path, connection: sqlite3.Connection) -> JobInfo:
    """All that is known of a job. Raises one of what is damage otherwise."""
    cursor = connection.execute("select * from job")
    row = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    decoded = {name: msgspec.json.decode(row.pop(name)) for name in ("spec", "arguments", "mark")}
    return msgspec.convert({**row, **decoded, "name": path.stem, "path": path}, JobInfo)

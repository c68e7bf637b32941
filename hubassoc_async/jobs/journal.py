"""What a job has done, on disk: one SQLite file a job, one process at a time.

A commit is durable when it returns: what it says is done was made durable before it, so that a
job that dies at any instant goes on from its last commit.

Knows: SQLite, locks. Does not know: what a job does.
"""

import asyncio
import errno
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs.files import make_directory, sync_directory
from hubassoc_async.jobs.job_files import DIRECTORY_VARIABLE as DIRECTORY_VARIABLE
from hubassoc_async.jobs.job_files import (
    FORMAT,
    check_format,
    check_free,
    check_there,
    connect,
    info_of,
    locked,
    path_of,
    remove_files,
    version_of,
)
from hubassoc_async.jobs.job_files import find_job as find_job
from hubassoc_async.jobs.job_files import has_job as has_job
from hubassoc_async.jobs.job_files import jobs as jobs
from hubassoc_async.jobs.job_files import jobs_directory as jobs_directory
from hubassoc_async.jobs.job_spec import JobInfo as JobInfo
from hubassoc_async.jobs.job_spec import JobSpec as JobSpec
from hubassoc_async.jobs.job_spec import JournalError as JournalError
from hubassoc_async.jobs.job_spec import Mark as Mark
from hubassoc_async.jobs.job_spec import State as State
from hubassoc_async.jobs.job_spec import TakenError
from hubassoc_async.jobs.job_spec import check_same as check_same
from hubassoc_async.jobs.job_spec import fingerprint as fingerprint

TOLD: Final = "it was told to stop"
"""The reason of such an end."""
_TABLES: Final = f"""
create table job (
    key text not null, spec text not null, arguments text not null, created_at real not null,
    state text not null, reason text not null, resume_at real, pid integer not null,
    mark text not null, changed_at real not null
);
create table samples (at real not null, numbers text not null);
pragma user_version = {FORMAT};
"""


class Journal:
    """The journal of one job, held by this process until it is closed."""

    def __init__(self, path: Path, lock: sqlite3.Connection) -> None:
        """Use ``create`` or ``open``."""
        self.path = path
        self._lock = lock
        self.connection = connect(path, "rwc")
        """For tables of other modules: write them within ``transaction``."""
        self._writing = threading.RLock()
        self._samples: list[tuple[float, str]] = []

    @classmethod
    def create(
        cls,
        name: str | None,
        spec: JobSpec,
        *,
        arguments: Mapping[str, Any] | None = None,
        directory: Path | None = None,
        prepare: "Callable[[Self], None] | None" = None,
    ) -> Self:
        """Begin a job. Without a name it gets a readable one of its own.

        ``arguments``: what a command needs to go on with it; no secrets. ``prepare``: what else
        is to be noted as it begins, or raises, and then it was never begun.

        Raises ``JournalError`` when there is a job of that name, ``OSError`` when the directory
        cannot be written to.
        """
        directory = directory or jobs_directory()
        make_directory(directory)
        if name is not None:
            return cls._create(name, spec, arguments or {}, directory, prepare)
        ends = f"{spec.from_object_type}-{spec.to_object_type}".lower()
        stem = f"{spec.kind}-{ends}-{time.strftime('%Y%m%d')}"[:90]
        for number in count(1):
            with suppress(TakenError):
                if not path_of(free := f"{stem}-{number}", directory).exists():
                    return cls._create(free, spec, arguments or {}, directory, prepare)
        raise AssertionError  # there is always another number

    @classmethod
    def _create(
        cls,
        name: str,
        spec: JobSpec,
        arguments: Mapping[str, Any],
        directory: Path,
        prepare: "Callable[[Self], None] | None",
    ) -> Self:
        path = path_of(name, directory)
        journal = cls(path, locked(path))
        try:
            check_free(name, version_of(journal.connection))
        except BaseException:
            journal.close()
            raise
        try:
            now, key = time.time(), f"{name}-{secrets.token_hex(4)}"
            told = _json(spec), _json(arguments)
            row = (key, *told, now, "new", "", None, os.getpid(), _json(Mark()), now)
            with journal.transaction() as connection:
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute("insert into job values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                if prepare is not None:
                    prepare(journal)
            sync_directory(directory)
        except BaseException:
            journal.remove()
            raise
        return journal

    @classmethod
    def open(
        cls, name: str, *, directory: Path | None = None, expect: JobSpec | None = None
    ) -> Self:
        """Take up a job that was begun.

        Raises ``JournalError`` when there is none, another process is running it, its journal has
        another format, or it is not the job ``expect``: then it names what differs.
        """
        path = path_of(name, directory or jobs_directory())
        check_there(path)
        lock = locked(path)
        try:
            check_there(path)  # it may have been forgotten just now
            journal = cls(path, lock)
        except BaseException:
            lock.close()
            raise
        try:
            check_format(path, version_of(journal.connection))
            if expect is not None:
                check_same(name, journal.spec, expect)
            with journal.transaction() as connection:
                connection.execute("update job set pid = ?", (os.getpid(),))
        except BaseException:
            journal.close()
            raise
        return journal

    @property
    def name(self) -> str:
        """What the job is called."""
        return self.path.stem

    @property
    def key(self) -> str:
        """What it is called where it keeps what it has not finished: no other job ever is."""
        return self.info.key

    @property
    def info(self) -> JobInfo:
        """All that is known of the job now."""
        return info_of(self.path, self.connection)

    @property
    def spec(self) -> JobSpec:
        """What the job is."""
        return self.info.spec

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.info.state

    @property
    def mark(self) -> Mark:
        """How far it is."""
        return self.info.mark

    @property
    def arguments(self) -> dict[str, Any]:
        """What a command needs to go on with it."""
        return self.info.arguments

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write several things as one, durable at the end; other threads wait.

        Raises ``OSError`` when the journal cannot be written, as on a full disk.
        """
        with self._writing:
            try:
                self.connection.execute("begin immediate")
                yield self.connection
                self.connection.execute("commit")
            except BaseException as error:
                if self.connection.in_transaction:
                    self.connection.execute("rollback")
                if isinstance(error, sqlite3.Error):
                    why = f"the journal cannot be written ({error})"
                    raise OSError(errno.EIO, why, str(self.path)) from error
                raise

    def commit(self, mark: Mark) -> None:
        """Note how far the job is. Durable on return."""
        with self.transaction() as connection:
            samples, self._samples = self._samples, []
            connection.executemany("insert into samples values (?, ?)", samples)
            connection.execute(
                "update job set mark = ?, changed_at = ?", (_json(mark), time.time())
            )

    def set_state(self, state: State, *, reason: str = "", resume_at: float | None = None) -> None:
        """Note where the job stands. ``resume_at``: when it may go on, seconds since 1970."""
        with self.transaction() as connection:
            connection.execute(
                "update job set state = ?, reason = ?, resume_at = ?, changed_at = ?",
                (state, reason, resume_at, time.time()),
            )

    def note_end(self, error: BaseException) -> None:
        """Note what ended a run before the job was complete, if that can be written."""
        state: State = "parked" if isinstance(error, DailyQuotaSpent) else "stopped"
        told = isinstance(error, asyncio.CancelledError)
        reason = TOLD if told else str(error) or type(error).__name__
        with suppress(OSError, sqlite3.Error):  # of the journal: it may be the very reason
            self.set_state(state, reason=reason)

    def sample(self, values: Mapping[str, float]) -> None:
        """Keep one row of numbers for the report; they are written with the next commit."""
        self._samples.append((time.time(), _json(values)))

    def close(self) -> None:
        """Let go of it: another process may take it up."""
        self.connection.close()
        self._lock.close()

    def remove(self) -> None:
        """Close it and remove its files: the job is forgotten."""
        self.connection.close()
        remove_files(self.path)
        self._lock.close()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

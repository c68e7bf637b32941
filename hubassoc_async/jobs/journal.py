"""What a job has done, on disk: one SQLite file a job, one process at a time.

A commit is durable when it returns: what it says is done was made durable before it, so that a
job that dies at any instant goes on from its last commit.

Knows: SQLite, locks. Does not know: what a job does.
"""

import errno
import os
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec

from hubassoc_async.jobs.files import make_directory, sync_directory
from hubassoc_async.jobs.job_lock import hold, is_held
from hubassoc_async.jobs.job_spec import JobInfo as JobInfo
from hubassoc_async.jobs.job_spec import JobSpec as JobSpec
from hubassoc_async.jobs.job_spec import JournalError as JournalError
from hubassoc_async.jobs.job_spec import Mark as Mark
from hubassoc_async.jobs.job_spec import State as State
from hubassoc_async.jobs.job_spec import TakenError
from hubassoc_async.jobs.job_spec import check_same as check_same
from hubassoc_async.jobs.job_spec import fingerprint as fingerprint

DIRECTORY_VARIABLE: Final = "HUBASSOC_JOBS"
_FORMAT: Final = 2  # of the journal: another one is refused rather than guessed at
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TABLES: Final = f"""
create table job (
    key text not null, spec text not null, arguments text not null, created_at real not null,
    state text not null, reason text not null, resume_at real, pid integer not null,
    mark text not null, changed_at real not null
);
create table samples (at real not null, numbers text not null);
pragma user_version = {_FORMAT};
"""


class Journal:
    """The journal of one job, held by this process until it is closed."""

    def __init__(self, path: Path, lock: sqlite3.Connection) -> None:
        """Use ``create`` or ``open``."""
        self.path = path
        self._lock = lock
        self.connection = _connect(path, "rwc")
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
    ) -> Self:
        """Begin a job. Without a name it gets a readable one of its own.

        ``arguments``: what a command needs to go on with it; no secrets.

        Raises ``JournalError`` when there is a job of that name, ``OSError`` when the directory
        cannot be written to.
        """
        directory = directory or jobs_directory()
        make_directory(directory)
        if name is not None:
            return cls._create(name, spec, arguments or {}, directory)
        ends = f"{spec.from_object_type}-{spec.to_object_type}".lower()
        stem = f"{spec.kind}-{ends}-{time.strftime('%Y%m%d')}"[:90]
        for number in count(1):
            with suppress(TakenError):
                if not _path(free := f"{stem}-{number}", directory).exists():
                    return cls._create(free, spec, arguments or {}, directory)
        raise AssertionError  # there is always another number

    @classmethod
    def _create(
        cls, name: str, spec: JobSpec, arguments: Mapping[str, Any], directory: Path
    ) -> Self:
        path = _path(name, directory)
        journal = cls(path, _locked(path))
        try:
            _check_free(name, _version(journal.connection))
            now = time.time()
            row = (
                f"{name}-{secrets.token_hex(4)}",
                _json(spec),
                _json(arguments),
                now,
                "new",
                "",
                None,
                os.getpid(),
                _json(Mark()),
                now,
            )
            with journal.transaction() as connection:
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute("insert into job values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            sync_directory(directory)
        except BaseException:
            journal.close()
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
        path = _path(name, directory or jobs_directory())
        if not path.exists():
            raise JournalError(
                f"there is no job {name!r} in {path.parent}: hubassoc jobs lists all"
            )
        journal = cls(path, _locked(path))
        try:
            _check_format(path, _version(journal.connection))
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
        return _info(self.path, self.connection)

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
        for ending in (".sqlite", ".sqlite-wal", ".sqlite-shm", ".daily", ".lock"):
            self.path.with_suffix(ending).unlink(missing_ok=True)
        self._lock.close()


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


def has_job(name: str, directory: Path | None = None) -> bool:
    """Whether a job of that name was begun. Raises ``JournalError`` for what cannot be a name."""
    path = _path(name, directory or jobs_directory())
    if not path.exists():
        return False
    with closing(_connect(path, "rw")) as connection:
        return _version(connection) != 0  # else it died before it began


def find_job(name: str, directory: Path | None = None) -> JobInfo:
    """Look at one job, without taking it up. Raises ``JournalError`` when there is none."""
    path = _path(name, directory or jobs_directory())
    if not path.exists():
        raise JournalError(f"there is no job {name!r} in {path.parent}: hubassoc jobs lists all")
    return _look(path)


def _path(name: str, directory: Path) -> Path:
    if not _NAME.fullmatch(name):
        raise JournalError(
            f"{name!r} cannot be the name of a job: use letters, digits, '-', '_' and '.'"
        )
    return directory / f"{name}.sqlite"


def _connect(path: Path, mode: Literal["rw", "rwc"]) -> sqlite3.Connection:
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


def _locked(path: Path) -> sqlite3.Connection:
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
    with closing(_connect(path, "rw")) as connection:
        _check_format(path, _version(connection))
        info = _info(path, connection)
    if info.state == "running" and not is_held(path.with_suffix(".lock")):
        return msgspec.structs.replace(info, state="stopped", reason="its process was killed")
    return info


def _version(connection: sqlite3.Connection) -> int:
    """The format of a journal; 0 for a file that never became one."""
    (version,) = connection.execute("pragma user_version").fetchone()
    return int(version)


def _check_free(name: str, version: int) -> None:
    if version:
        raise TakenError(
            f"there is a job {name!r} already: go on with it (hubassoc resume {name}) or give this"
            " one another name"
        )


def _check_format(path: Path, version: int) -> None:
    if version == 0:
        raise JournalError(f"job {path.stem!r} died before it began: begin it again")
    if version != _FORMAT:
        raise JournalError(
            f"{path} has format {version} and this version of hubassoc knows format {_FORMAT}:"
            " go on with the version that began it, or begin it again under another name"
        )


def _info(path: Path, connection: sqlite3.Connection) -> JobInfo:
    cursor = connection.execute("select * from job")
    row = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    decoded = {name: msgspec.json.decode(row.pop(name)) for name in ("spec", "arguments", "mark")}
    return msgspec.convert({**row, **decoded, "name": path.stem, "path": path}, JobInfo)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

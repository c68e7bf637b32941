"""Where a job's outcomes go: chunk by chunk, each durable before the journal says that it is done.

A sink keeps what it has somewhere hidden and can go back to any mark of its job, so that what is
written after the last mark was written for nothing and does no harm. At the end all of it appears
under its name in one step. A new sink is one small class with the methods of ``JobSink`` and one
row of ``SINKS``.

Knows: files, targets. Does not know: reads, journals.
"""

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import unquote

from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database_urls import database_of
from hubassoc_async.jobs.files import sync_directory
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.lines import CsvLines, Lines, NdjsonLines
from hubassoc_async.model import ObjectAssociations

SINK: Final = "sink"
"""Where in ``Mark.positions`` a sink keeps its place."""


class JobSink(Protocol):
    """Takes outcomes in chunks and can go back. A thread calls its methods, but for ``write``.

    One that makes columns says so, by ``packed = True``: most that it is given are
    ``PackedAssociations`` then, and others come as ever, in one call at times.
    """

    chunk_ids: int
    """A chunk ends after so many ids, ..."""
    chunk_rows: int
    """... or after the id that makes it so many associations."""

    def resume(self, mark: Mark) -> Mark:
        """Begin, or go back to where it was at a mark; ``Mark()`` is the beginning.

        What was written and not committed is forgotten.

        Returns the mark that holds. A sink that commits marks itself, as a database does, returns
        its own, which may be one chunk further than the journal's.

        Raises ``JournalError`` when what had been written is not there any more.
        """

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Take some of a chunk: found and none, in the order of the source.

        The event loop calls it, with a thousand at most: it must not wait for anything.
        """

    def commit(self, mark: Mark) -> None:
        """End the chunk, with what was written since the last one. Durable on return.

        Notes in ``mark.positions[SINK]`` what ``resume`` needs to come back to after this chunk.
        """

    def finish(self) -> str:
        """Make it all appear under its name, and return what to call it. Twice does no harm."""

    def abandon(self) -> None:
        """Let go, and keep what is needed to go on."""

    def discard(self) -> None:
        """Remove everything that is not finished: the job is given up."""


class Target(Struct, frozen=True):
    """Where a job writes, and what."""

    name: str
    """As it was given: a path or a URL, perhaps with a password."""
    from_object_type: str
    to_object_type: str
    job: str
    """The key of the job, which no other job has: what is hidden is called after it."""

    @property
    def path(self) -> Path:
        """The target as a path, absolute and through links."""
        return Path(os.path.realpath(self.name))


class LinesFile:
    """A file of lines, gzip or not, hidden beside its place until it is whole.

    Compressed, each chunk is a member of its own: what is written ends where a chunk ends, and
    members one after the other are one gzip file.
    """

    chunk_ids = 5_000
    chunk_rows = 25_000

    def __init__(self, target: Target, lines: Lines) -> None:
        """Raises ``UsageError`` for what is no file and so cannot be gone back in."""
        path = target.path
        if path.exists() and not path.is_file():
            raise UsageError(f"{target.name} is no regular file: a job cannot go back in it")
        check_directory(path)
        self._name = target.name
        self._path = path
        self._part = path.with_name(f".{path.name}.{target.job}.part")
        self._lines = lines
        self._packed = path.name.lower().endswith(".gz")
        self._held: list[bytes] = []
        self._file: IO[bytes] | None = None

    def resume(self, mark: Mark) -> Mark:
        """Cut off what was written after the mark."""
        self._held.clear()
        at = mark.positions.get(SINK)
        if at is None:
            self._file = self._part.open("wb")
            self._write(self._lines.header)
            sync_directory(self._part.parent)
        elif self._part.exists():
            self._file = self._part.open("r+b")
            if os.fstat(self._file.fileno()).st_size < at["bytes"]:
                raise JournalError(f"{self._part} is shorter than the job left it")
            self._file.truncate(at["bytes"])
            self._file.seek(at["bytes"])
        elif not self._named(at):
            raise JournalError(f"{self._part} is gone, and with it what the job had written")
        return mark

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Make lines, and hold them."""
        self._held.append(self._lines.encode(outcomes))

    def commit(self, mark: Mark) -> None:
        """Write the lines of one chunk."""
        self._write(b"".join(self._held))
        self._held.clear()
        mark.positions[SINK] = self._position()

    def finish(self) -> str:
        """Give the file its name."""
        self.abandon()
        if self._part.exists():
            self._part.replace(self._path)
            sync_directory(self._path.parent)
        return self._name

    def abandon(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Remove the hidden file."""
        self.abandon()
        self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        assert self._file is not None, "resume comes first"
        self._file.write(gzip.compress(data, 6, mtime=0) if self._packed else data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _position(self) -> dict[str, int]:
        assert self._file is not None
        return {"bytes": self._file.tell(), "inode": os.fstat(self._file.fileno()).st_ino}

    def _named(self, at: dict[str, int]) -> bool:
        """Whether the file has its name already: the job died just before it could say so."""
        if not self._path.is_file():
            return False
        status = self._path.stat()
        return (status.st_ino, status.st_size) == (at["inode"], at["bytes"])


def check_directory(path: Path) -> None:
    """Raise ``UsageError`` where no file can be made at a path."""
    if not path.parent.is_dir():
        raise UsageError(f"there is no directory {path.parent} for {path.name}")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"no files can be made in {path.parent}: it is not yours to write to")


def _ndjson(target: Target) -> JobSink:
    return LinesFile(target, NdjsonLines())


def _csv(target: Target) -> JobSink:
    return LinesFile(target, CsvLines(target.from_object_type, target.to_object_type))


def _folder(target: Target) -> JobSink:
    from hubassoc_async.jobs.parts import PartsFolder  # these import this module

    return PartsFolder(target)


def _parquet(target: Target) -> JobSink:
    from hubassoc_async.jobs.parts import PartsFile

    return PartsFile(target)


def _sqlite(target: Target) -> JobSink:
    from hubassoc_async.jobs.sqlite_table import SqliteTable

    return SqliteTable(target)


def _duckdb(target: Target) -> JobSink:
    from hubassoc_async.jobs.duckdb_table import DuckdbTable

    return DuckdbTable(target)


def _postgres(target: Target) -> JobSink:
    from hubassoc_async.jobs.postgres_table import PostgresTable

    return PostgresTable(target)


SINKS: Final[dict[str, Callable[[Target], JobSink]]] = {
    "/": _folder,
    ".parquet": _parquet,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    ".csv": _csv,
    "sqlite://": _sqlite,
    "duckdb://": _duckdb,
    "postgresql://": _postgres,
    "postgres://": _postgres,
}
"""By what a target's name says: the scheme of a URL (``sqlite://``), the ending of a path, before
``.gz`` perhaps, or ``/`` for a directory."""


def open_job_sink(target: str, from_object_type: str, to_object_type: str, *, job: str) -> JobSink:
    """Make the sink that a target asks for. Nothing is written before its ``resume``.

    Raises ``UsageError`` for a target that no sink takes, or whose library is missing.
    """
    if target == "-":
        raise UsageError(
            "a job goes back in what it has written, and in standard output nothing can:"
            " hubassoc read --output - writes to it"
        )
    make = SINKS.get(_kind(target))
    if make is None:
        database_of(target)  # refuses other URLs, with nothing of them that may be secret
        paths = ", ".join(key for key in SINKS if "://" not in key)
        urls = ", ".join(f"{key}…" for key in SINKS if "://" in key)
        raise UsageError(
            f"{public_name(target)} names no sink: a file or a folder ends with {paths}, and a"
            f" table is {urls}"
        )
    return make(Target(target, from_object_type, to_object_type, job))


def public_name(target: str) -> str:
    """A target as a journal, a log or a message may have it: no password, and paths absolute."""
    scheme, separator, rest = target.partition("://")
    if not separator:
        return os.path.realpath(target) + ("/" if _kind(target) == "/" else "")
    rest, mark, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    if not host and not path.startswith("/"):  # sqlite:///x.db: from here
        path = os.path.realpath(path)
    user, at, host = host.rpartition("@")
    query = "&".join(one for one in query.split("&") if not _is_secret(one))
    shown = f"{scheme}{separator}{user.partition(':')[0]}{at}{host}{slash}{path}"
    return shown + (mark + query if query else "")


def _is_secret(parameter: str) -> bool:
    """Whether a parameter of a URL is one that libpq keeps secret, however it is spelt."""
    name = unquote(parameter.partition("=")[0]).casefold()
    return name.endswith(("password", "secret")) or name.startswith("scram_")


def _kind(target: str) -> str:
    if "://" in target:
        return f"{target.partition('://')[0].lower()}://"
    if target.endswith("/") or Path(target).is_dir():
        return "/"
    return Path(target.lower().removesuffix(".gz")).suffix

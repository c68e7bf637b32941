"""Which sink a job's target asks for, by its name.

Knows: names, sinks. Does not know: how a sink writes.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database_urls import database_of
from hubassoc_async.jobs.duckdb_table import DuckdbTable
from hubassoc_async.jobs.job_sink import JobSink, Target
from hubassoc_async.jobs.lines import CsvLines, NdjsonLines
from hubassoc_async.jobs.lines_file import LinesFile
from hubassoc_async.jobs.parts import PartsFile, PartsFolder
from hubassoc_async.jobs.postgres_table import PostgresTable
from hubassoc_async.jobs.sqlite_table import SqliteTable


def _ndjson(target: Target) -> JobSink:
    return LinesFile(target, NdjsonLines())


def _csv(target: Target) -> JobSink:
    return LinesFile(target, CsvLines(target.from_object_type, target.to_object_type))


SINKS: Final[dict[str, Callable[[Target], JobSink]]] = {
    "/": PartsFolder,
    ".parquet": PartsFile,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    ".csv": _csv,
    "sqlite://": SqliteTable,
    "duckdb://": DuckdbTable,
    "postgresql://": PostgresTable,
    "postgres://": PostgresTable,
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

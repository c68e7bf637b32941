"""The sinks that are killed: where each writes, and what it has at the end."""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg

from tests.jobs.kill.killing import size_of
from tests.jobs.postgres import PASSWORD
from tests.jobs.stores import KINDS, left_beside, rows_in, target_of


class KilledSink(NamedTuple):
    """One sink, as a kill test sees it. A new one is one row of ``SINKS``."""

    target: Callable[[Path], str]
    """What ``--to`` is told, for a directory that is the job's own."""
    content: Callable[[Path], object]
    """What the sink has in the end: bytes or rows, to be compared with an undisturbed run's."""
    size: Callable[[Path], int] = lambda at: size_of(at.rglob("*"))
    """Bytes that are written, committed or not."""
    environment: Mapping[str, str] = {}
    """What a process needs besides."""


def file(name: str, content: Callable[[Path], object] = Path.read_bytes) -> KilledSink:
    """A sink that is one file in the job's directory."""
    return KilledSink(lambda at: str(at / name), lambda at: content(at / name))


def unpacked(path: Path) -> bytes:
    """A gzip file's content."""
    return gzip.decompress(path.read_bytes())


def store(kind: str) -> KilledSink:
    """A sink of typed rows, in the job's directory."""
    return KilledSink(lambda at: target_of(kind, at), lambda at: rows(target_of(kind, at)))


def rows(target: str) -> object:
    """The rows of a target, and what is hidden beside it."""
    return rows_in(target), left_beside(target)


def postgres(url: str, watcher: psycopg.Connection) -> KilledSink:
    """A table of the job's own in a database whose URL has a password; ``watcher`` looks at it."""

    def target(at: Path) -> str:
        return target_of("postgres", at, url, table=at.parent.name)

    def size(_: Path) -> int:
        found = watcher.execute("SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE oid > 16383")
        row = found.fetchone()
        assert row is not None
        return int(row[0] or 0)

    return KilledSink(target, lambda at: rows(target(at)), size, {"PGPASSWORD": PASSWORD})


SINKS: dict[str, KilledSink] = {
    "ndjson": file("out.ndjson"),
    "ndjson.gz": file("out.ndjson.gz", unpacked),
    "csv": file("out.csv"),
    "csv.gz": file("out.csv.gz", unpacked),
    **{kind: store(kind) for kind in KINDS if kind != "postgres"},
}

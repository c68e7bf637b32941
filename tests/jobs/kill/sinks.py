"""The sinks that are killed: where each writes, and what it has at the end."""

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.jobs.postgres import PASSWORD
from tests.jobs.stores import KINDS, rows_in, target_of


class KilledSink(NamedTuple):
    """One sink, as a kill test sees it. A new one is one row of ``SINKS``."""

    target: Callable[[Path], str]
    """What ``--to`` is told, for a directory that is the job's own."""
    content: Callable[[Path], object]
    """What the sink has in the end: bytes or rows, to be compared with an undisturbed run's."""
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
    return KilledSink(lambda at: target_of(kind, at), lambda at: rows_in(target_of(kind, at)))


def postgres(url: str) -> KilledSink:
    """A table of the job's own in a database whose URL has a password."""

    def target(at: Path) -> str:
        return target_of("postgres", at, url, table=at.parent.name)

    return KilledSink(target, lambda at: rows_in(target(at)), {"PGPASSWORD": PASSWORD})


SINKS: dict[str, KilledSink] = {
    "ndjson": file("out.ndjson"),
    "ndjson.gz": file("out.ndjson.gz", unpacked),
    "csv": file("out.csv"),
    "csv.gz": file("out.csv.gz", unpacked),
    **{kind: store(kind) for kind in KINDS if kind != "postgres"},
}

"""Job sinks other than files of lines: what they are given, and what is read back out of them."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq

from hubassoc_async.jobs.database_urls import database_of, quoted
from hubassoc_async.jobs.job_sink import JobSink
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import Mark
from hubassoc_async.jobs.lines import COLUMNS
from hubassoc_async.model import Association, AssociationType, ObjectAssociations

KINDS = ("folder", "parquet", "sqlite", "duckdb", "postgres")
TABLES = ("sqlite", "duckdb", "postgres")

Row = tuple[Any, ...]
Targets = Callable[[str], str]
"""Makes a target of a kind."""

PLAIN = (AssociationType("HUBSPOT_DEFINED", 279),)
ODD = (
    AssociationType("HUBSPOT_DEFINED", 1, "Primary"),
    AssociationType("USER_DEFINED", 37, 'Größe, "µ"\t\\N\r\n☃ \\.\n'),
    AssociationType("USER_DEFINED", 38, ""),
    AssociationType("UNKNOWN", None, "contact_to_thing"),
)
BIGGEST = 2**63 - 1


def found(from_id: int, *to: tuple[int, tuple[AssociationType, ...]]) -> ObjectAssociations:
    return ObjectAssociations(str(from_id), tuple(Association(str(i), types) for i, types in to))


CHUNKS: tuple[tuple[ObjectAssociations, ...], ...] = (
    (found(3, (10, PLAIN), (11, ODD)), found(1), found(2, (BIGGEST, PLAIN))),
    (found(4), found(5)),
    (found(BIGGEST, (0, ODD)),),
    (found(7), found(6, (12, PLAIN)), found(8, (13, ODD), (12, PLAIN))),
)
"""One of them without any row, one that begins with an id that has none."""


def rows_of(chunks: Sequence[Sequence[ObjectAssociations]]) -> list[Row]:
    return list(_rows(chunks))


def _rows(chunks: Sequence[Sequence[ObjectAssociations]]) -> Iterator[Row]:
    for chunk in chunks:
        for outcome in chunk:
            for one in outcome.to:
                for kind in one.association_types:
                    ids = int(outcome.from_object_id), int(one.to_object_id)
                    yield "contacts", ids[0], "companies", ids[1], *_kind(kind)


def _kind(kind: AssociationType) -> Row:
    return kind.category, kind.type_id, kind.label


def target_of(kind: str, folder: Path, url: str | None = None, table: str = "links") -> str:
    """The name of a target of a kind; ``url`` is that of a PostgreSQL database."""
    if kind == "folder":
        return f"{folder / table}.d/"
    if kind == "parquet":
        return str(folder / f"{table}.parquet")
    if kind == "postgres":
        return f"{url}&table={table}"
    return f"{kind}:///{folder / kind}.db?table={table}"


def rows_in(target: str) -> list[Row] | None:
    """Read a target's rows, in order; None when there is none of that name."""
    if "://" not in target:
        return _rows_in_files(Path(target))
    with connect(target) as connection:
        database = database_of(target)
        assert database is not None
        assert database.table is not None
        try:
            found = connection.execute(f"SELECT * FROM {quoted(database.table)}")
        except (sqlite3.OperationalError, duckdb.CatalogException, psycopg.errors.UndefinedTable):
            return None
        assert [column[0] for column in found.description] == list(COLUMNS)
        return [tuple(row) for row in found.fetchall()]


def connect(target: str) -> Any:
    """Open the database of a target, for a ``with`` block that closes it."""
    database = database_of(target)
    assert database is not None
    if database.kind == "postgresql":
        return psycopg.connect(database.place)
    if database.kind == "duckdb":
        return duckdb.connect(database.place)
    return _Closing(database.place)


class _Closing:
    """A SQLite connection that a ``with`` block closes."""

    def __init__(self, place: str) -> None:
        self._connection = sqlite3.connect(place)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.commit()
        self._connection.close()


def _rows_in_files(path: Path) -> list[Row] | None:
    if not path.exists():
        return None
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    assert all(file.name.startswith("part-") for file in files if path.is_dir())
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return [tuple(row.values()) for row in rows]


def tables_in(target: str) -> set[str]:
    """The names of all tables of a database."""
    with connect(target) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if not target.startswith("sqlite"):
            query = (
                "SELECT table_name FROM information_schema.tables"
                " WHERE table_schema IN ('main', 'public')"
            )
        return {name for (name,) in connection.execute(query).fetchall()}


def left_beside(target: str) -> list[str]:
    """What is hidden beside a file or folder, or beside a table."""
    if "://" not in target:
        path = Path(target)
        return [one.name for one in path.parent.iterdir() if one.name.startswith(f".{path.name}.")]
    database = database_of(target)
    assert database is not None
    return [name for name in tables_in(target) if name.startswith(f"{database.table}_")]


def remove(target: str) -> None:
    """Remove a file or a folder."""
    path = Path(target)
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def sink_of(target: str, job: str = "job-1") -> JobSink:
    return open_job_sink(target, "contacts", "companies", job=job)


def commit(sink: JobSink, chunk: tuple[ObjectAssociations, ...], after: Mark) -> Mark:
    mark = Mark(items=after.items + len(chunk), positions=dict(after.positions))
    sink.write(chunk)
    sink.commit(mark)
    return mark


def export(
    target: str, chunks: tuple[tuple[ObjectAssociations, ...], ...] = CHUNKS, job: str = "j"
) -> Mark:
    """Run a whole export."""
    sink = sink_of(target, job)
    mark = sink.resume(Mark())
    for chunk in chunks:
        mark = commit(sink, chunk, mark)
    sink.finish()
    return mark

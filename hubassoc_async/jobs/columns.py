"""Rows with typed columns: Parquet files, folders of them, tables and queries of databases.

Knows: Parquet, SQL cursors. Does not know: which columns are wanted, what an id or a label is.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database_urls import Database, database_of, quoted
from hubassoc_async.jobs.extras import need
from hubassoc_async.jobs.text_file import SourceError

_ROWS: Final = 10_000  # read at a time
_EXACT: Final = 2**53
"""From here on a floating-point number may be another one than was meant."""


class Columns(Protocol):
    """Rows in their order, some columns of them."""

    name: str
    """What to call it, without secrets."""
    path: Path | None
    """The file, if it is one."""
    names: list[str]
    """The columns there are."""
    blocks: bool
    """Whether the next row can be long in coming."""

    def lists(self, wanted: Sequence[int]) -> Iterator[list[list[Any]]]:
        """Give the columns wanted, by place, some rows at a time. Raises ``SourceError``."""

    @property
    def fraction(self) -> float | None:
        """How much has been given out, 0 to 1. None when that is not known."""

    def close(self) -> None:
        """Close it."""


def open_columns(place: str | Path | IO[bytes]) -> Columns | None:
    """Open a database's URL, a Parquet file or a folder of such; None for what is none of them.

    Raises ``SourceError`` and ``OSError``.
    """
    if isinstance(place, str):
        try:
            database = database_of(place)
            if database is not None:
                return QueryColumns(database)
        except UsageError as error:  # a URL that cannot be right, a library that is missing
            raise SourceError(str(error)) from None
        place = Path(place)
    if not isinstance(place, Path):
        return None
    if place.is_dir():
        parts = sorted(place.glob("*.parquet"))
        if not parts:
            raise SourceError(f"{place} is a folder without a .parquet file")
        return ParquetColumns(str(place), None, parts)
    with place.open("rb") as start:
        if start.seekable() and start.read(4) == b"PAR1":
            return ParquetColumns(str(place), place, [place])
    return None


def id_text(value: object) -> str:
    """An id in a typed column as text; for what is none, its text, and "" for a missing one."""
    if isinstance(value, float):
        if value != value:  # what pandas has for a missing one
            return ""
        if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
    return "" if value is None else str(value).strip()


class ParquetColumns:
    """The rows of one Parquet file after another."""

    blocks = False

    def __init__(self, name: str, path: Path | None, parts: Sequence[Path]) -> None:
        """Raises ``SourceError`` and ``OSError``."""
        try:
            need(f"reading {name}", "pyarrow")
        except UsageError as error:
            raise SourceError(str(error)) from None
        self.name, self.path = name, path
        self._parts = parts
        self._file: Any = None
        self._rows = self._given = 0
        for part in reversed(parts):  # the first stays open
            file = self._open(part)
            self._rows += file.metadata.num_rows
            self.names = file.schema_arrow.names

    @property
    def fraction(self) -> float | None:
        """How many of the rows have been given out."""
        return self._given / self._rows if self._given else None

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()

    def lists(self, wanted: Sequence[int]) -> Iterator[list[list[Any]]]:
        """Read row group by row group."""
        from pyarrow import ArrowException

        names = [self.names[at] for at in wanted]
        try:
            for part in self._parts:
                for batch in self._open(part).iter_batches(batch_size=_ROWS, columns=names):
                    self._given += batch.num_rows
                    yield [batch.column(name).to_pylist() for name in names]
        except (ArrowException, KeyError) as error:
            raise SourceError(f"{part} is damaged or has other columns: {error}") from None
        finally:
            self.close()

    def _open(self, part: Path) -> Any:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException

        self.close()
        try:
            self._file = pq.ParquetFile(part)
        except ArrowException as error:
            raise SourceError(f"{part} is a damaged Parquet file: {error}") from None
        return self._file


class QueryColumns:
    """The rows of a table or a query; the database is opened for reading alone."""

    path: Path | None = None
    blocks = True
    fraction: float | None = None

    def __init__(self, database: Database) -> None:
        """Raises ``SourceError`` for what the database refuses, ``UsageError`` for no query."""
        query = database.query
        if database.table is not None:
            query = f"SELECT * FROM {quoted(database.table)}"  # noqa: S608  a checked name
        if not query:
            raise UsageError(f"{database.shown}: say what to read, by ?table= or by ?query=")
        what = f"table={database.table}" if database.table is not None else f"query={query}"
        self.name = f"{database.shown}?{what}"
        self._database = database
        self._connection: Any = None
        self._cursor: Any = None
        self._errors: tuple[type[Exception], ...] = (sqlite3.Error,)
        try:
            self._connection = database.connect(f"reading {database.shown}")
            self._errors += database.errors()
            described = self._run(query)
        except database.errors() as error:
            self.close()
            raise self._broken(error) from None
        self.names: list[str] = [column[0] for column in described or ()]
        if not self.names:
            self.close()
            raise SourceError(f"{self.name}: the query gives no rows: write a SELECT")

    def close(self) -> None:
        """Close the connection."""
        ended = (self._cursor, self._connection)
        self._cursor = self._connection = None
        for one in ended:
            if one is not None:
                with suppress(*self._errors):  # of a connection that is gone
                    one.close()

    def lists(self, wanted: Sequence[int]) -> Iterator[list[list[Any]]]:
        """Fetch some rows at a time."""
        try:
            while rows := self._cursor.fetchmany(_ROWS):
                yield [[row[at] for row in rows] for at in wanted]
        except self._errors as error:
            raise self._broken(error) from None
        finally:
            self.close()

    def _run(self, query: str) -> Any:
        if self._database.kind == "postgresql":
            self._connection.execute("BEGIN READ ONLY")
            self._cursor = self._connection.cursor(name="hubassoc")  # else all rows come at once
            self._cursor.execute(query)
            return self._cursor.description
        found = self._connection.execute(query)
        described = found.description
        if described:
            self._keep(found, len(described))
        return described

    def _keep(self, found: Any, width: int) -> None:
        """Copy all rows aside, to a file without a name, and let go of the database.

        A query that is open keeps others from writing to its file: the sink of the same job, too.
        """
        aside = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        aside.execute(f"CREATE TABLE kept ({', '.join(f'c{at}' for at in range(width))})")
        insert = f"INSERT INTO kept VALUES ({', '.join('?' * width)})"  # noqa: S608  marks alone
        aside.execute("BEGIN")
        while rows := found.fetchmany(_ROWS):
            aside.executemany(insert, [[*map(_plain, row)] for row in rows])
        aside.execute("COMMIT")
        self._connection.close()
        self._connection, self._cursor = aside, aside.execute("SELECT * FROM kept")

    def _broken(self, error: Exception) -> SourceError:
        return SourceError(f"{self.name} cannot be read: {error}")


def _plain(value: object) -> object:
    """A value as SQLite can hold it."""
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return value if value is None or isinstance(value, float | str | bytes) else str(value)

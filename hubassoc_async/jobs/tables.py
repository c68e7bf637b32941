"""Tables of a database as the sink of a job: rows and mark are committed together.

Rows go into a staging table, and the mark of the job into a table of its own, in one transaction:
a job that dies goes on from what the database itself says. At the end one transaction puts the
staging table into the place of the table it is for.

Knows: SQL that SQLite, DuckDB and PostgreSQL have in common. Does not know: which of them it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database_urls import database_of, quoted
from hubassoc_async.jobs.job_sink import SINK, Target, check_directory
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.lines import COLUMNS
from hubassoc_async.jobs.sinks import SinkError
from hubassoc_async.model import ObjectAssociations

DEFAULT_TABLE: Final = "associations"
MARKS: Final = "hubassoc_jobs"
"""The table that says which job fills or has filled which table, and how far it is."""

MAIN: Final = "main"
"""The schema that every file has."""
_COLUMNS: Final = """
    from_object_type TEXT NOT NULL, from_object_id BIGINT NOT NULL,
    to_object_type TEXT NOT NULL, to_object_id BIGINT NOT NULL,
    category TEXT NOT NULL, type_id BIGINT, label TEXT
"""


class TableSink(ABC):
    """One row a (from, to, type) in a table. An id with no associations has no row."""

    chunk_ids = 20_000
    chunk_rows = 50_000
    parameter: ClassVar[str] = "?"
    """How the library spells a parameter."""

    def __init__(self, target: Target) -> None:
        """Raises ``UsageError`` for a URL that names no table, or when the library is missing."""
        database = database_of(target.name)
        if database is None or database.query is not None:
            raise UsageError("a sink is a table: name it by ?table=, not by ?query=")
        self._database = database
        self._target = target
        self._job = target.job
        self._table = database.table or DEFAULT_TABLE
        *schema, name = self._table.split(".")
        if name.lower() == MARKS:
            raise UsageError(f"{MARKS} is where jobs are noted: name another table by ?table=")
        self._schema = "".join(schema)
        digest = blake2b(target.job.encode(), digest_size=6).hexdigest()
        self._staging = ".".join((*schema, f"{name[:40]}_{digest}"))
        self._marks = ".".join((*schema, MARKS))
        self._names = {
            "table": quoted(self._table),
            "name": quoted(name),
            "staging": quoted(self._staging),
            "marks": quoted(self._marks),
        }
        self._connection: Any = None
        self._held: list[ObjectAssociations] = []

    def check(self) -> None:
        """Refuse a place that could not be taken at the end, before a job is begun.

        Raises ``UsageError``.
        """
        if self._database.gone:
            check_directory(Path(self._database.place))
            if self._schema.lower() not in ("", MAIN):
                raise UsageError(f"{self._database.shown} {self._lacks_schema()}")
            return
        try:
            self._open()
            self._check_place()
        except SinkError as error:
            raise UsageError(str(error)) from None
        except self._database.errors() as error:
            raise UsageError(f"{self._database.shown} cannot be read: {error}") from None
        finally:
            self.abandon()

    def resume(self, mark: Mark) -> Mark:
        """Take up what the database has of the job, or begin."""
        self.abandon()
        self._held.clear()
        if mark.items and self._database.gone:
            raise self._unknown()  # to connect would make an empty one
        try:
            with self._transaction():
                return self._begun() or self._begin(mark)
        except BaseException:
            self.abandon()
            raise

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Hold them."""
        self._held += outcomes

    def commit(self, mark: Mark) -> None:
        """Write the rows of one chunk and the mark, together."""
        mark.positions[SINK] = mark.items
        with self._transaction():
            self._insert(self._held)
            self._run(
                "UPDATE {marks} SET mark = ? WHERE job = ?",
                msgspec.json.encode(mark).decode(),
                self._job,
            )
        self._held.clear()

    def finish(self) -> str:
        """Put the staging table into its place."""
        with self._transaction():
            if self._columns(self._staging):
                self._check_place()
                self._run("DROP TABLE IF EXISTS {table}")
                self._run("ALTER TABLE {staging} RENAME TO {name}")
                self._run(
                    "DELETE FROM {marks} WHERE made = ? AND job <> ? AND finished = 1",
                    self._table,
                    self._job,
                )
                self._run("UPDATE {marks} SET finished = 1 WHERE job = ?", self._job)
        self.abandon()
        return f"{self._database.shown}?table={self._table}"

    def abandon(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def discard(self) -> None:
        """Drop the staging table and the mark, if there are any."""
        if self._database.gone:
            return
        with self._transaction():
            self._run("DROP TABLE IF EXISTS {staging}")
            if self._columns(self._marks):
                self._run("DELETE FROM {marks} WHERE job = ? AND finished = 0", self._job)
        self.abandon()

    @abstractmethod
    def _connect(self) -> Any:
        """Open a connection that is in no transaction."""

    @abstractmethod
    def _insert(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Add rows to the staging table."""

    @abstractmethod
    def _columns(self, table: str) -> list[str]:
        """The columns of a table, in order; [] when there is none."""

    @abstractmethod
    def _other(self, table: str) -> str | None:
        """What is there of that name, if it is no table: ``a view``, ``a sequence``."""

    def _obstacle(self) -> str | None:
        """Why a table, there or not, could not be put into the place; None when it could."""
        return None

    def _unknown(self) -> JournalError:
        return JournalError(
            f"{self._database.shown} has nothing of the job, which had written to it: is it"
            " another database?"
        )

    def _lacks_schema(self) -> str:
        return f"has no schema {self._schema}: make it first, or name another by ?table="

    def _begun(self) -> Mark | None:
        """How far the database says that the job is; None when it knows nothing of it."""
        self._run(
            "CREATE TABLE IF NOT EXISTS {marks} (job TEXT NOT NULL,"
            " made TEXT NOT NULL, mark TEXT NOT NULL, finished INTEGER NOT NULL)"
        )
        kept = self._run("SELECT mark, finished FROM {marks} WHERE job = ?", self._job).fetchone()
        if kept is None:
            return None
        if not kept[1] and not self._columns(self._staging):
            raise JournalError(
                f"{self._database.shown} has lost {self._staging}, what the job had written"
            )
        return msgspec.json.decode(kept[0], type=Mark)

    def _start(self) -> None:
        """Start a transaction."""
        self._run("BEGIN")

    def _begin(self, mark: Mark) -> Mark:
        if mark.items:
            raise self._unknown()
        self._check_place()
        self._run("DROP TABLE IF EXISTS {staging}")
        self._run(f"CREATE TABLE {{staging}} ({_COLUMNS})")
        self._run(
            "INSERT INTO {marks} VALUES (?, ?, ?, 0)",
            self._job,
            self._table,
            msgspec.json.encode(mark).decode(),
        )
        return mark

    def _check_place(self) -> None:
        """Refuse to replace what is no export."""
        other = self._other(self._table)
        if other is not None:
            raise UsageError(
                f"{self._database.shown} has {other} {self._table}, and an export takes the place"
                " of tables alone: name another by ?table="
            )
        there = self._columns(self._table)
        if there and there != list(COLUMNS):
            raise UsageError(
                f"{self._database.shown} has a table {self._table} with other columns than an"
                " export's, and an export would replace it: name another by ?table="
            )
        obstacle = self._obstacle()
        if obstacle is not None:
            raise UsageError(f"{self._database.shown} {obstacle}")

    def _open(self) -> None:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except self._database.errors() as error:
                raise SinkError(f"{self._database.shown} cannot be opened: {error}") from None

    def _run(self, statement: str, *parameters: object) -> Any:
        return self._connection.execute(self._sql(statement), parameters)

    def _sql(self, statement: str) -> str:
        """A statement with its names, {staging} and others, and with parameters as spelt here."""
        return statement.replace("?", self.parameter).format_map(self._names)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, durable at the end. Raises ``SinkError`` for what cannot be done."""
        self._open()
        try:
            self._start()
            try:
                yield
            except BaseException:
                with suppress(*self._database.errors()):  # of a connection that is gone, say
                    self._run("ROLLBACK")
                raise
            self._run("COMMIT")
        except self._database.errors() as error:
            raise SinkError(f"{self._database.shown} cannot be written to: {error}") from error

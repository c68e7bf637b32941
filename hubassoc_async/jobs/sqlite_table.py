"""A table of a SQLite file as the sink of a job.

Knows: SQLite. Does not know: transactions of a job, reads.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from hubassoc_async.jobs.numbers import integers
from hubassoc_async.jobs.tables import MAIN, TableSink
from hubassoc_async.model import ObjectAssociations


class SqliteTable(TableSink):
    """Ids are integers, so that they are compared as numbers."""

    def _connect(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._database.connect("writing SQLite", create=True)
        connection.execute("PRAGMA synchronous = EXTRA")  # else the last commit is not durable
        # else no table can be renamed while a view reads one that is not there, as it is then
        connection.execute("PRAGMA legacy_alter_table = ON")
        return connection

    def _start(self) -> None:
        self._run("BEGIN IMMEDIATE")  # else another writer may fail it halfway

    def _columns(self, table: str) -> list[str]:
        name = table.rpartition(".")[2]
        rows = self._run("SELECT name FROM pragma_table_info(?)", name).fetchall()
        return [column for (column,) in rows]

    def _other(self, table: str) -> str | None:
        found = "SELECT 1 FROM sqlite_master WHERE type = 'view' AND lower(name) = ?"
        row = self._run(found, table.rpartition(".")[2].lower()).fetchone()
        return None if row is None else "a view"

    def _obstacle(self) -> str | None:
        # another is a file that only a connection knows, and temp is gone with it
        return None if self._schema.lower() in ("", MAIN) else self._lacks_schema()

    def _insert(self, outcomes: Sequence[ObjectAssociations]) -> None:
        statement = self._sql("INSERT INTO {staging} VALUES (?, ?, ?, ?, ?, ?, ?)")
        self._connection.executemany(statement, self._rows(outcomes))

    def _rows(
        self, outcomes: Sequence[ObjectAssociations]
    ) -> Iterator[tuple[str, int, str, int, str, int | None, str | None]]:
        from_type, to_type = self._target.from_object_type, self._target.to_object_type
        from_ids = integers([outcome.from_object_id for outcome in outcomes])
        to_ids = iter(integers([one.to_object_id for outcome in outcomes for one in outcome.to]))
        for from_id, outcome in zip(from_ids, outcomes, strict=True):
            for one, to_id in zip(outcome.to, to_ids, strict=False):
                for kind in one.association_types:
                    yield (
                        from_type,
                        from_id,
                        to_type,
                        to_id,
                        kind.category,
                        kind.type_id,
                        kind.label,
                    )

"""A table of a DuckDB file as the sink of a job.

Knows: DuckDB. Does not know: transactions of a job, how rows become columns.
"""

from collections.abc import Sequence
from typing import Any

from hubassoc_async.jobs.arrow import ArrowRows
from hubassoc_async.jobs.extras import need
from hubassoc_async.jobs.job_sink import Target
from hubassoc_async.jobs.sinks import SinkError
from hubassoc_async.jobs.tables import TableSink
from hubassoc_async.model import ObjectAssociations

_WHAT = "writing DuckDB"


class DuckdbTable(TableSink):
    """Rows go in as Arrow columns."""

    packed = True
    chunk_rows = 100_000  # its row groups have 122,880 rows

    def __init__(self, target: Target) -> None:
        need(_WHAT, "duckdb")
        super().__init__(target)
        self._rows = ArrowRows(_WHAT, target.from_object_type, target.to_object_type)

    def _connect(self) -> Any:
        connection = self._database.connect(_WHAT, create=True)
        place = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
        if connection.execute(place).fetchone() == (None,):
            # a CSV, Parquet or JSON file is taken for views in memory: what is written is lost
            connection.close()
            raise SinkError(f"{self._database.shown} is no DuckDB database: name another file")
        return connection

    def _columns(self, table: str) -> list[str]:
        schema, _, name = table.rpartition(".")
        rows = self._run(
            "SELECT column_name FROM duckdb_columns() WHERE NOT internal AND database_name ="
            " current_database() AND lower(table_name) = ? AND lower(schema_name) = coalesce(?,"
            " current_schema()) ORDER BY column_index",
            name.lower(),  # "Links" and "links" are one table
            schema.lower() or None,
        ).fetchall()
        return [column for (column,) in rows]

    def _other(self, table: str) -> str | None:
        schema, _, name = table.rpartition(".")
        found = self._run(
            "SELECT 1 FROM duckdb_views() WHERE database_name = current_database()"
            " AND lower(view_name) = ? AND lower(schema_name) = coalesce(?, current_schema())",
            name.lower(),
            schema.lower() or None,
        )
        return None if found.fetchone() is None else "a view"

    def _obstacle(self) -> str | None:
        known = self._run(  # the name of the database would do instead, and find other tables
            "SELECT 1 FROM duckdb_schemas() WHERE database_name = current_database()"
            " AND lower(schema_name) = coalesce(?, current_schema())",
            self._schema.lower() or None,
        ).fetchone()
        return self._lacks_schema() if known is None else None

    def _insert(self, outcomes: Sequence[ObjectAssociations]) -> None:
        self._rows.add(outcomes)
        if not self._rows:
            return
        self._connection.register("hubassoc_rows", self._rows.take())
        self._run("INSERT INTO {staging} SELECT * FROM hubassoc_rows")
        self._connection.unregister("hubassoc_rows")

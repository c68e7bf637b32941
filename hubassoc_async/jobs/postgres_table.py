"""A table of PostgreSQL as the sink of a job: rows go in by COPY.

Knows: psycopg, the text that COPY takes. Does not know: transactions of a job, reads.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from hubassoc_async.jobs.database_urls import quoted
from hubassoc_async.jobs.extras import need
from hubassoc_async.jobs.job_sink import Target
from hubassoc_async.jobs.lines import Types
from hubassoc_async.jobs.tables import MARKS, TableSink
from hubassoc_async.model import ObjectAssociations

_WHAT = "writing PostgreSQL"
_KINDS: Final = {"S": "a sequence", "i": "an index", "f": "a foreign table", "c": "a type"}
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class PostgresTable(TableSink):
    """The password may be in the URL, in PGPASSWORD or in ~/.pgpass; it is written nowhere."""

    parameter = "%s"

    def __init__(self, target: Target) -> None:
        need(_WHAT, "psycopg")
        super().__init__(target)
        self._object_types = _cell(target.from_object_type), _cell(target.to_object_type)

    def _connect(self) -> Any:
        connection = self._database.connect(_WHAT)
        connection.execute("SET synchronous_commit = on")  # whatever the server's default is
        # else a name may be found in another schema of the search path, and dropped there
        connection.execute("SELECT set_config('search_path', quote_ident(current_schema()), false)")
        return connection

    def _start(self) -> None:
        """Start a transaction once the last one of this job has come to its end.

        A process that was killed may leave a commit on its way to the server.
        """
        super()._start()
        self._run("SELECT pg_advisory_xact_lock(hashtext(?))", f"hubassoc {self._job}")

    def _columns(self, table: str) -> list[str]:
        schema, _, name = table.rpartition(".")
        rows = self._run(
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = ?"
            " AND table_schema = coalesce(?::text, current_schema()) ORDER BY ordinal_position",
            name,
            schema or None,
        ).fetchall()
        return [column for (column,) in rows]

    def _other(self, table: str) -> str | None:
        found = self._run(
            "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(?)"
            " AND relkind NOT IN ('r', 'p')",
            quoted(table),
        ).fetchone()
        return None if found is None else _KINDS.get(found[0], "a view")

    def _obstacle(self) -> str | None:
        return self._no_schema() or self._no_right() or self._needed()

    def _no_schema(self) -> str | None:
        """Why no table can be made in the schema."""
        found = self._run(
            "SELECT current_user, nspname, has_schema_privilege(oid, 'CREATE') FROM pg_namespace"
            " WHERE oid = to_regnamespace(coalesce(?, quote_ident(current_schema())))",
            quoted(self._schema) if self._schema else None,
        ).fetchone()
        if found is None and not self._schema:
            return "has none of the schemas of its search path: name one, as in ?table=public.links"
        if found is None:
            return self._lacks_schema()
        role, schema, creates = found
        if creates:
            return None
        return f"lets role {role} make no tables in schema {schema}: grant that, or name another"

    def _no_right(self) -> str | None:
        """What of the tables that are there is another role's."""
        rows = self._run(
            "SELECT relname, current_user, pg_get_userbyid(relowner) FROM pg_class"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            # DROP TABLE, which an export ends with, is for owners: of the table or of its schema
            " WHERE pg_class.oid = to_regclass(?) AND NOT pg_has_role(relowner, 'USAGE')"
            " AND NOT pg_has_role(nspowner, 'USAGE')"
            " OR pg_class.oid = to_regclass(?) AND NOT (has_table_privilege(pg_class.oid, 'SELECT')"
            " AND has_table_privilege(pg_class.oid, 'INSERT') AND has_table_privilege(pg_class.oid,"
            " 'UPDATE') AND has_table_privilege(pg_class.oid, 'DELETE'))",
            quoted(self._table),
            quoted(self._marks),
        ).fetchone()
        if rows is None:
            return None
        table, role, owner = rows
        return (
            f"has a table {table} that belongs to role {owner}, and role {role} may not"
            f" {'write to' if table == MARKS else 'replace'} it: connect as another role, or name"
            " another table by ?table="
        )

    def _needed(self) -> str | None:
        """Who needs the table, so that it cannot be replaced."""
        # what DROP TABLE without CASCADE refuses to take along: views, foreign keys, ...
        found = self._run(
            "SELECT pg_describe_object(coalesce(rule.refclassid, one.classid),"
            " coalesce(rule.refobjid, one.objid), 0)"
            " FROM pg_depend one LEFT JOIN pg_depend rule ON one.classid = 'pg_rewrite'::regclass"
            " AND rule.classid = one.classid AND rule.objid = one.objid AND rule.deptype = 'i'"
            " WHERE one.refclassid = 'pg_class'::regclass AND one.refobjid = to_regclass(?)"
            " AND one.deptype = 'n'"
            # but a constraint or a trigger of the table's own goes with it, whatever it names
            " AND NOT EXISTS (SELECT FROM pg_depend own WHERE own.classid = one.classid"
            " AND own.objid = one.objid AND own.refclassid = one.refclassid"
            " AND own.refobjid = one.refobjid AND own.deptype IN ('a', 'i'))",
            quoted(self._table),
        ).fetchone()
        if found is None:
            return None
        return (
            f"has {found[0]}, which needs the table {self._table}: drop it first, or name another"
            " by ?table="
        )

    def _insert(self, outcomes: Sequence[ObjectAssociations]) -> None:
        statement = self._sql("COPY {staging} FROM STDIN")
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write("".join(self._lines(outcomes)).encode())

    def _lines(self, outcomes: Sequence[ObjectAssociations]) -> Iterator[str]:
        from_type, to_type = self._object_types
        ends: dict[int, list[str]] = {}  # by identity: tuples of types are shared
        for outcome in outcomes:
            start = f"{from_type}\t{_cell(outcome.from_object_id)}\t{to_type}\t"
            for one in outcome.to:
                types = one.association_types
                row = start + _cell(one.to_object_id)
                for end in ends.get(id(types)) or ends.setdefault(id(types), _ends(types)):
                    yield row + end


def _ends(types: Types) -> list[str]:
    return [f"\t{_cell(one.category)}\t{_cell(one.type_id)}\t{_cell(one.label)}\n" for one in types]


def _cell(value: str | int | None) -> str:
    """Spell a value as COPY reads it: https://www.postgresql.org/docs/current/sql-copy.html."""
    if value is None:
        return r"\N"
    text = str(value)
    return text if text.isalnum() else text.translate(_ESCAPES)

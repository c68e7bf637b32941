"""Tables as targets of a job: which are replaced, and which are left alone."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.lines import COLUMNS
from hubassoc_async.jobs.sinks import SinkError
from hubassoc_async.jobs.tables import TableSink
from tests.jobs.stores import (
    CHUNKS,
    TABLES,
    Targets,
    commit,
    connect,
    export,
    left_beside,
    rows_in,
    rows_of,
    sink_of,
    tables_in,
)


@pytest.mark.parametrize("kind", TABLES)
def test_a_staging_table_that_is_gone_is_missed(kind: str, targets: Targets) -> None:
    """The database knows the job, but not its rows."""
    target = targets(kind)
    sink = sink_of(target)
    mark = commit(sink, CHUNKS[0], sink.resume(Mark()))
    sink.abandon()
    (staging,) = left_beside(target)
    with connect(target) as connection:
        connection.execute(f"DROP TABLE {staging}")
    with pytest.raises(JournalError, match=staging):
        sink_of(target).resume(mark)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_database_that_is_gone_is_missed_and_not_made(kind: str, targets: Targets) -> None:
    """A job that had written to it does not leave an empty one in its place."""
    target = targets(kind)
    sink = sink_of(target)
    mark = commit(sink, CHUNKS[0], sink.resume(Mark()))
    sink.abandon()
    place = Path(target.partition(":///")[2].partition("?")[0])
    place.unlink()
    with pytest.raises(JournalError, match="has nothing of the job, which had written to it"):
        sink_of(target).resume(mark)
    assert not place.exists()


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_table_that_is_no_export_is_not_replaced(kind: str, when: str, targets: Targets) -> None:
    """Neither one that was there, nor one that came while the job ran."""
    target = targets(kind)

    def put() -> None:
        with connect(target) as connection:
            connection.execute("CREATE TABLE links (mine TEXT)")

    sink = sink_of(target)
    if when == "before":
        put()
        with pytest.raises(UsageError, match="name another"):
            sink.resume(Mark())
    else:
        mark = commit(sink, CHUNKS[0], sink.resume(Mark()))
        sink.abandon()
        put()
        sink.resume(mark)
        with pytest.raises(UsageError, match="name another"):
            sink.finish()
    sink.abandon()
    with connect(target) as connection:
        assert [name for (name, *_) in connection.execute("SELECT * FROM links").description] == [
            "mine"
        ]


@pytest.mark.parametrize("kind", [*TABLES, "matview"])
def test_a_view_is_no_target(kind: str, targets: Targets) -> None:
    """It is refused before anything is begun, and where it came while the job ran."""
    target = targets("postgres" if kind == "matview" else kind)
    sink = sink_of(target)
    assert isinstance(sink, TableSink)
    mark = commit(sink, CHUNKS[0], sink.resume(Mark()))
    sink.abandon()
    with connect(target) as connection:
        connection.execute("CREATE TABLE other (x TEXT)")
        view = "MATERIALIZED VIEW" if kind == "matview" else "VIEW"
        connection.execute(f"CREATE {view} links AS SELECT * FROM other")
    with pytest.raises(UsageError, match="has a view links"):
        sink.check()
    sink.resume(mark)
    with pytest.raises(UsageError, match="has a view links"):
        sink.finish()
    sink.abandon()
    with connect(target) as connection:
        assert connection.execute("SELECT * FROM links").fetchall() == [], "the view is there"


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_view_of_the_table_reads_what_replaces_it(kind: str, targets: Targets) -> None:
    """A report that somebody has made of the last export is of this one then."""
    target = targets(kind)
    export(target)
    with connect(target) as connection:
        connection.execute("CREATE VIEW report AS SELECT count(*) FROM links")
    export(target, CHUNKS[:1], "later")
    with connect(target) as connection:
        (rows,) = connection.execute("SELECT * FROM report").fetchone()
    assert rows == len(rows_of(CHUNKS[:1]))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("VIEW report AS SELECT * FROM links", "has view report"),
        ("MATERIALIZED VIEW report AS SELECT to_object_id FROM links", "materialized view report"),
        ("TABLE notes (link BIGINT REFERENCES links (to_object_id))", "on table notes"),
    ],
)
def test_postgresql_drops_no_table_that_others_need(made: str, said: str, targets: Targets) -> None:
    """That is found before a job is begun, or at its end, where it goes on once it is mended."""
    target = targets("postgres")
    export(target, CHUNKS[:1])
    sink = sink_of(target, "later")
    assert isinstance(sink, TableSink)
    sink.check()
    mark = commit(sink, CHUNKS[1], sink.resume(Mark()))
    with connect(target) as connection:
        connection.execute("DELETE FROM links")
        connection.execute("CREATE UNIQUE INDEX one ON links (to_object_id)")
        connection.execute(f"CREATE {made}".encode())
    for refused in (sink.check, sink.finish):
        with pytest.raises(UsageError, match=f"{said}, which needs the table links: drop it"):
            refused()
    sink.resume(mark)
    with connect(target) as connection:
        name = made.partition(" AS ")[0].partition(" (")[0]
        connection.execute(f"DROP {name}".encode())
    sink.finish()
    assert rows_in(target) == rows_of(CHUNKS[1:2])


def test_postgresql_drops_a_table_with_what_is_its_own(targets: Targets) -> None:
    """A constraint or a policy that the table was given since goes with it."""
    target = targets("postgres")
    export(target, CHUNKS[:1])
    with connect(target) as connection:
        connection.execute("ALTER TABLE links ADD CHECK (to_object_id > 0)")
        connection.execute("CREATE POLICY mine ON links USING (to_object_id > 0)")
    export(target, CHUNKS[1:2], "later")
    assert rows_in(target) == rows_of(CHUNKS[1:2])


@pytest.mark.parametrize(
    ("made", "said"), [("SEQUENCE links", "a sequence links"), ("TYPE links AS (x TEXT)", "a type")]
)
def test_what_else_has_the_name_is_called_what_it_is(
    made: str, said: str, targets: Targets
) -> None:
    """PostgreSQL has one space of names for tables and more."""
    target = targets("postgres")
    with connect(target) as connection:
        connection.execute(f"CREATE {made}".encode())
    sink = sink_of(target)
    assert isinstance(sink, TableSink)
    with pytest.raises(UsageError, match=f"has {said}"):
        sink.check()


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("there", [True, False])
def test_a_schema_that_is_not_there_is_missed(kind: str, there: bool, targets: Targets) -> None:
    """Before a job is begun, whether the file is there or not."""
    target = targets(kind)
    if there:
        export(target)
    catalog = Path(target.partition("?")[0]).stem  # what DuckDB takes for a schema, too
    for schema in ("crm", "temp", *([catalog] if kind == "duckdb" else [])):
        sink = sink_of(target.replace("table=links", f"table={schema}.links"))
        assert isinstance(sink, TableSink)
        if kind == "postgres" and schema == "temp":
            continue
        with pytest.raises(UsageError, match=f"has no schema {schema}: make it first, or name"):
            sink.check()


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_the_schema_of_a_file_may_be_named(kind: str, targets: Targets) -> None:
    """It has the one, as a file to be made will have."""
    target = targets(kind)
    sink = sink_of(target.replace("table=links", "table=Main.links"))
    assert isinstance(sink, TableSink)
    sink.check()
    export(target.replace("table=links", "table=Main.links"))
    assert rows_in(target) == rows_of(CHUNKS)


@pytest.mark.parametrize("kind", TABLES)
def test_the_table_of_jobs_is_no_target(kind: str, targets: Targets) -> None:
    """It would be replaced by what it tells of."""
    with pytest.raises(UsageError, match="is where jobs are noted"):
        sink_of(targets(kind).replace("table=links", "table=hubassoc_jobs"))


@pytest.fixture
def guest(postgres_url: str) -> Iterator[tuple[str, str]]:
    """A target of a role that may make tables but owns none, and its name."""
    role = f"guest{secrets.token_hex(4)}"
    place, _, options = postgres_url.partition("//")[2].partition("@")[2].partition("?")
    with connect(f"{postgres_url}&table=links") as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'guest'".encode())
        connection.execute("CREATE SCHEMA crm")
        connection.execute(f"GRANT ALL ON SCHEMA crm TO {role}".encode())
    yield f"postgresql://{role}:guest@{place}?{options}&table=crm.links", role
    with connect(f"{postgres_url}&table=links") as connection:
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (
            "CREATE TABLE crm.links ({columns})",
            "has a table links that belongs to role tester, and",
        ),
        (
            "CREATE TABLE crm.hubassoc_jobs (job TEXT, made TEXT, mark TEXT, finished INTEGER);"
            " GRANT SELECT, INSERT, UPDATE ON crm.hubassoc_jobs TO {role}",
            "has a table hubassoc_jobs that belongs to role tester, and role {role} may not write",
        ),
        (
            "REVOKE CREATE ON SCHEMA crm FROM {role}",
            "lets role {role} make no tables in schema crm",
        ),
    ],
)
def test_postgresql_lets_owners_alone_replace_a_table(
    done: str, said: str, guest: tuple[str, str], postgres_url: str
) -> None:
    """That is found before a job is begun, not when it has read everything; and may be mended."""
    target, role = guest
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS)
    with connect(f"{postgres_url}&table=links") as connection:
        connection.execute(done.format(role=role, columns=columns).encode())
    sink = sink_of(target)
    assert isinstance(sink, TableSink)
    with pytest.raises(UsageError, match=said.format(role=role)):
        sink.check()
    with connect(f"{postgres_url}&table=links") as connection:
        connection.execute(f"ALTER SCHEMA crm OWNER TO {role}".encode())
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA crm TO {role}".encode())
    sink.check()
    export(target)
    with connect(f"{postgres_url}&table=crm.links") as connection:
        connection.execute(f"REASSIGN OWNED BY {role} TO tester".encode())


def test_postgresql_shares_the_table_of_jobs(guest: tuple[str, str], postgres_url: str) -> None:
    """It may be another role's, as that of a team is, if it may be written to."""
    target, role = guest
    export(f"{postgres_url}&table=crm.others", job="other")
    with connect(f"{postgres_url}&table=links") as connection:
        rights = "SELECT, INSERT, UPDATE, DELETE"
        connection.execute(f"GRANT {rights} ON crm.hubassoc_jobs TO {role}".encode())
    for job in "one", "two":
        sink = sink_of(target, job)
        assert isinstance(sink, TableSink)
        sink.check()
        export(target, CHUNKS[:1], job)
    sink = sink_of(target, "three")
    sink.resume(Mark())
    sink.discard()
    with connect(f"{postgres_url}&table=crm.links") as connection:
        connection.execute(f"REASSIGN OWNED BY {role} TO tester".encode())
        noted = connection.execute("SELECT job FROM crm.hubassoc_jobs ORDER BY job").fetchall()
    assert noted == [("other",), ("two",)]


def test_postgresql_needs_a_schema(targets: Targets) -> None:
    """Of a search path without any, that is said."""
    sink = sink_of(f"{targets('postgres')}&options=-csearch_path%3Dnone")
    assert isinstance(sink, TableSink)
    with pytest.raises(UsageError, match="none of the schemas of its search path"):
        sink.check()


@pytest.mark.parametrize("kind", TABLES)
def test_a_place_is_checked_before_it_is_begun(kind: str, targets: Targets) -> None:
    """Another table is refused, an export is not, and a file that is not there is not made."""
    target = targets(kind)
    sink = sink_of(target)
    assert isinstance(sink, TableSink)
    sink.check()
    sink.discard()
    if kind != "postgres":
        assert not Path(target.partition(":///")[2].partition("?")[0]).exists()
    export(target)
    sink.check()
    with connect(target) as connection:
        connection.execute("ALTER TABLE links RENAME COLUMN label TO mine")
    with pytest.raises(UsageError, match="name another"):
        sink.check()


def test_what_is_no_database_is_no_target(tmp_path: Path) -> None:
    """It is said before a job is begun."""
    (tmp_path / "x.db").write_text("no database\n" * 1_000)
    (tmp_path / "x.csv").write_text("id\n1\n")
    for target, said in (
        (f"sqlite:///{tmp_path}/x.db", "not a database"),
        (f"duckdb:///{tmp_path}/x.db", "not a valid DuckDB"),
        (f"duckdb:///{tmp_path}/x.csv", "is no DuckDB database"),
        (f"sqlite:///{tmp_path}/no/x.db", "no directory"),
    ):
        sink = sink_of(target)
        assert isinstance(sink, TableSink)
        with pytest.raises(UsageError, match=said):
            sink.check()


@pytest.mark.parametrize("kind", TABLES)
def test_other_tables_are_left_alone(kind: str, targets: Targets) -> None:
    """Only the table, its staging table and that of jobs are touched."""
    target = targets(kind)
    with connect(target) as connection:
        connection.execute("CREATE TABLE other (x TEXT)")
    export(target)
    assert tables_in(target) == {"other", "links", "hubassoc_jobs"}


@pytest.mark.parametrize("kind", ["postgres", "duckdb"])
def test_a_table_may_be_in_a_schema(kind: str, targets: Targets) -> None:
    """``table=crm.links``, with everything that belongs to it."""
    target = targets(kind).replace("table=links", "table=crm.links")
    with pytest.raises(SinkError, match="crm"):
        sink_of(target).resume(Mark())
    with connect(target) as connection:
        connection.execute("CREATE SCHEMA crm")
    export(target)
    assert rows_in(target) == rows_of(CHUNKS)


def test_without_a_name_it_is_associations(tmp_path: Path) -> None:
    """The default table."""
    assert export(f"sqlite:///{tmp_path}/x.db").items == 9
    assert rows_in(f"sqlite:///{tmp_path}/x.db?table=associations") == rows_of(CHUNKS)


def test_another_schema_is_left_alone(postgres_url: str) -> None:
    """What is found by the search path, but not where the job writes, is not replaced."""
    target = f"{postgres_url}&table=links&options=-csearch_path%3Dmine,public"
    with connect(target) as connection:
        connection.execute("CREATE SCHEMA mine")
        connection.execute("CREATE TABLE public.links (x TEXT)")
    export(target)
    export(target, CHUNKS[:1], "later")
    with connect(target) as connection:
        assert connection.execute("SELECT * FROM public.links").fetchall() == []
        (rows,) = connection.execute("SELECT count(*) FROM mine.links").fetchone()
    assert rows == len(rows_of(CHUNKS[:1]))

"""Ids and links from typed columns: Parquet files, folders of them, tables and queries."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.columns import id_text
from hubassoc_async.jobs.database_urls import database_of
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import Mark
from hubassoc_async.jobs.pairs import open_pairs
from hubassoc_async.jobs.sources import open_ids
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.model import AssociationType, Link
from tests.jobs.postgres import ENCODED, PASSWORD
from tests.jobs.stores import CHUNKS, KINDS, connect, rows_of, target_of

DATABASES = ("sqlite", "duckdb", "postgres")
ROWS = 25_000  # more than are fetched at a time

Filled = Callable[[str], str]


@pytest.fixture
def filled(tmp_path: Path, request: pytest.FixtureRequest) -> Filled:
    """Make a database with a table of contacts, and give the beginning of its URL."""

    def fill(kind: str) -> str:
        url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
        target = target_of(kind, tmp_path, url)
        with connect(target) as connection:
            connection.execute("CREATE TABLE contacts (name TEXT, hs_object_id BIGINT)")
            number = "value" if kind == "sqlite" else "generate_series"
            series = f"generate_series(1, {ROWS})"
            if kind == "sqlite":
                many = ((f"n{i}", i) for i in range(1, ROWS + 1))
                connection.executemany("INSERT INTO contacts VALUES (?, ?)", many)
            else:
                as_ = f"{series} AS t(generate_series)"
                connection.execute(
                    f"INSERT INTO contacts SELECT 'n' || {number}, {number} FROM {as_}"
                )
            connection.execute("INSERT INTO contacts VALUES ('nobody', NULL)")
        return target.removesuffix("table=links")

    return fill


@pytest.mark.parametrize("kind", DATABASES)
def test_ids_from_a_database(kind: str, filled: Filled) -> None:
    """A table's id column, a query's only one or one that is named, in their order."""
    url = filled(kind)
    source = open_ids(f"{url}table=contacts")
    assert list(source) == [str(number) for number in range(1, ROWS + 1)]
    assert source.skipped == 1
    assert source.path is None, "it is not read again"
    with connect(f"{url}table=x") as connection:
        connection.execute("CREATE VIEW few AS SELECT * FROM contacts WHERE hs_object_id < 4")
    assert list(open_ids(f"{url}table=few")) == ["1", "2", "3"], "a view is as good as a table"
    query = "select hs_object_id + 1 as x from contacts where name like 'n%7' and 1 < 2&1<3"
    query = query.partition("&")[0] + " order by 1 desc limit 3"
    assert list(open_ids(f"{url}query={query}")) == ["24998", "24988", "24978"]
    query = "select name, hs_object_id as other from contacts where hs_object_id = 7"
    assert list(open_ids(f"{url}query={query}", column="Other")) == ["7"]
    with pytest.raises(SourceError, match="'name', 'other'"):
        open_ids(f"{url}query={query}")


@pytest.mark.parametrize("kind", DATABASES)
def test_what_a_database_refuses_is_said(kind: str, filled: Filled) -> None:
    """When it is opened; a password is in no word of it."""
    url = filled(kind)
    for odd in ("query=selec 1", "query=select * from nowhere", "table=nowhere", "query=", ""):
        with pytest.raises(SourceError) as caught:
            open_ids(f"{url}{odd}")
        assert ENCODED not in str(caught.value)
        assert PASSWORD not in str(caught.value)


def test_a_query_that_breaks_off_is_said(filled: Filled) -> None:
    """After the ids before it."""
    query = "select 1 / (20000 - hs_object_id) as id from contacts"
    had = []
    with pytest.raises(SourceError, match="division by zero"):
        for one in open_ids(f"{filled('postgres')}query={query}"):
            had.append(one)  # noqa: PERF402
    assert len(had) == 10_000


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize(
    "query", ["delete from contacts returning hs_object_id", "drop table contacts"]
)
def test_a_source_changes_nothing(kind: str, query: str, filled: Filled) -> None:
    """A query that writes is an error, and has not written."""
    url = filled(kind)
    with pytest.raises(SourceError):
        list(open_ids(f"{url}query={query}"))
    with connect(f"{url}table=x") as connection:
        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (ROWS + 1,)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Reading makes no file."""
    for kind in ("sqlite", "duckdb"):
        with pytest.raises(SourceError, match="no such file"):
            open_ids(f"{kind}:///{tmp_path}/no.db?table=x")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=KINDS)
def export(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An export of every kind."""
    kind = request.param
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    target = target_of(kind, tmp_path, url)
    sink = open_job_sink(target, "contacts", "companies", job="j")
    mark = sink.resume(Mark())
    for chunk in CHUNKS:
        mark = Mark(items=mark.items + len(chunk), positions=dict(mark.positions))
        sink.write(chunk)
        sink.commit(mark)
    sink.finish()
    return target


def test_every_export_can_be_read_again(export: str) -> None:
    """As ids and as links with their types, in the order of its rows."""
    rows = rows_of(CHUNKS)
    assert list(open_ids(export)) == [str(row[1]) for row in rows]
    links = list(open_pairs(export, typed=True))
    assert [(link.from_object_id, link.to_object_id) for link in links] == [
        (str(row[1]), str(row[3])) for row in rows
    ]
    kinds = [link.types[0] for link in links if link.types]  # type: ignore[index]
    assert ("USER_DEFINED", 37) in {
        (one.category, one.type_id) for one in kinds if isinstance(one, AssociationType)
    }
    assert [link.types for link in open_pairs(export, typed=False)] == [()] * len(rows)
    assert [link.row for link in links] == list(range(1, len(rows) + 1))


def test_ids_from_parquet(tmp_path: Path) -> None:
    """Whatever type the column has; null and NaN are no ids; how much is read is known."""
    path = tmp_path / "ids.bin"  # its content says what it is
    numbers = [1, None, 9_007_199_254_740_993]
    columns = {
        "i": pa.array(numbers, pa.int64()),
        "u": pa.array(numbers, pa.uint64()),
        "s": ["1", None, " 9007199254740993 "],
        "d": pa.array(["1", None, "9007199254740993"]).dictionary_encode(),
        "x": pa.array([1.0, float("nan"), 12345678901.0]),
        "m": pa.array([Decimal(1), None, Decimal(9_007_199_254_740_993)], pa.decimal128(20, 0)),
    }
    pq.write_table(pa.table(columns), path)
    for name in columns:
        source = open_ids(path, column=name)
        last = "12345678901" if name == "x" else "9007199254740993"
        assert list(source) == ["1", last], name
        assert source.skipped == 1
        assert source.fraction == 1.0
        assert source.path == path
    with pytest.raises(SourceError, match="no id column"):
        open_ids(path)


def test_a_number_that_may_be_another_is_no_id() -> None:
    """A floating-point number beyond 2**53 is given as it stands, and fails as an id."""
    assert id_text(2.0**53) == "9007199254740992.0"
    assert id_text(0.5) == "0.5"
    assert id_text(True) == "True"


def test_ids_from_a_folder_of_parts(tmp_path: Path) -> None:
    """In the order of their names; a part that is damaged or has other columns is named."""
    for number in (2, 1, 0):
        ids = list(range(number * 10, number * 10 + 3))
        pq.write_table(pa.table({"id": ids}), tmp_path / f"part-{number}.parquet")
    (tmp_path / "_SUCCESS").touch()
    source = open_ids(str(tmp_path))
    fractions = [source.fraction for _ in source]
    assert list(open_ids(tmp_path)) == ["0", "1", "2", "10", "11", "12", "20", "21", "22"]
    assert fractions[0] == pytest.approx(1 / 3)
    assert fractions[-1] == 1.0
    pq.write_table(pa.table({"other": [1]}), tmp_path / "part-3.parquet")
    with pytest.raises(SourceError, match=r"part-3\.parquet"):
        list(open_ids(tmp_path))
    (tmp_path / "part-4.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(SourceError, match=r"part-4\.parquet is a damaged"):
        open_ids(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"without a \.parquet file"):
        open_ids(tmp_path / "empty")


def test_links_from_a_query(tmp_path: Path) -> None:
    """The columns are found by their names, whatever else a query gives."""
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE crm (person, org, role)")
        connection.execute("INSERT INTO crm VALUES (1, '20', 'Boss, \"the\"'), (2, 30, NULL)")
    connection.close()
    query = "select person as from_id, org as to_id, role as label, 1 as z from crm"
    assert list(open_pairs(f"sqlite:///{tmp_path}/x.db?query={query}", typed=True)) == [
        Link("1", "20", ('Boss, "the"',), 1),
        Link("2", "30", (), 2),
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:geheim@db.test:5432/crm?table=x", "postgresql://me@db.test:5432/crm"),
        ("postgres://me@db.test/crm", "postgresql://me@db.test/crm"),
        ("postgresql:///crm?password=geheim&host=/tmp", "postgresql:///crm"),
        ("POSTGRESQL://:geheim@/crm", "postgresql://@/crm"),
        ("sqlite:////data/x.db?query=select '?', 'a&b=c@d'", "sqlite:////data/x.db"),
        ("duckdb:////data/x.db", "duckdb:////data/x.db"),
    ],
)
def test_a_database_is_shown_without_secrets(url: str, shown: str) -> None:
    """Nor is a password in what an error or a debugger prints of it."""
    database = database_of(url)
    assert database is not None
    assert database.shown == shown
    assert "geheim" not in repr(database)


def test_a_query_is_taken_as_it_stands() -> None:
    """Percent signs, plus signs, ampersands and question marks are SQL."""
    database = database_of("sqlite:///x.db?query=select '50%+1', a & b from t where x like '?%41'")
    assert database is not None
    assert database.query == "select '50%+1', a & b from t where x like '?%41'"
    assert Path(database.place) == Path.cwd() / "x.db"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://x.db", "three slashes"),
        ("duckdb://", "three slashes"),
        ("sqlite:///x.db?tabel=x", "'tabel'"),
        ("sqlite:///x.db?table=x&query=select 1", "not both"),
        ('sqlite:///x.db?table=x"y', "letters"),
        ("sqlite:///x.db?table=a.b.c", "letters"),
        ("sqlite:///x.db?table=", "letters"),
        ("postgresql://me:geheim@x@db/crm", "%40"),
        ("postgresql://me:geheim/x@db/crm", "%2F"),
        ("postgresql://me:geheim", "user:password@host"),
        ("postgresql://me@db:geheim/crm", "user:password@host"),
        ("sqlite://me:geheim@db/crm", "sqlite://… names no file"),
        ("mysql://me:geheim@db/crm?table=x", "mysql://… is no table"),
        ("mysql://me:geheim/x@db/crm", "a table is sqlite://…, duckdb://…, postgresql://…"),
        ("postgresql+psycopg2://me:geheim@db/crm?table=x", r"psycopg2://… is no table"),
        ("jdbc:postgresql://me:geheim@db/crm", "jdbc:postgresql://… is no table"),
    ],
)
def test_an_odd_url_is_refused(url: str, said: str) -> None:
    """With what to write instead, and never with a password."""
    with pytest.raises(UsageError, match=said) as caught:
        database_of(url)
    assert "geheim" not in str(caught.value)
    with pytest.raises(SourceError, match=said):
        open_ids(url)


@pytest.mark.parametrize("name", ["x.db", "/data/x.parquet", "mysql:/h", "-"])
def test_other_names_are_no_databases(name: str) -> None:
    """They are files, perhaps."""
    assert database_of(name) is None


@pytest.mark.parametrize("odd", ["postgresql://me:gehe%zzim@h/x", "postgresql:///x?geheim"])
def test_a_password_is_in_no_error_of_a_connection(odd: str) -> None:
    """Nor in what led to it, where the library quotes what it does not understand."""
    database = database_of(odd)
    assert database is not None
    with pytest.raises(UsageError) as caught:
        database.connect("reading")
    assert "gehe" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_wrong_password_is_refused_without_a_word_of_it(postgres_url: str) -> None:
    """It says who was refused."""
    wrong = postgres_url.replace(ENCODED, "geheim")
    with pytest.raises(SourceError, match="tester") as caught:
        open_ids(f"{wrong}&table=x")
    assert "geheim" not in str(caught.value)


def test_a_password_may_come_from_the_environment(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a job that goes on needs it, whose journal has none."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = postgres_url.replace(f":{ENCODED}", "")
    assert list(open_ids(f"{url}&query=select 7")) == ["7"]

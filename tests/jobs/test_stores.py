"""Parquet parts, SQLite, DuckDB and PostgreSQL as sinks of a job: each chunk once."""

from collections.abc import Callable
from functools import partialmethod
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs import parts
from hubassoc_async.jobs.job_sink import JobSink, open_job_sink, public_name
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.sinks import SinkError
from hubassoc_async.jobs.tables import TableSink
from hubassoc_async.model import ObjectAssociations
from tests.jobs.stores import (
    CHUNKS,
    KINDS,
    PLAIN,
    TABLES,
    connect,
    found,
    left_beside,
    remove,
    rows_in,
    rows_of,
    tables_in,
    target_of,
)

Targets = Callable[[str], str]


@pytest.fixture
def targets(tmp_path: Path, request: pytest.FixtureRequest) -> Targets:
    """Make a target of a kind; PostgreSQL is started only for its own."""

    def make(kind: str) -> str:
        url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
        return target_of(kind, tmp_path, url)

    return make


def sink_of(target: str, job: str = "job-1") -> JobSink:
    return open_job_sink(target, "contacts", "companies", job=job)


def commit(sink: JobSink, chunk: tuple[ObjectAssociations, ...], after: Mark) -> Mark:
    mark = Mark(items=after.items + len(chunk), positions=dict(after.positions))
    sink.commit(chunk, mark)
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


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back_in_order(kind: str, targets: Targets) -> None:
    """Typed values, odd labels, the biggest ids, ids and chunks without rows: all as it was."""
    target = targets(kind)
    sink = sink_of(target)
    mark = sink.resume(Mark())
    for chunk in CHUNKS:
        mark = commit(sink, chunk, mark)
        sink.abandon()
        assert rows_in(target) is None, "it is there before it is whole"
        sink.resume(mark)
    name = sink.finish()
    assert rows_in(target) == rows_of(CHUNKS)
    assert left_beside(target) == []
    assert "w@rd" not in name
    assert "%40" not in name
    sink.finish()
    assert rows_in(target) == rows_of(CHUNKS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "chunks", [(), ((),), ((found(1), found(2)),)], ids=["none", "0", "no rows"]
)
def test_nothing_found_is_an_empty_table(
    kind: str, chunks: tuple[tuple[ObjectAssociations, ...], ...], targets: Targets
) -> None:
    """With its columns, so that what reads it later finds them."""
    target = targets(kind)
    export(target, chunks)
    assert rows_in(target) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_after_the_mark_is_written_for_nothing(kind: str, targets: Targets) -> None:
    """A job whose journal is one chunk behind writes each row once."""
    target = targets(kind)
    sink = sink_of(target)
    first = commit(sink, CHUNKS[0], sink.resume(Mark()))
    commit(sink, CHUNKS[2], first)
    sink.abandon()

    again = sink_of(target)
    mark = again.resume(first)
    assert mark.items == first.items + (kind in TABLES), "a database knows by itself"
    for chunk in CHUNKS[3:] if kind in TABLES else CHUNKS[2:]:
        mark = commit(again, chunk, mark)
    again.finish()
    assert rows_in(target) == rows_of((CHUNKS[0], *CHUNKS[2:]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_that_fails_leaves_no_row(kind: str, targets: Targets) -> None:
    """An id that no column holds is an error that names it, and the job goes on after it."""
    target = targets(kind)
    sink = sink_of(target)
    first = commit(sink, CHUNKS[0], sink.resume(Mark()))
    with pytest.raises(SinkError, match="twelve"):
        commit(
            sink,
            (found(70, (71, PLAIN)), ObjectAssociations("twelve", found(1, (2, PLAIN)).to)),
            first,
        )
    sink.abandon()
    again = sink_of(target)
    mark = again.resume(first)
    assert mark.items == first.items
    commit(again, CHUNKS[3], mark)
    again.finish()
    assert rows_in(target) == rows_of((CHUNKS[0], CHUNKS[3]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_died_after_its_end_is_finished(kind: str, targets: Targets) -> None:
    """Its journal does not know that it is done: nothing is lost, nothing is there twice."""
    target = targets(kind)
    mark = export(target)
    again = sink_of(target, "j")
    assert again.resume(mark).items == mark.items
    again.finish()
    assert rows_in(target) == rows_of(CHUNKS)
    assert left_beside(target) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_replaces_an_earlier_one_at_its_end(kind: str, targets: Targets) -> None:
    """Until then the earlier one is there, whole; another job's leftovers do no harm."""
    target = targets(kind)
    export(target, CHUNKS[:1], "earlier")
    stuck = sink_of(target, "stuck")
    commit(stuck, CHUNKS[3], stuck.resume(Mark()))
    stuck.abandon()
    sink = sink_of(target, "later")
    mark = commit(sink, CHUNKS[2], sink.resume(Mark()))
    sink.abandon()
    assert rows_in(target) == rows_of(CHUNKS[:1])
    sink.resume(mark)
    sink.finish()
    assert rows_in(target) == rows_of(CHUNKS[2:3])
    stuck.discard()
    assert left_beside(target) == []
    assert rows_in(target) == rows_of(CHUNKS[2:3])
    if kind in TABLES:
        with connect(target) as connection:
            jobs = connection.execute("SELECT job, made FROM hubassoc_jobs").fetchall()
        assert jobs == [("later", "links")]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_lost_is_missed(kind: str, targets: Targets) -> None:
    """A job does not go on as if it had what somebody else has removed."""
    target = targets(kind)
    sink = sink_of(target)
    mark = commit(sink, CHUNKS[0], sink.resume(Mark()))
    sink.discard()
    with pytest.raises(JournalError):
        sink_of(target).resume(mark)


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


def test_a_folder_that_is_no_export_is_not_replaced(tmp_path: Path) -> None:
    """Whoever names a home directory keeps it."""
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match=r"mine\.txt"):
        sink_of(f"{tmp_path}/")
    with pytest.raises(UsageError, match="no folder"):
        sink_of(f"{tmp_path}/mine.txt/")
    with pytest.raises(UsageError, match="no directory"):
        sink_of(f"{tmp_path}/not/there/")
    with pytest.raises(UsageError, match="no directory"):
        sink_of(f"{tmp_path}/not/there.parquet")


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_parquet_is_typed_and_compressed(kind: str, targets: Targets) -> None:
    """Ids are 64-bit integers, words are dictionaries, chunks are parts."""
    target = targets(kind)
    export(target)
    files = sorted(Path(target).iterdir()) if kind == "folder" else [Path(target)]
    words = pa.dictionary(pa.int32(), pa.string())
    kinds = [words, pa.int64(), words, pa.int64(), words, pa.int64(), words]
    for file in files:
        assert pq.ParquetFile(file).schema_arrow.types == kinds
        assert pq.read_metadata(file).row_group(0).column(1).compression == "ZSTD"
    if kind == "folder":
        assert len(files) == 3, "a chunk without rows has no part"
        assert pq.read_table(target).num_rows == len(rows_of(CHUNKS))


@pytest.mark.parametrize("group", [1, 2, 4, 5, 100])
def test_row_groups_are_full_and_bounded(
    group: int, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the last, however the chunks were cut; each row comes once, in order."""
    monkeypatch.setattr(parts, "ROW_GROUP", group)
    target = targets("parquet")
    export(target)
    rows = rows_of(CHUNKS)
    file = pq.read_metadata(target)
    sizes = [file.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert sizes == [min(group, len(rows) - at) for at in range(0, len(rows), group)]
    assert rows_in(target) == rows


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_a_resumed_export_is_the_same_bytes(kind: str, targets: Targets) -> None:
    """As one that was not disturbed."""
    target = targets(kind)
    export(target)
    before = _bytes(target)
    remove(target)
    mark = sink_of(target).resume(Mark())
    for chunk in CHUNKS:
        sink = sink_of(target)  # each by a process of its own
        sink.resume(mark)
        mark = commit(sink, chunk, mark)
    sink = sink_of(target)
    sink.resume(mark)
    sink.finish()
    assert _bytes(target) == before


def _bytes(target: str) -> dict[str, bytes]:
    path = Path(target)
    files = path.iterdir() if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


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


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_death_between_the_two_names_of_a_folder(
    forgotten: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder has no name then: it is found all the same, and what was there comes back."""
    target = f"{tmp_path / 'links'}"
    export(f"{target}/", CHUNKS[:1])
    name = public_name(target)
    sink = sink_of(name)
    mark = commit(sink, CHUNKS[1], sink.resume(Mark()))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", partialmethod(_dies_when_named, Path.rename, target))
        with pytest.raises(KeyboardInterrupt):
            sink.finish()
    assert not Path(target).exists()
    sink = sink_of(name)
    if forgotten:
        sink.discard()
    else:
        sink.resume(mark)
        sink.finish()
    assert rows_in(target) == rows_of(CHUNKS[:1] if forgotten else CHUNKS[1:2])
    assert left_beside(target) == []


def _dies_when_named(path: Path, rename: Callable[[Path, Path], Path], name: str, to: Path) -> Path:
    if str(to) == name:
        raise KeyboardInterrupt
    return rename(path, to)

"""Parquet parts, SQLite, DuckDB and PostgreSQL as sinks of a job: each chunk once."""

from collections.abc import Callable
from functools import partialmethod
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs import parts
from hubassoc_async.jobs.job_sinks import public_name
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.sinks import SinkError
from hubassoc_async.model import ObjectAssociations
from tests.jobs.stores import (
    CHUNKS,
    KINDS,
    PLAIN,
    TABLES,
    Targets,
    commit,
    connect,
    export,
    found,
    left_beside,
    remove,
    rows_in,
    rows_of,
    sink_of,
)


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
def test_what_was_not_committed_is_forgotten(kind: str, targets: Targets) -> None:
    """A sink that goes back to a mark has nothing of what it was given after it."""
    target = targets(kind)
    sink = sink_of(target)
    first = commit(sink, CHUNKS[0], sink.resume(Mark()))
    sink.write(CHUNKS[2])
    sink.abandon()
    commit(sink, CHUNKS[3], sink.resume(first))
    sink.finish()
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


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_an_earlier_export_of_the_same_is_not_taken_for_this_one(
    kind: str, targets: Targets
) -> None:
    """Where what the job had written is lost, one of yesterday has as many rows."""
    target = targets(kind)
    export(target, CHUNKS, "earlier")
    sink = sink_of(target)
    mark = sink.resume(Mark())
    for chunk in CHUNKS:
        mark = commit(sink, chunk, mark)
    sink.discard()
    with pytest.raises(JournalError, match="not what the job had written"):
        sink_of(target).resume(mark)


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

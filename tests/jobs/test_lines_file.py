"""Files of lines that a job can go back in: whatever was written after a mark is gone."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.job_sink import SINK, JobSink
from hubassoc_async.jobs.job_sinks import open_job_sink, public_name
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.model import Association, AssociationType, ObjectAssociations

TYPES = (AssociationType("HUBSPOT_DEFINED", 1, "Primary"), AssociationType("X", 279))
CHUNKS = [
    [ObjectAssociations(str(number), (Association(f"2{number}", TYPES),) * (number % 3))]
    for number in range(6)
]
NAMES = ["x.ndjson", "x.jsonl.gz", "x.csv", "x.CSV.gz"]


def opened(path: Path) -> JobSink:
    return open_job_sink(str(path), "contacts", "companies", job="job")


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.endswith(".gz") else data


def write(sink: JobSink, chunks: list[list[ObjectAssociations]], mark: Mark) -> Mark:
    """Commit chunks, each with a mark of its own."""
    for chunk in chunks:
        mark = Mark(items=mark.items + len(chunk), positions=dict(mark.positions))
        sink.write(chunk)
        sink.commit(mark)
    return mark


def whole(path: Path) -> bytes:
    """What an undisturbed job leaves."""
    sink = opened(path)
    sink.resume(Mark())
    write(sink, CHUNKS, Mark())
    assert sink.finish() == str(path)
    return content(path)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(CHUNKS)), max_size=4), st.integers(0, 50))
def test_going_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, deaths: list[int], torn: int
) -> None:
    """However often it goes back to an older mark, after torn writes too, the file is the same."""
    place = tmp_path_factory.mktemp("sink")
    expected = whole(place / name)
    (place / name).unlink()
    mark, part = Mark(), place / f".{name}.job.part"
    for further in deaths:
        sink = opened(place / name)
        assert sink.resume(mark) == mark
        known = mark
        for chunk in CHUNKS[mark.items : mark.items + further]:
            known, mark = mark, write(sink, [chunk], mark)
        mark = known  # the journal had not noted the last chunk
        sink.abandon()
        with part.open("ab") as file:
            file.write(b"torn" * torn)
    sink = opened(place / name)
    sink.resume(mark)
    assert not (place / name).exists()
    write(sink, CHUNKS[mark.items :], mark)
    sink.finish()
    assert content(place / name) == expected
    assert [one.name for one in place.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_finishing_twice(tmp_path: Path, name: str) -> None:
    """A job that dies after its file has its name, and before it can say so, finds it finished."""
    sink = opened(tmp_path / name)
    sink.resume(Mark())
    mark = write(sink, CHUNKS, Mark())
    sink.finish()
    data = content(tmp_path / name)
    again = opened(tmp_path / name)
    again.resume(mark)
    assert again.finish() == str(tmp_path / name)
    assert content(tmp_path / name) == data


@pytest.mark.parametrize("name", NAMES)
def test_nothing_at_all(tmp_path: Path, name: str) -> None:
    """A job without ids leaves a file that is whole: a header at most, a gzip file if packed."""
    sink = opened(tmp_path / name)
    sink.resume(Mark())
    sink.finish()
    assert content(tmp_path / name).count(b"\n") == (".csv" in name.lower())


def test_what_was_written_is_gone(tmp_path: Path) -> None:
    """A hidden file that is removed, or cut off, is a job that cannot go on, and says so."""
    sink = opened(tmp_path / "x.csv")
    sink.resume(Mark())
    mark = write(sink, CHUNKS, Mark())
    sink.abandon()
    part = tmp_path / ".x.csv.job.part"
    part.write_bytes(part.read_bytes()[:-1])
    (tmp_path / "x.csv").write_bytes(b"x" * mark.positions[SINK]["bytes"])  # somebody else's
    sink = opened(tmp_path / "x.csv")
    with pytest.raises(JournalError, match="shorter than the job left it"):
        sink.resume(mark)
    sink.abandon()
    part.unlink()
    with pytest.raises(JournalError, match="is gone"):
        opened(tmp_path / "x.csv").resume(mark)


def test_discarding(tmp_path: Path) -> None:
    """A job that is given up leaves nothing hidden, and the file of an earlier job alone."""
    (tmp_path / "x.csv").write_text("of an earlier job")
    sink = opened(tmp_path / "x.csv")
    sink.resume(Mark())
    write(sink, CHUNKS, Mark())
    sink.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("x.txt", "names no sink"),
        ("ftp://me:secret@there/x.csv", "ftp://… is no table"),
        ("/dev/null/x.csv", "there is no directory"),
        ("nowhere/x.csv", "there is no directory"),
        ("/dev/stdout.csv/../full", "names no sink"),
    ],
)
def test_no_sink(target: str, complaint: str) -> None:
    """What no sink takes is refused before anything is written, without its password."""
    with pytest.raises(UsageError, match=complaint) as refused:
        open_job_sink(target, "contacts", "companies", job="job")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("postgresql://me:pw@host:12/db?table=x&password=y", "postgresql://me@host:12/db?table=x"),
        ("postgresql://h/db?sslpassword=pw&%70assword=pw&a=b", "postgresql://h/db?a=b"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("sqlite:////abs/x.db?table=a", "sqlite:////abs/x.db?table=a"),
        ("/abs/dir/", "/abs/dir/"),
        ("/abs/../x.csv", "/x.csv"),
    ],
)
def test_public_names(target: str, shown: str) -> None:
    """A target as others may see it has no password, and can be found from anywhere."""
    assert public_name(target) == shown
    assert public_name(shown) == shown

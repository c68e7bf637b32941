"""Sinks: what is written comes back whole, under its name or under none."""

import csv
import gzip
import io
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs import lines, parquet
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.jobs.files import NewFile, OpenStream, free_partial, open_target
from hubassoc_async.jobs.sinks import FailureSink, SinkError, format_of, open_sink
from hubassoc_async.model import Association, AssociationType, Failure, ObjectAssociations
from hubassoc_async.protocol.wire import read_codec

PRIMARY = AssociationType("HUBSPOT_DEFINED", 1, "Primary")
UNLABELLED = AssociationType("HUBSPOT_DEFINED", 279)
BOTH = (PRIMARY, UNLABELLED)
ODD = (AssociationType("USER_DEFINED", 17, 'Größe, "x"\n=1'), AssociationType("UNKNOWN", None))

OUTCOMES = [
    ObjectAssociations("1001", (Association("2001", BOTH), Association("2002", ODD))),
    ObjectAssociations("1002", ()),
]

IDS = st.integers(1, 2**63 - 1).map(str)
TYPES = st.builds(
    AssociationType,
    category=st.sampled_from(["HUBSPOT_DEFINED", "USER_DEFINED", "NEW"]),
    type_id=st.none() | st.integers(1, 2**40),
    label=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
)
SHARED = st.lists(st.lists(TYPES, min_size=1, max_size=3).map(tuple), min_size=1, max_size=5)


@st.composite
def batches(draw: st.DrawFn, ids: st.SearchStrategy[str] = IDS) -> list[list[ObjectAssociations]]:
    """Batches of outcomes whose associations share their types, as a client gives them."""
    shared = st.sampled_from(draw(SHARED))
    associations = st.lists(st.builds(Association, ids, shared), max_size=5).map(tuple)
    outcomes = st.builds(ObjectAssociations, ids, associations)
    return draw(st.lists(st.lists(outcomes, max_size=4), max_size=4))


class Held:
    """A target in memory."""

    blocks = False

    def __init__(self) -> None:
        self.file: Any = io.BytesIO()

    def commit(self, *, complete: bool = True) -> None:
        """Keep what was written."""

    def abort(self) -> None:
        """Keep it all the same."""


def written(name: str, some: list[list[ObjectAssociations]], *, packed: bool = False) -> bytes:
    """The bytes of a sink after some batches."""
    held = Held()
    sink = open_sink(held, "contacts", "0-2", name, packed=packed)
    for batch in some:
        sink.write(batch)
    sink.commit()
    data: bytes = held.file.getvalue()
    return gzip.decompress(data) if packed else data


def rows(some: list[list[ObjectAssociations]]) -> Iterator[dict[str, object]]:
    """The rows that the formats with one a (from, to, type) must have."""
    for batch in some:
        for outcome in batch:
            for one in outcome.to:
                for kind in one.association_types:
                    yield {
                        "from_object_type": "contacts",
                        "from_object_id": outcome.from_object_id,
                        "to_object_type": "0-2",
                        "to_object_id": one.to_object_id,
                        "category": kind.category,
                        "type_id": kind.type_id,
                        "label": kind.label,
                    }


def test_ndjson_shape() -> None:
    """NDJSON is one line an id with these keys in this order, and an id with none has no ``to``."""
    assert written("ndjson", [OUTCOMES]).decode().splitlines() == [
        '{"from_object_id":"1001","to":['
        '{"to_object_id":"2001","association_types":['
        '{"category":"HUBSPOT_DEFINED","type_id":1,"label":"Primary"},'
        '{"category":"HUBSPOT_DEFINED","type_id":279,"label":null}]},'
        '{"to_object_id":"2002","association_types":['
        '{"category":"USER_DEFINED","type_id":17,"label":"Größe, \\"x\\"\\n=1"},'
        '{"category":"UNKNOWN","type_id":null,"label":null}]}]}',
        '{"from_object_id":"1002","to":[]}',
    ]


def test_csv_shape() -> None:
    """CSV is one row a (from, to, type) under a header, quoted where it must be."""
    assert written("csv", [OUTCOMES]).decode() == (
        "from_object_type,from_object_id,to_object_type,to_object_id,category,type_id,label\n"
        "contacts,1001,0-2,2001,HUBSPOT_DEFINED,1,Primary\n"
        "contacts,1001,0-2,2001,HUBSPOT_DEFINED,279,\n"
        'contacts,1001,0-2,2002,USER_DEFINED,17,"Größe, ""x""\n=1"\n'
        "contacts,1001,0-2,2002,UNKNOWN,,\n"
    )


@given(some=batches(), packed=st.booleans())
def test_ndjson_round_trip(some: list[list[ObjectAssociations]], packed: bool) -> None:
    """What was written to NDJSON comes back with every id, association, type and label."""
    lines = written("ndjson", some, packed=packed).splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "from_object_id": outcome.from_object_id,
            "to": [
                {
                    "to_object_id": one.to_object_id,
                    "association_types": [
                        {"category": t.category, "type_id": t.type_id, "label": t.label}
                        for t in one.association_types
                    ],
                }
                for one in outcome.to
            ],
        }
        for batch in some
        for outcome in batch
    ]


@given(some=batches(IDS | st.sampled_from(["a,b", ' "x"', "", "1\n2"])), packed=st.booleans())
def test_csv_round_trip(some: list[list[ObjectAssociations]], packed: bool) -> None:
    """What was written to CSV comes back row by row, whatever the labels have in them."""
    text = written("csv", some, packed=packed).decode()
    read = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert read == [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in rows(some)
    ]


@given(some=batches(), group=st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_parquet_round_trip(some: list[list[ObjectAssociations]], group: int) -> None:
    """What was written to Parquet comes back row by row, in row groups of bounded size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP", group)
        data = written("parquet", some)
    file = pq.ParquetFile(io.BytesIO(data))
    assert file.read().to_pylist() == [
        row | {key: int(str(row[key])) for key in ("from_object_id", "to_object_id")}
        for row in rows(some)
    ]
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert all(size <= group for size in sizes)


@given(some=batches(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_parquet_of_packed_outcomes(
    some: list[list[ObjectAssociations]], data: st.DataObject
) -> None:
    """Those for columns make the same file, byte by byte, all of them or some."""
    outcome = read_codec("v4", packed=True).outcome
    which = st.sampled_from([outcome, outcome, ObjectAssociations])
    packed = [[data.draw(which)(one.from_object_id, one.to) for one in batch] for batch in some]
    assert written("parquet", packed) == written("parquet", some)


def test_packed_outcomes_of_several_reads_keep_their_types() -> None:
    """The numbers of types of one read mean nothing in another."""
    some = [ObjectAssociations(str(n), (Association("7", (kind,)),)) for n, kind in enumerate(BOTH)]
    packed = [read_codec("v4", packed=True).outcome(one.from_object_id, one.to) for one in some]
    assert written("parquet", [packed]) == written("parquet", [some])


def test_parquet_types() -> None:
    """Parquet ids are 64-bit integers, words are dictionaries, and it is compressed by zstd."""
    file = pq.ParquetFile(io.BytesIO(written("parquet", [OUTCOMES])))
    words = pa.dictionary(pa.int32(), pa.string())
    assert file.schema_arrow.types == [
        *(words, pa.int64(), words, pa.int64(), words, pa.int64(), words)
    ]
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


@pytest.mark.parametrize("odd", ["abc", str(2**63)])
def test_parquet_refuses_what_it_cannot_hold(odd: str) -> None:
    """An id that is no 64-bit number is an error that names it, not another number."""
    with pytest.raises(SinkError, match=odd):
        written("parquet", [[ObjectAssociations("1", (Association(odd, BOTH),))]])


def test_formats_that_are_not() -> None:
    """A format that is unknown, or that is not to be compressed, is a usage error."""
    with pytest.raises(UsageError, match="ndjson, csv, parquet"):
        written("xlsx", [])
    with pytest.raises(UsageError, match="compresses"):
        written("parquet", [], packed=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.ndjson", ("ndjson", False)),
        ("x.JSONL.gz", ("ndjson", True)),
        ("a.b.csv", ("csv", False)),
        ("x.csv.gz", ("csv", True)),
        ("x.parquet", ("parquet", False)),
        ("x.txt", (None, False)),
        ("csv", (None, False)),
    ],
)
def test_format_of(name: str, expected: tuple[str | None, bool]) -> None:
    """The format of an output is what its ending says."""
    assert format_of(Path("some.csv") / name) == expected


def test_file_appears_whole(tmp_path: Path) -> None:
    """A file has its name only after its commit, replaces what was there, and leaves no other."""
    path = tmp_path / "x.ndjson"
    path.write_bytes(b"before")
    file = NewFile(path)
    file.file.write(b"after")
    file.file.flush()
    assert path.read_bytes() == b"before"
    assert [one.name[0] for one in tmp_path.iterdir() if one != path] == ["."]
    assert file.commit() == path
    file.abort()
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_file_aborted(tmp_path: Path) -> None:
    """A file that is aborted is gone, and what had the name before has it still."""
    path = tmp_path / "x"
    path.write_bytes(b"before")
    NewFile(path).abort()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_partial_files_are_never_overwritten(tmp_path: Path) -> None:
    """What a stopped read had gets a name of its own, that no other stopped read takes away."""
    for expected in ("x.partial.csv.gz", "x.partial-2.csv.gz", "x.partial-3.csv.gz"):
        file = NewFile(tmp_path / "x.csv.gz")
        assert file.commit(complete=False) == tmp_path / expected
    assert len(list(tmp_path.iterdir())) == 3
    assert free_partial(Path("csv")) == Path("csv.partial")
    assert free_partial(Path("a.b.parquet")) == Path("a.b.partial.parquet")


def test_through_a_link(tmp_path: Path) -> None:
    """A file that is written through a link replaces what the link points at."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "x"
    link.symlink_to(tmp_path / "real" / "y")
    file = NewFile(link)
    file.file.write(b"after")
    file.commit()
    assert link.is_symlink()
    assert (tmp_path / "real" / "y").read_bytes() == b"after"
    stopped = NewFile(link)
    assert stopped.commit(complete=False) == tmp_path / "real" / "y.partial"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    """What is no regular file is written to and not replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    target = open_target(pipe)
    target.file.write(b"1001\n")
    target.commit()
    assert os.read(reader, 99) == b"1001\n"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
    os.close(reader)


def test_a_descriptor_is_no_file(capfd: pytest.CaptureFixture[str]) -> None:
    """``/dev/stderr`` is written to, also where it leads to a regular file."""
    target = open_target(Path("/dev/stderr"))
    target.file.write(b"1001\n")
    target.commit(complete=False)
    assert capfd.readouterr().err == "1001\n"


FAILURE = Failure("1003", "VALIDATION_ERROR", "no id", "crm.associations.INVALID", "c-1")
LINE = Origin(
    operation="read", from_object_type="contacts", to_object_type="companies", api_version="v4"
).letter


def test_failures(tmp_path: Path) -> None:
    """Failures are one line each, in a file that appears at the commit."""
    path = tmp_path / "x.failures.ndjson"
    sink = FailureSink(path, LINE)
    sink.write([FAILURE, Failure("x", "INVALID_ID", "not an id")])
    assert not path.exists()
    assert sink.commit() == path
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["from_object_id"] for line in lines] == ["1003", "x"]


def test_no_failures(tmp_path: Path) -> None:
    """Failures of another read do not outlive a complete one; a stopped one leaves them alone."""
    path = tmp_path / "x.failures.ndjson"
    before = FailureSink(path, LINE)
    before.write([FAILURE])
    before.commit()
    assert FailureSink(path, LINE).commit(complete=False) is None
    assert path.exists()
    assert FailureSink(path, LINE).commit() is None
    assert list(tmp_path.iterdir()) == []


def test_what_came_where_failures_go(tmp_path: Path) -> None:
    """What is none of them is not removed where there are none."""
    (tmp_path / "mine").write_text("of great worth\n")
    FailureSink(tmp_path / "mine", LINE).commit()
    assert (tmp_path / "mine").exists()


@contextmanager
def largest(size: int) -> Iterator[None]:
    """Let no file grow beyond a size meanwhile: what is left of it on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("when", ["written", "named"])
def test_failures_that_cannot_be_kept(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are there to be told; those before are whole lines in their file."""
    path = tmp_path / "x.failures.ndjson"
    sink = FailureSink(path, LINE)
    sink.write([FAILURE])
    if when == "written":
        (part,) = tmp_path.iterdir()
        with largest(part.stat().st_size + 10), pytest.raises(OSError, match="too large"):
            sink.write([msgspec.structs.replace(FAILURE, from_object_id="1004")])
        assert sink.commit() == path
        (kept,) = path.read_text().splitlines()
        assert json.loads(kept)["from_object_id"] == "1003"
    else:
        monkeypatch.setattr(Path, "replace", Mock(side_effect=PermissionError(13, "no")))
        with pytest.raises(PermissionError):
            sink.commit()
    sink.abort()
    lost = [json.loads(line)["from_object_id"] for line in sink.lost.splitlines()]
    assert lost == (["1004"] if when == "written" else ["1003"])


def test_failures_to_a_stream() -> None:
    """Failures that have no file are written as they come."""
    stream = io.BytesIO()
    sink = FailureSink(None, LINE, stream=OpenStream(stream))
    sink.write([FAILURE])
    assert stream.getvalue().count(b"\n") == 1
    assert sink.commit() is None


def test_columns_are_those_of_parquet_and_csv() -> None:
    """Both formats of rows have the same columns."""
    header = written("csv", []).decode().strip().split(",")
    assert header == list(lines.COLUMNS)
    assert pq.ParquetFile(io.BytesIO(written("parquet", []))).schema_arrow.names == header

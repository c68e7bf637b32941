"""Sources: what a file is, where its ids are, and how much of it is read."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.jobs.sources import IdFile, SourceError

IDS = ["1001", "1002", "201000000003"]


def ids_of(data: bytes, column: str | None = None) -> list[str]:
    """The ids in some bytes, as if they came through a pipe."""
    return list(IdFile(io.BytesIO(data), column=column))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"1001\n1002\n201000000003\n", id="text"),
        pytest.param(b"1001\r\n\r\n  1002 \r\n201000000003", id="Windows lines, blanks, no end"),
        pytest.param(b"\n\n1001\n\n1002\n201000000003\n\n", id="blank lines"),
        pytest.param(b'"1001"\n"1002"\n"201000000003"\n', id="bare ids, quoted"),
        pytest.param(b"\xef\xbb\xbf1001\n1002\n201000000003\n", id="byte order mark"),
        pytest.param("1001\n1002\n201000000003\n".encode("utf-16"), id="UTF-16"),
        pytest.param(b"Record ID\n1001\n1002\n201000000003\n", id="one column"),
        pytest.param(b"Name,Record ID\nA,1001\n\nB,1002\nC,201000000003\n", id="CSV"),
        pytest.param(b"Name;HS_OBJECT_ID\nA;1001\nB;1002\nC;201000000003\n", id="semicolons"),
        pytest.param(b"id\tName\n1001\tA\n1002\tB\n201000000003\tC\n", id="tabs"),
        pytest.param(b"Name|id\nA|1001\nB|1002\nC|201000000003\n", id="bars"),
        pytest.param(
            b'\xef\xbb\xbf"Record ID","Notes"\r\n"1001","two\r\nlines, ""so"""\r\n'
            b'"1002",""\r\n"201000000003","\xff"\r\n',
            id="quoted CSV with a mark, line ends in cells and a stray byte",
        ),
        pytest.param(b"id,Record ID\n1,1001\n2,1002\n3,201000000003\n", id="the better column"),
        pytest.param(b'{"id":"1001"}\n{"id":1002}\n\n{"id":201000000003,"x":[1]}', id="NDJSON"),
        pytest.param(b'{"from_object_id":"1001"}\n"1002"\n201000000003\n', id="NDJSON, mixed"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_formats(data: bytes, pack: Callable[[bytes], bytes]) -> None:
    """Whatever the format, encoding or compression, the same ids come out in their order."""
    assert ids_of(pack(data)) == IDS


def test_named_column() -> None:
    """A column that is named wins over those that are recognised, in any case."""
    assert ids_of(b"id,Contact\n1,1001\n2,1002\n", "contact") == ["1001", "1002"]
    assert ids_of(b'{"id":1,"Contact":"1001"}\n', "contact") == ["1001"]


@pytest.mark.parametrize(
    ("data", "column", "said"),
    [
        (b"Name,Email\nA,B\n", None, ["'Name', 'Email'", "--id-column", "Record ID"]),
        (b"1001,A\n1002,B\n", None, ["'1001', 'A'"]),
        (b"Name,Email\nA,B\n", "Contact", ["no column 'Contact'", "'Name', 'Email'"]),
        (b"1001\n", "Contact", ["no column 'Contact'"]),
        (b'{"name":"A"}\n', None, ["'name'", "--id-column"]),
        (b'{"name":\n', None, ["not JSON"]),
        (b"[1001, 1002]\n", None, ["JSON array", "jq"]),
        (b"PK\x03\x04 ...", None, ["Excel"]),
        (b"PAR1 ...", None, ["Parquet"]),
        (bytes(2_000_000), None, ["no lines"]),
    ],
)
def test_refused_when_opened(data: bytes, column: str | None, said: list[str]) -> None:
    """A file that cannot be right is refused when it is opened, saying what it has."""
    with pytest.raises(SourceError) as caught:
        IdFile(io.BytesIO(data), column=column)
    assert all(words in str(caught.value) for words in said), str(caught.value)


def test_unrecognised_single_column(tmp_path: Path) -> None:
    """A lone word on the first line is an id like any other, unless the file is named a CSV."""
    assert ids_of(b"abc\n1001\n") == ["abc", "1001"]
    named = tmp_path / "ids.csv"
    named.write_bytes(b"contact\n1001\n")
    with pytest.raises(SourceError, match="it has 'contact'"):
        IdFile(named)


@pytest.mark.parametrize("data", [b"", b"\n \n", gzip.compress(b"", mtime=0)])
def test_empty(data: bytes) -> None:
    """An empty file has no ids, and is no error."""
    assert ids_of(data) == []


def test_rows_without_an_id_are_counted() -> None:
    """A row without an id is passed over and counted; a blank line is only passed over."""
    source = IdFile(io.BytesIO(b"Name,id\nA,1001\nB,\nC\n,\n\nD,1002\n"))
    assert list(source) == ["1001", "1002"]
    assert source.skipped == 2
    source = IdFile(io.BytesIO(b'{"id":1001}\n{"x":1}\n{"id":null}\n'))
    assert list(source) == ["1001"]
    assert source.skipped == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'id,Note\n1001,A\n1002,"B\n1003,C\n', "quote"),
        (b'{"id":1001}\n{"id":\n', "line 2"),
        (gzip.compress(b"1001\n" * 50_000, mtime=0)[:-20], "cut off or damaged"),
        (gzip.compress(bytes(1001) + b"\n" * 99, mtime=0)[:40] + b"garbage" * 9, "damaged"),
    ],
)
def test_broken_off(data: bytes, said: str) -> None:
    """A file that breaks in the middle is an error where it breaks: no id is lost in silence."""
    with pytest.raises(SourceError, match=said):
        ids_of(data)


def test_lazy_without_end() -> None:
    """Ids are read as they are wanted: a source without an end is no obstacle."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe, open(writing, "wb", buffering=0) as end:  # noqa: PTH123
        end.write(b"1001\n1002\n")
        source = IdFile(pipe)
        ids = iter(source)
        assert source.blocks
        assert source.fraction is None
        assert next(ids) == "1001"
        end.write(b"1003\n")
        assert [next(ids), next(ids)] == ["1002", "1003"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_fraction(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """How much of a file is read is known from its bytes, close enough to estimate its ids."""
    path = tmp_path / "ids"
    path.write_bytes(pack(b"".join(b"%d\n" % n for n in range(10**9, 10**9 + 50_000))))
    source = IdFile(path)
    ids = iter(source)
    assert not source.blocks
    for taken in (1_000, 10_000, 25_000):
        while int(next(ids)) < 10**9 + taken - 1:
            pass
        assert source.fraction is not None
        estimate = taken / source.fraction
        assert abs(estimate - 50_000) < 50_000 * 2_000 / taken
    assert sum(1 for _ in ids) == 25_000
    assert source.fraction == 1.0


def test_fraction_of_parts(tmp_path: Path) -> None:
    """A gzip file of several parts is read whole, and its length is not guessed wrong."""
    path = tmp_path / "ids"
    parts = [b"".join(b"%d\n" % n for n in range(at, at + 9_000)) for at in (10_000, 20_000)]
    path.write_bytes(b"".join(map(gzip.compress, parts)))
    source = IdFile(path)
    assert len(list(source)) == 18_000
    assert source.fraction is None


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    ids=st.lists(st.integers(1, 10**15).map(str), max_size=30),
    other=st.lists(TEXTS, min_size=30, max_size=30),
    delimiter=st.sampled_from(",;\t|"),
    first=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    packed=st.booleans(),
)
def test_csv_round_trip(
    ids: list[str],
    other: list[str],
    delimiter: str,
    first: bool,
    quoting: int,
    encoding: str,
    packed: bool,
) -> None:
    """What a CSV writer wrote, with anything in another column, gives its ids back."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    for row in [("Record ID", "Other"), *zip(ids, other, strict=False)]:
        writer.writerow(row if first else row[::-1])
    data = text.getvalue().encode(encoding)
    assert ids_of(gzip.compress(data) if packed else data) == ids


@given(
    ids=st.lists(st.integers(1, 10**15).map(str), max_size=30),
    extra=st.dictionaries(TEXTS, TEXTS, max_size=3),
    number=st.booleans(),
)
def test_ndjson_round_trip(ids: list[str], extra: dict[str, str], number: bool) -> None:
    """What a JSON writer wrote, with anything in other keys, gives its ids back."""
    lines = [
        json.dumps(extra | {"Record ID": int(one) if number else one}, ensure_ascii=number)
        for one in ids
    ]
    assert ids_of("\n".join(lines).encode()) == ids


@given(st.binary(max_size=300))
def test_garbage(data: bytes) -> None:
    """Any bytes at all give ids or a ``SourceError``, and nothing else."""
    try:
        ids = ids_of(data)
    except SourceError:
        return
    assert all(one and one == one.strip() for one in ids)

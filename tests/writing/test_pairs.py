"""Files of pairs and links: every format, and what a wrong one is told."""

import gzip
import io
import json
from pathlib import Path

import pytest

from hubassoc_async.jobs.pairs import open_pairs
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.model import AssociationType, Link

KIND = AssociationType("USER_DEFINED", 28, "Decision maker")
CSV = """\
From_Object_Id;to_object_id;category;type_id;label
1;101;USER_DEFINED;28;Decision maker
 2 ; 102 ;;279;

3;103;;;Decision maker
4;104
"""
LINKS = [
    Link("1", "101", (KIND,), 2),
    Link("2", "102", (279,), 3),
    Link("3", "103", ("Decision maker",), 5),
    Link("4", "104", (), 6),
]


@pytest.mark.parametrize("packed", [False, True])
def test_csv(tmp_path: Path, *, packed: bool) -> None:
    """Types by id, with or without category, else by label; each link knows its line."""
    path = tmp_path / "links"
    path.write_bytes(gzip.compress(CSV.encode()) if packed else CSV.encode())
    source = open_pairs(path, typed=True)
    assert source.fraction is None or source.fraction == 1.0
    assert list(source) == LINKS
    assert not source.blocks


def test_a_pipe_is_read_as_it_comes() -> None:
    """A stream without a size has no fraction, and may wait."""
    source = open_pairs(io.BytesIO(CSV.encode()), typed=False)
    assert [link[:3] for link in source] == [(*link[:2], ()) for link in LINKS]
    assert source.fraction is None
    assert source.blocks


def test_ndjson_of_links_of_failures_and_of_reads() -> None:
    """What this package writes can be read: a failure's types, and a record with all its links."""
    lines = [
        {"from_object_id": 1, "to_object_id": "101", "type_id": 279},
        {
            "from_object_id": "2",
            "to_object_id": "102",
            "category": "OBJECT_NOT_FOUND",
            "association_types": [
                {"category": "USER_DEFINED", "type_id": 28, "label": "Decision maker"},
                {"category": "UNKNOWN", "type_id": None, "label": "Decisoin maker"},
            ],
        },
        {
            "from_object_id": "3",
            "to": [
                {"to_object_id": "103", "association_types": [{"type_id": 279}]},
                {"to_object_id": "104", "association_types": []},
            ],
        },
        {"from_object_id": "4"},
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    found = list(open_pairs(io.BytesIO(body), typed=True))
    assert found == [
        Link(1, "101", (279,), 1),
        Link("2", "102", (KIND, "Decisoin maker"), 2),
        Link("3", "103", (279,), 3),
        Link("3", "104", (), 3),
        Link("4", "", (), 4),
    ]


def test_parquet(tmp_path: Path) -> None:
    """Integers or texts, nulls for no type; rows are counted from 1."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "from_object_id": [1, 2, 3],
            "to_object_id": ["101", "102", None],
            "type_id": [28, 279, None],
            "category": ["USER_DEFINED", None, None],
            "label": ["Decision maker", None, "Decision maker"],
            "other": [0.5, 0.5, 0.5],
        }
    )
    pq.write_table(table, tmp_path / "links.parquet")
    source = open_pairs(tmp_path / "links.parquet", typed=True)
    assert list(source) == [
        Link("1", "101", (KIND,), 1),
        Link("2", "102", (279,), 2),
        Link("3", "", ("Decision maker",), 3),
    ]
    assert source.fraction == 1.0
    bare = open_pairs(tmp_path / "links.parquet", typed=False)
    assert [link.types for link in bare] == [(), (), ()]
    (tmp_path / "broken").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(SourceError, match="damaged"):
        open_pairs(tmp_path / "broken", typed=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("a,b\n1,2\n", "no column from_object_id and no column to_object_id; it has 'a', 'b'"),
        ("from_object_id,to_object_id\n1,2\n", "no column label or type_id"),
        ('{"from_object_id": 1}\n', "no column to_object_id"),
        ("[1]", "JSON array"),
        ("PK\x03\x04", "Excel"),
        ("PAR1", "Parquet"),
    ],
)
def test_a_missing_column_is_named_before_anything_is_asked(body: str, said: str) -> None:
    """The file is refused when it is opened."""
    with pytest.raises(SourceError, match=said):
        open_pairs(io.BytesIO(body.encode()), typed=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('from_object_id,to_object_id,label\n1,2,"x\n', "line 2.*quote"),
        ('{"from_object_id":1,"to_object_id":2,"label":"x"}\n{"from', "line 2"),
    ],
)
def test_a_file_that_breaks_off_says_where(body: str, said: str) -> None:
    """What came before it has been given out."""
    source = open_pairs(io.BytesIO(body.encode()), typed=True)
    with pytest.raises(SourceError, match=said):
        list(source)


def test_an_empty_file_has_no_links() -> None:
    """Nothing to do is no error."""
    assert list(open_pairs(io.BytesIO(b"\n \n"), typed=True)) == []

"""Two exports beside each other: in any formats, in Python and on the command line."""

import json
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hubassoc_async.cli.commands import hubassoc
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.diff import diff
from hubassoc_async.jobs.edge_compare import EdgeChange
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import Mark
from hubassoc_async.model import Association, AssociationType, ObjectAssociations

PLAIN = AssociationType("HUBSPOT_DEFINED", 279)
PRIMARY = AssociationType("HUBSPOT_DEFINED", 1, "Primary")
BILLING = AssociationType("USER_DEFINED", 28, "Billing")
RENAMED = AssociationType("USER_DEFINED", 28, "Invoices")


def record(from_id: int, *to: tuple[int, tuple[AssociationType, ...]]) -> ObjectAssociations:
    return ObjectAssociations(
        str(from_id), tuple(Association(str(one), kinds) for one, kinds in to)
    )


OLD = [
    record(9, (1, (PRIMARY, PLAIN)), (2, (PLAIN,)), (10, (BILLING, PLAIN))),
    record(10, (1, (PLAIN,))),
    record(11),
    record(12, (5, (PLAIN,))),
]
NEW = [
    record(11, (3, (PLAIN,))),
    record(10),
    record(9, (10, (PLAIN, RENAMED)), (1, (PLAIN,)), (2, (PRIMARY, PLAIN))),
    record(13, (1, (PLAIN,))),
]
CHANGES = [
    ("relabelled", "9", "1", {1, 279}, {279}),
    ("relabelled", "9", "2", {279}, {1, 279}),
    ("removed", "10", "1", {279}, None),
    ("added", "11", "3", None, {279}),
]
BY_ABSENCE = [("removed", "12", "5", {279}, None), ("added", "13", "1", None, {279})]
FILES = ("x.ndjson", "x.ndjson.gz", "x.csv", "x.parquet", "parts/", "sqlite")


def export(
    folder: Path, name: str, records: list[ObjectAssociations], ends: str = "contacts"
) -> str:
    """Write an export in a format, and give the name that it can be read by."""
    folder.mkdir(exist_ok=True)
    target = f"sqlite:///{folder}/x.db?table=edges" if name == "sqlite" else f"{folder}/{name}"
    sink = open_job_sink(target, ends, "companies", job="j")
    mark = sink.resume(Mark())
    sink.write(records)
    sink.commit(Mark(items=len(records), positions=dict(mark.positions)))
    sink.finish()
    return target


def told(change: EdgeChange) -> tuple[object, ...]:
    return (change.kind, *change[:2], _ids(change.before), _ids(change.after))


def _ids(types: object) -> set[int | None] | None:
    if types is None:
        return None
    return {one.type_id for one in types}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("first", "second"), [*product(FILES, ("x.ndjson",)), *product(("x.ndjson",), FILES)]
)
def test_any_two_formats_are_compared(first: str, second: str, tmp_path: Path) -> None:
    """What differs is the same; what a format cannot tell is taken for none."""
    old, new = export(tmp_path / "old", first, OLD), export(tmp_path / "new", second, NEW)
    rows = [not name.startswith("x.ndjson") for name in (first, second)]
    with diff(old, new) as changes:
        found = [told(change) for change in changes]
        counts = changes.counts
    # a record without associations is in no row: 11 of OLD, 10 of NEW; 12 and 13 are in one only
    assert found == CHANGES + [
        change for change, whole in zip(BY_ABSENCE, rows[::-1], strict=True) if whole
    ]
    assert counts.unchanged == 1
    assert (counts.only_old, counts.only_new) == (int(not rows[1]), int(not rows[0]))


def test_what_is_absent_can_be_none(tmp_path: Path) -> None:
    """With ``absent_is_none`` a record that one export lacks has no associations in it."""
    old, new = export(tmp_path / "a", "x.ndjson", OLD), export(tmp_path / "b", "x.ndjson", NEW)
    with diff(old, new, absent_is_none=True) as changes:
        assert [told(change) for change in changes] == CHANGES + BY_ABSENCE
    with diff(old, old) as changes:
        assert list(changes) == []


def test_other_object_types_are_refused(tmp_path: Path) -> None:
    """Where both say of what they are, they must say the same, however they spell it."""
    old = export(tmp_path / "a", "x.csv", OLD)
    with pytest.raises(UsageError, match=r"contacts → companies.*deals → companies"):
        diff(old, export(tmp_path / "b", "x.csv", NEW, "deals"))
    diff(old, export(tmp_path / "c", "x.parquet", NEW, "0-1")).close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(hubassoc, ["diff", *arguments])


def test_the_command_writes_a_feed(tmp_path: Path) -> None:
    """NDJSON to stdout, CSV by the file's ending; counts go to stderr; both exit with 0."""
    old, new = export(tmp_path / "a", "x.ndjson", OLD), export(tmp_path / "b", "x.ndjson", NEW)
    done = run(old, new)
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["change"] for line in lines] == [change[0] for change in CHANGES]
    assert lines[0] == {
        "change": "relabelled",
        "from_object_id": "9",
        "to_object_id": "1",
        "before": [
            {"category": "HUBSPOT_DEFINED", "type_id": 1, "label": "Primary"},
            {"category": "HUBSPOT_DEFINED", "type_id": 279, "label": None},
        ],
        "after": [{"category": "HUBSPOT_DEFINED", "type_id": 279, "label": None}],
    }
    assert done.stderr == (
        "1 added, 1 removed, 2 relabelled, 1 unchanged; 3 records compared\n"
        "  not compared: 1 record that only OLD lists, 1 that only NEW lists\n"
    )
    feed = tmp_path / "changes.csv"
    done = run(old, new, "--to", str(feed), "--absent", "none")
    assert (done.exit_code, done.stdout) == (0, "")
    assert feed.read_text().splitlines()[:4:3] == [
        "change,from_object_id,to_object_id,before,after",
        "removed,10,1,HUBSPOT_DEFINED:279,",
    ]
    assert len(feed.read_text().splitlines()) == 1 + 6


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nowhere.ndjson", "nowhere.ndjson"), "No such file"),
        (("broken.ndjson", "broken.ndjson"), "broken.ndjson"),
        (("good.csv", "broken.ndjson"), "broken.ndjson, line 2"),
        (("good.csv", "good.csv", "--to", "no/where.csv"), "no directory"),
        (("postgresql://nowhere?table=x&query=", "good.csv"), "Error"),
    ],
)
def test_what_cannot_be_compared_exits_with_2(
    arguments: tuple[str, ...], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which file, and why; no file is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text("from_object_id,to_object_id\n1,2\n")
    (tmp_path / "broken.ndjson").write_text('{"from_object_id":"1","to":[]}\n{"from\n')
    if arguments[0] == "broken.ndjson":
        (tmp_path / "broken.ndjson").write_text("[1]\n")
    done = run(*arguments)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert sorted(one.name for one in tmp_path.iterdir()) == ["broken.ndjson", "good.csv"]


def test_links_may_name_types_by_label_or_not_at_all(tmp_path: Path) -> None:
    """Files of links are compared as well: by what they say."""
    (tmp_path / "a.csv").write_text("from_object_id,to_object_id,label\n1,2,Billing\n1,3,28\n")
    (tmp_path / "b.csv").write_text("from_object_id,to_object_id\n1,2\n1,4\n")
    done = run(str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--format", "csv")
    assert done.stdout.splitlines()[1:] == [
        "relabelled,1,2,UNKNOWN:Billing,",
        "removed,1,3,UNKNOWN:28,",
        "added,1,4,,",
    ]


@pytest.mark.parametrize("name", ["OLD", "NEW"])
def test_a_file_without_a_line_tells_of_no_record(name: str, tmp_path: Path) -> None:
    """What was never written is not taken for a portal without associations."""
    (tmp_path / "empty").write_text("\n")
    places = [str(tmp_path / "empty"), export(tmp_path, "x.ndjson", OLD)]
    done = run(*(places if name == "OLD" else places[::-1]))
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "0 added, 0 removed" in done.stderr
    assert "not compared" in done.stderr


def test_the_feed_does_not_take_an_exports_place(tmp_path: Path) -> None:
    """An export cannot be made again: what was then is gone."""
    old, new = export(tmp_path / "old", "x.csv", OLD), export(tmp_path / "new", "x.csv", NEW)
    before = Path(new).read_bytes()
    done = run(old, new, "--to", new)
    assert done.exit_code == 2
    assert "NEW and --to are the same file" in done.stderr
    assert Path(new).read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """Exit status 1 and the reason."""
    old, new = export(tmp_path / "old", "x.csv", OLD), export(tmp_path / "new", "x.csv", NEW)
    done = run(old, new, "--to", "/dev/full")
    assert done.exit_code == 1
    assert "cannot be written: No space left" in done.stderr

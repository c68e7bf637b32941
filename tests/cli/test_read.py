"""``hubassoc read`` from a file of ids to a file of associations, as a process, over a socket."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hubassoc_async.emulator import Fault, Portal
from tests.cli.command import CONTACTS, TOKEN, hubassoc, names, read, truth
from tests.cli.test_refused_jobs import LETTER

Found = dict[str, set[tuple[str, int]]]


def from_ndjson(data: bytes) -> Found:
    """What an NDJSON output says; no id may be there twice."""
    lines = [json.loads(line) for line in data.splitlines()]
    found = {
        line["from_object_id"]: {
            (to["to_object_id"], kind["type_id"])
            for to in line["to"]
            for kind in to["association_types"]
        }
        for line in lines
    }
    assert len(found) == len(lines)
    return found


def from_rows(rows: list[dict[str, object]]) -> Found:
    """What a CSV or Parquet output says; no row may be there twice."""
    found: Found = {}
    for row in rows:
        assert (row["from_object_type"], row["to_object_type"]) == ("contacts", "companies")
        assert row["category"] == "HUBSPOT_DEFINED"
        assert (row["label"] or None) == ("Primary" if int(str(row["type_id"])) == 1 else None)
        pair = str(row["to_object_id"]), int(str(row["type_id"]))
        rest = found.setdefault(str(row["from_object_id"]), set())
        assert pair not in rest
        rest.add(pair)
    return found


def from_csv(data: bytes) -> Found:
    """What a CSV output says."""
    return from_rows(list(csv.DictReader(io.StringIO(data.decode(), newline=""))))


def from_parquet(data: bytes) -> Found:
    """What a Parquet output says."""
    return from_rows(pq.read_table(io.BytesIO(data)).to_pylist())


@pytest.mark.parametrize(
    ("output", "options", "reader"),
    [
        ("x.ndjson", (), from_ndjson),
        ("x.jsonl.gz", (), lambda data: from_ndjson(gzip.decompress(data))),
        ("x.csv", (), from_csv),
        ("x.csv.gz", (), lambda data: from_csv(gzip.decompress(data))),
        ("x.parquet", (), from_parquet),
        ("x", ("--format", "csv"), from_csv),
    ],
)
async def test_every_format_has_everything(
    portal: Portal,
    url: str,
    ids: Path,
    tmp_path: Path,
    output: str,
    options: tuple[str, ...],
    reader: Callable[[bytes], Found],
) -> None:
    """Every id, associated record and type of the portal is in the output, once."""
    done = await read(url, "--ids", ids, "--output", output, *options, cwd=tmp_path)
    assert (done.status, done.out) == (0, b""), done.err
    assert names(tmp_path) == [output]
    expected = truth(portal)
    if reader in (from_csv, from_parquet) or "csv" in output:
        expected = {one: to for one, to in expected.items() if to}
    assert reader((tmp_path / output).read_bytes()) == expected


async def test_stdin_to_stdout(portal: Portal, url: str, tmp_path: Path) -> None:
    """With - for both, ids come from stdin and NDJSON goes to stdout; no file is written."""
    some = CONTACTS[:50]
    stdin = "".join(f"{one}\n" for one in some).encode()
    done = await read(url, "--ids", "-", "--output", "-", cwd=tmp_path, stdin=stdin)
    assert done.status == 0
    expected = truth(portal)
    assert from_ndjson(done.out) == {str(one): expected[str(one)] for one in some}
    assert names(tmp_path) == []


async def test_failures_of_stdout_go_to_stderr(url: str, tmp_path: Path) -> None:
    """With - for the output, an id that fails is an NDJSON line on stderr."""
    done = await read(url, "--ids", "-", "--output", "-", cwd=tmp_path, stdin=b"abc\n1001\n")
    assert done.status == 3
    assert list(from_ndjson(done.out)) == ["1001"]
    (line,) = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert (line["from_object_id"], line["category"]) == ("abc", "INVALID_ID")
    assert names(tmp_path) == []


async def test_ids_of_an_export(portal: Portal, url: str, tmp_path: Path) -> None:
    """A zipped CSV with a byte order mark, repeats and rows without ids reads each id once."""
    text = "\ufeffName;Record ID\r\nA;1001\r\nB;1002\r\n\r\nNobody;\r\nA again;1001\r\n"
    (tmp_path / "export.csv.gz").write_bytes(gzip.compress(text.encode()))
    done = await read(
        url, "--ids", "export.csv.gz", "--output", "x.ndjson", "--summary", "s.json", cwd=tmp_path
    )
    assert done.status == 0
    assert from_ndjson((tmp_path / "x.ndjson").read_bytes()).keys() == {"1001", "1002"}
    assert "1 row without an id" in done.err
    assert json.loads((tmp_path / "s.json").read_bytes())["ids"] == 2
    assert portal.requests[0].ids == ["1001", "1002"]


async def test_summary(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """The summary counts what the output has, on stderr and as JSON with these keys."""
    portal.fail("rate_limited", nth=1)
    done = await read(
        url, "--ids", ids, "--output", "x.ndjson", "--summary", "s.json", cwd=tmp_path
    )
    summary = json.loads((tmp_path / "s.json").read_bytes())
    expected = truth(portal)
    assert 0 < summary.pop("seconds") < 60
    assert summary == {
        "ids": 3000,
        "found": sum(1 for to in expected.values() if to),
        "none": sum(1 for to in expected.values() if not to),
        "failed": 0,
        "associations": sum(len({to for to, _ in one}) for one in expected.values()),
        "requests": len(portal.requests),
        "retries": 1,
        "rate_limited": 1,
    }
    assert "contacts → companies: 3,000 ids in" in done.err
    assert f"{summary['found']:,} found, {summary['none']:,} none, 0 failed" in done.err
    assert "output: x.ndjson" in done.err


async def test_failures_can_be_read_again(url: str, tmp_path: Path) -> None:
    """Ids that fail are in a file beside the output, exit 3, and that file is a list of ids."""
    (tmp_path / "ids").write_text("1001\nabc\n1002\n")
    done = await read(url, "--ids", "ids", "--output", "x.ndjson", cwd=tmp_path)
    assert done.status == 3
    assert names(tmp_path) == ["ids", "x.ndjson", "x.ndjson.failures.ndjson"]
    (line,) = (tmp_path / "x.ndjson.failures.ndjson").read_text().splitlines()
    assert json.loads(line)["from_object_id"] == "abc"
    again = await read(
        url, "--ids", "x.ndjson.failures.ndjson", "--output", "y.ndjson", cwd=tmp_path
    )
    assert again.status == 3
    (once_more,) = (tmp_path / "y.ndjson.failures.ndjson").read_text().splitlines()
    assert json.loads(once_more) | {"at": ""} == json.loads(line) | {"at": ""}


async def test_failures_of_another_read_are_removed(url: str, ids: Path, tmp_path: Path) -> None:
    """A complete read leaves no failures and no unread ids of a read before it."""
    (tmp_path / "x.ndjson.failures.ndjson").write_text(LETTER)
    (tmp_path / "x.ndjson.unread.txt").write_text("1001\n")
    done = await read(url, "--ids", ids, "--output", "x.ndjson", cwd=tmp_path)
    assert done.status == 0
    assert names(tmp_path) == ["x.ndjson"]


async def test_lists_of_another_read_are_removed_through_links(
    url: str, ids: Path, tmp_path: Path
) -> None:
    """What they lead to was written by it; the links are the user's."""
    for name, content in ("failures", LETTER), ("unread", "1001\n"):
        (tmp_path / "there").mkdir(exist_ok=True)
        (tmp_path / "there" / name).write_text(content)
        (tmp_path / name).symlink_to(Path("there") / name)
    places = ("--failures", "failures", "--unread", "unread")
    done = await read(url, "--ids", ids, "--output", "x.ndjson", *places, cwd=tmp_path)
    assert done.status == 0, done.err
    assert names(tmp_path) == ["failures", "there", "unread", "x.ndjson"]
    assert names(tmp_path / "there") == []


async def test_failures_where_they_are_wanted(url: str, tmp_path: Path) -> None:
    """``--failures`` says where failures go, for stdout too."""
    done = await read(
        url, "--ids", "-", "--output", "-", "--failures", "f", cwd=tmp_path, stdin=b"abc\n1001\n"
    )
    assert done.status == 3
    assert json.loads((tmp_path / "f").read_text())["from_object_id"] == "abc"
    assert "failures: f" in done.err


@pytest.mark.parametrize("version", ["v3", "v4", "2026-09"])
async def test_api_versions(
    portal: Portal, url: str, ids: Path, tmp_path: Path, version: str
) -> None:
    """``--api-version`` chooses the version; v3 warns that it shows only the primary company."""
    done = await read(
        url, "--ids", ids, "--output", "x.ndjson", "--api-version", version, cwd=tmp_path
    )
    assert done.status == 0
    assert {asked.version for asked in portal.requests} == {version}
    assert ("only the primary company" in done.err) == (version == "v3")


async def test_token_from_a_file_or_stdin(url: str, ids: Path, tmp_path: Path) -> None:
    """The token can come from a file or stdin, and is then not looked for in the environment."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    command = ("read", "contacts", "companies", "--ids", ids, "--base-url", url, "--output", "-")
    for where, stdin in (("token", b""), ("-", TOKEN.encode())):
        done = await hubassoc(
            *command,
            *("--token-file", where),
            cwd=tmp_path,
            stdin=stdin,
            HUBSPOT_ACCESS_TOKEN="pat-wrong",
        )
        assert done.status == 0, done.err
        assert len(from_ndjson(done.out)) == 3000


async def test_refused_token(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """A token that HubSpot refuses is an error that says so; nothing is written."""
    portal.fail("unauthorized")
    done = await read(url, "--ids", ids, "--output", "x.ndjson", cwd=tmp_path)
    assert done.status == 1
    assert "401" in done.err
    assert names(tmp_path) == []


async def test_verbose(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """``--verbose`` shows a line for each retry; without it there is none."""
    portal.fail(Fault("server_error"), nth=1)
    quiet = await read(url, "--ids", ids, "--output", "x.ndjson", "--quiet", cwd=tmp_path)
    assert (quiet.status, quiet.err) == (0, "")
    portal.heal()
    portal.fail(Fault("server_error"), nth=1)
    done = await read(url, "--ids", ids, "--output", "x.ndjson", "-v", cwd=tmp_path)
    assert "500" in done.err
    assert done.status == 0

"""Every writing command as a process of its own, over a real socket."""

import asyncio
import csv
import gzip
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hubassoc_async.emulator import Fault, Limits, Portal, PortalServer
from tests.cli.command import TOKEN, Done, finish, start
from tests.writing import worlds
from tests.writing.peer import state

ENDS = "contacts", "companies"


@pytest.fixture
def portal() -> Portal:
    """A few contacts and companies, two labels, one token."""
    made = worlds.portal()
    made.add_token(TOKEN)
    return made


@pytest.fixture
async def url(portal: Portal) -> AsyncIterator[str]:
    """Where the portal is served."""
    async with PortalServer(portal) as server:
        yield server.url


def links(path: Path, *rows: tuple[object, ...]) -> Path:
    """Write a CSV file of links."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("from_object_id", "to_object_id", "label"))
        writer.writerows(rows)
    return path


async def run(
    cwd: Path, url: str, *arguments: object, stdin: bytes = b"", quota: str = "1000/1"
) -> Done:
    """Run a command against the portal."""
    process = await start(*arguments, "--base-url", url, "--quota", quota, cwd=cwd)
    return await finish(process, stdin)


def lines(path: Path) -> list[dict[str, object]]:
    """The objects of an NDJSON file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_create_appends_verifies_and_reports(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """A bad row, a missing object, a misspelt label: each fails with its reason; status 3."""
    portal.associate("contact", 1, "company", 101, "Decision maker")
    file = links(
        tmp_path / "links.csv",
        (1, 101, "billing"), (2, 102, "primary"), (9, 101, "billing"), ("x", 101, "billing"),
        (3, 103, "Decisoin maker"), (1, 101, "Decision maker"), (4, 104, ""),
    )  # fmt: skip
    how = "--labels", "append", "--verify", "--summary", "s.json"
    done = await run(tmp_path, url, "create", *ENDS, "--pairs", file, *how)
    assert done.status == 3
    assert "create contacts → companies: 6 links" in done.err
    assert "2 written, 0 unchanged, 4 failed" in done.err
    assert json.loads((tmp_path / "s.json").read_text())["written"] == 2
    failures = lines(tmp_path / "links.csv.failures.ndjson")
    said = {str(one["from_object_id"]): str(one["message"]) for one in failures}
    assert said["x"].startswith("row 5: 'x'")
    assert said["3"].startswith("row 6: 'Decisoin maker'")
    assert "'Decision maker'" in said["3"]
    assert said["4"].startswith("row 8: there is no type")
    assert said["9"] == "No contact with id 9 exists"
    key = next(key for key in state(portal)[1, 101] if key < 0)
    assert state(portal) == {(1, 101): {279, 931, key}, (2, 102): {1, 279}}
    again = await run(tmp_path, url, "create", *ENDS, "--pairs", "links.csv.failures.ndjson", "-q")
    assert again.status == 3
    assert len(lines(tmp_path / "links.csv.failures.ndjson.failures.ndjson")) == 4


async def test_create_default_and_archive_from_parquet_and_stdin(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """Parquet by its content, a compressed CSV from a pipe; 0 is the status."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table({"from_object_id": [1, 2, 3], "to_object_id": [101, 102, 103]})
    pq.write_table(table, tmp_path / "pairs")
    done = await run(tmp_path, url, "create-default", *ENDS, "--pairs", "pairs", "--verify")
    assert done.status == 0, done.err
    assert len(state(portal)) == 3
    pipe = gzip.compress(b"from_object_id,to_object_id\n1,101\n2,102\n4,104\nx,1\n")
    done = await run(tmp_path, url, "archive", *ENDS, "--pairs", "-", stdin=pipe)
    assert done.status == 3
    assert '"from_object_id":"x"' in done.err
    assert state(portal).keys() == {(3, 103)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs"]


async def test_archive_labels_leaves_what_is_not_named(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """The type without a label needs to be meant."""
    portal.associate("contact", 1, "company", 101, "Decision maker", 931)
    file = links(tmp_path / "links.csv", (1, 101, "billing"), (1, 101, "default"))
    command = "archive-labels", *ENDS, "--pairs", file
    done = await run(tmp_path, url, *command)
    assert done.status == 3
    assert "--remove-all-labels" in (tmp_path / "links.csv.failures.ndjson").read_text()
    assert 931 not in state(portal)[1, 101]
    assert len(state(portal)[1, 101]) == 2
    done = await run(tmp_path, url, *command, "--remove-all-labels")
    assert done.status == 0
    assert state(portal) == {}
    assert not (tmp_path / "links.csv.failures.ndjson").exists()


async def test_strict_and_usage_errors_send_nothing(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """2 is the status of what cannot be right, and the portal sees at most a look at the labels."""
    file = links(tmp_path / "links.csv", (1, 101, "billing"), (2, "y", "billing"))
    done = await run(tmp_path, url, "create", *ENDS, "--pairs", file, "--strict")
    assert done.status == 2
    assert "row 3: 'y'" in done.err
    assert set(portal.log.operations) <= {"labels"}
    (tmp_path / "bare.csv").write_text("from_object_id,to_object_id\n1,101\n")
    for wrong, said in (
        (("create", *ENDS, "--pairs", "bare.csv"), "no column label or type_id"),
        (("create", *ENDS, "--pairs", "nowhere.csv"), "cannot read"),
        (("archive", *ENDS, "--pairs", file, "--summary", file), "same file"),
        (("create-default", *ENDS, "--pairs", file, "--api-version", "v3"), "v3 has no"),
        (("create", "con/tacts", "companies", "--pairs", file), "not an object type"),
    ):
        done = await run(tmp_path, url, *wrong)
        assert (done.status, said in done.err) == (2, True), done.err
    assert set(portal.log.operations) <= {"labels"}


async def test_dry_run_counts_and_sends_nothing(tmp_path: Path, portal: Portal, url: str) -> None:
    """Counts, requests, time and share of the day, without even a token."""
    rows = [(n, n % 7 + 1, "Champion") for n in range(1, 4_001)]
    file = links(tmp_path / "links.csv", *rows, ("x", 1, "Champion"))
    how = "--labels", "append", "--verify", "--dry-run", "--summary", "plan.json"
    command = "create", *ENDS, "--pairs", file, *how, "--base-url", url, "--quota", "4/10"
    process = await start(*command, cwd=tmp_path, more={"HUBSPOT_ACCESS_TOKEN": ""})
    done = await finish(process)
    assert done.status == 3
    assert "requests 2 for label definitions, 8 to read, 2 to write" in done.err
    assert "at least 12 requests" in done.err
    assert "at least 30 s at 4/10" in done.err
    assert "0.002%" in done.err
    assert "row 4002: 'x'" in done.err
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert (plan["links"], plan["pairs"], plan["invalid"]) == (4_001, 4_000, 1)
    assert portal.requests == []
    assert not (tmp_path / "links.csv.failures.ndjson").exists()


async def test_the_daily_quota_stops_it_and_the_rest_can_be_written_next(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """4 is the status; what has no outcome is a file that goes on where it stopped."""
    portal.add_objects("contact", range(1_000, 7_000))
    portal.governor.limits = Limits(associations_daily=4)
    file = links(tmp_path / "links.csv", *((n, 101, "billing") for n in range(1_000, 7_000)))
    how = "--concurrency", 1
    done = await run(tmp_path, url, "create", *ENDS, "--pairs", file, *how)
    assert done.status == 4
    rest = tmp_path / "links.csv.unwritten.ndjson"
    assert len(lines(rest)) == 2_000
    assert "2,000 links; go on with --pairs" in done.err
    portal.governor.limits = Limits()
    done = await run(tmp_path, url, "create", *ENDS, "--pairs", rest)
    assert done.status == 0
    assert len(state(portal)) == 6_000


async def test_an_interrupt_keeps_what_remains(tmp_path: Path, portal: Portal, url: str) -> None:
    """130 is the status, and every link is written or listed."""
    portal.add_objects("contact", range(1_000, 7_000))
    portal.fail(Fault("slow", delay=30.0), operation="create", nth=range(2, 9))
    file = links(tmp_path / "links.csv", *((n, 101, "billing") for n in range(1_000, 7_000)))
    command = "create", *ENDS, "--pairs", file, "--base-url", url, "--quota", "1000/1"
    process = await start(*command, cwd=tmp_path)
    while portal.log.operations["create"] < 2 or not state(portal):
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert done.status == 130
    assert "stopped by SIGINT" in done.err
    listed = {int(str(one["from_object_id"])) for one in lines(next(tmp_path.glob("*unwritten*")))}
    written = {contact for contact, _ in state(portal)}
    assert listed | written == set(range(1_000, 7_000))


async def test_failures_that_no_file_takes_are_told(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """A full disk is an error, and whoever looks at what is said knows what failed."""
    file = links(tmp_path / "links.csv", (1, 101, "billing"), (2, 999_999, "billing"))
    command = "create", *ENDS, "--pairs", file, "--failures", "/dev/full"
    done = await run(tmp_path, url, *command, "--summary", tmp_path / "s.json", "--quiet")
    assert done.status == 1
    assert "Error: No space left on device: /dev/full" in done.err
    assert "  1 failure could not be written to a file:\n" in done.err
    (told,) = (json.loads(line) for line in done.err.splitlines() if line.startswith("{"))
    assert (told["from_object_id"], told["to_object_id"]) == ("2", "999999")
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["written"], summary["failed"]) == (1, 1)


@pytest.mark.parametrize("command", ["create", "read"])
async def test_beside_a_descriptor_there_is_no_place(
    command: str, tmp_path: Path, portal: Portal, url: str
) -> None:
    """As of ``<(…)``: what failed is on stderr, neither in /dev nor nowhere."""
    ways = {
        "create": ("create", *ENDS, "--pairs", "/dev/stdin"),
        "read": ("read", *ENDS, "--ids", "-", "--output", "/dev/stdout", "--format", "csv"),
    }
    stdin = b"from_object_id,to_object_id,label\nx,101,billing\n1,101,billing\n"
    done = await run(tmp_path, url, *ways[command], stdin=stdin)
    assert done.status == 3, done.err
    (told,) = (json.loads(line) for line in done.err.splitlines() if line.startswith("{"))
    assert told["from_object_id"] == "x"
    assert "failures: " not in done.err
    assert not list(tmp_path.iterdir())


async def test_what_remains_cannot_be_listed(tmp_path: Path, portal: Portal, url: str) -> None:
    """It is said which file is missing."""
    portal.add_objects("contact", range(1_000, 7_000))
    portal.governor.limits = Limits(associations_daily=4)
    file = links(tmp_path / "links.csv", *((n, 101, "billing") for n in range(1_000, 7_000)))
    command = "create", *ENDS, "--pairs", file, "--concurrency", 1, "--unwritten", "/dev/full"
    done = await run(tmp_path, url, *command)
    assert (done.status, "No space left on device: /dev/full" in done.err) == (1, True), done.err


@pytest.mark.parametrize("command", ["create", "read"])
async def test_a_pipe_that_was_not_read_is_said_not_to_be(
    command: str, tmp_path: Path, portal: Portal, url: str
) -> None:
    """Stopped before its input has come, it does not say that nothing was left of that."""
    rest = tmp_path / "rest"
    ways = {
        "create": ("create", *ENDS, "--pairs", "-", "--unwritten", rest),
        "read": ("read", *ENDS, "--ids", "-", "--unread", rest, "--output", tmp_path / "x.csv"),
    }
    portal.fail(Fault("slow", delay=30.0))
    process = await start(*ways[command], "--base-url", url, cwd=tmp_path)
    assert process.stdin is not None
    process.stdin.write(b"from_object_id,to_object_id,label\n1,101,billing\n")
    await process.stdin.drain()
    while not portal.requests:
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    await process.wait()
    done = await finish(process)
    assert done.status == 130
    assert "had come; the input was not read to its end" in done.err
    assert "go on with" not in done.err


async def test_links_that_remained_are_listed_till_they_are_written(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """A complete write removes the list of an earlier one, and nothing that is none."""
    file = links(tmp_path / "links.csv", (1, 101, "billing"))
    rest = tmp_path / "links.csv.unwritten.ndjson"
    rest.write_text('{"from_object_id":"1","to_object_id":"101","association_types":[]}\n')
    done = await run(tmp_path, url, "create", *ENDS, "--pairs", file)
    assert (done.status, rest.exists()) == (0, False)
    command = "create", *ENDS, "--pairs", file, "--unwritten", file
    assert (await run(tmp_path, url, *command)).status == 0
    assert file.exists(), "what remains may take the place of what was given"


async def test_labels_are_listed_created_renamed_and_deleted(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """As a table, JSON or CSV, in both directions with their inverses."""
    table = await run(tmp_path, url, "labels", *ENDS)
    assert table.status == 0
    assert "Decision maker" in table.out.decode()
    made = await run(tmp_path, url, "labels", "create", *ENDS, "Boss", "--inverse-label", "Minion")
    assert b"Boss created" in made.out
    made = await run(tmp_path, url, "labels", "create", *ENDS, "Boss", "--inverse-label", "Minion")
    assert b"is there already" in made.out
    listed = json.loads((await run(tmp_path, url, "labels", *ENDS, "--format", "json")).out)
    boss = next(one for one in listed if one["label"] == "Boss")
    minion = next(one for one in listed if one["label"] == "Minion")
    assert boss["inverse_type_id"] == minion["type_id"]
    assert (boss["from_object_type"], minion["from_object_type"]) == ENDS
    renamed = await run(tmp_path, url, "labels", "rename", *ENDS, "boss", "Chief")
    assert renamed.status == 0
    deleted = await run(tmp_path, url, "labels", "delete", *ENDS, str(boss["type_id"]))
    assert deleted.status == 0
    rows = (await run(tmp_path, url, "labels", *ENDS, "--format", "csv")).out.decode()
    assert rows.startswith("from_object_type,to_object_type,category,type_id,label")
    assert "contacts,companies,HUBSPOT_DEFINED,279,,280," in rows
    assert "Chief" not in rows
    wrong = await run(tmp_path, url, "labels", "delete", *ENDS, "Decisoin maker")
    assert (wrong.status, "did you mean 'Decision maker'" in wrong.err) == (2, True)
    portal.gate.add_token("another")


async def test_limits_are_listed_created_updated_and_purged(
    tmp_path: Path, portal: Portal, url: str
) -> None:
    """Types go by label here, too."""
    made = await run(tmp_path, url, "limits", "create", *ENDS, "Decision maker", 3)
    assert (made.status, b"\t3" in made.out) == (0, True)
    await run(tmp_path, url, "limits", "update", *ENDS, "Decision maker", 4)
    for ends in ((), ENDS):
        listed = await run(tmp_path, url, "limits", "list", *ends)
        assert listed.out.decode().split("\t")[2] == "4"
    purged = await run(tmp_path, url, "limits", "purge", *ENDS, "Decision maker")
    assert purged.status == 0
    assert (await run(tmp_path, url, "limits", "list")).out == b""
    refused = await run(tmp_path, url, "limits", "list", "contacts")
    assert refused.status == 2

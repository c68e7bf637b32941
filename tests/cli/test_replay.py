"""``hubassoc replay``: what failed is tried again, where that is worth it."""

import json
from pathlib import Path

import msgspec
import pytest

from hubassoc_async.emulator import Portal
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.model import AssociationType, Failure
from tests.cli.command import QUIET_QUOTA, Done, hubassoc

ENDS = {"from_object_type": "contacts", "to_object_type": "companies", "api_version": "v4"}
READ = Origin(operation="read", **ENDS)  # type: ignore[arg-type]
CREATE = Origin(operation="create", labels="append", **ENDS)  # type: ignore[arg-type]


def write(path: Path, origin: Origin, *failures: Failure) -> None:
    path.write_bytes(msgspec.json.Encoder().encode_lines(map(origin.letter, failures)))


def failure(one: str, *, transient: bool, to: str | None = None) -> Failure:
    kinds = () if to is None else (AssociationType("HUBSPOT_DEFINED", 1, "Primary"),)
    category = "INTERNAL_ERROR" if transient else "INVALID_ID"
    return Failure(
        one, category, "no", to_object_id=to, association_types=kinds, transient=transient
    )


async def replay(url: str, at: Path, *arguments: str) -> Done:
    return await hubassoc(
        *("replay", "f.ndjson", *arguments, "--base-url", url, "--quota", QUIET_QUOTA), cwd=at
    )


async def test_reads_that_are_worth_it(url: str, portal: Portal, tmp_path: Path) -> None:
    """Only those are asked, by the version that was asked before, and the others are counted."""
    failures = [failure(str(1001 + n), transient=n < 3) for n in range(5)]
    write(tmp_path / "f.ndjson", READ, *failures, failure("x", transient=False))
    done = await replay(url, tmp_path, "--to", "rest.ndjson")
    assert done.status == 0, done.err
    assert "3 failures to try again; not worth it: 3 INVALID_ID" in done.err
    lines = [json.loads(line) for line in (tmp_path / "rest.ndjson").read_text().splitlines()]
    assert {one["from_object_id"] for one in lines} == {"1001", "1002", "1003"}
    assert {asked.version for asked in portal.requests} == {"v4"}


async def test_all_of_them(url: str, tmp_path: Path) -> None:
    """What fails again is in a file that can be replayed in its turn."""
    write(
        tmp_path / "f.ndjson", READ, failure("1001", transient=False), failure("x", transient=False)
    )
    done = await replay(url, tmp_path, "--to", "rest.csv", "--all")
    assert done.status == 3
    assert "1 failed" in done.err
    (again,) = (tmp_path / "rest.csv.failures.ndjson").read_text().splitlines()
    assert json.loads(again)["from_object_id"] == "x"
    (tmp_path / "f.ndjson").write_text(again)
    assert (await replay(url, tmp_path, "--to", "none.csv")).status == 0
    assert not (tmp_path / "none.csv").exists()


async def test_writes(url: str, portal: Portal, tmp_path: Path) -> None:
    """As they were meant: labels of the pair stay where they were to be appended to."""
    company = 77_000_000_001
    portal.associate("contact", 1001, "company", company, "Billing")
    there = portal.graph.relation("contact", "company")
    before = set(there.kinds[there.pairs(1001)[company]])
    link = failure("1001", transient=True, to=str(company))
    write(tmp_path / "f.ndjson", CREATE, link, failure("1002", transient=False, to="5"))
    done = await replay(url, tmp_path)
    assert done.status == 0, done.err
    assert "create contacts → companies: 1 link" in done.err
    assert set(there.kinds[there.pairs(1001)[company]]) == before | {1}
    assert not (tmp_path / "f.ndjson.failures.ndjson").exists()


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("", (), "is empty"),
        ("{}", (), "line 1 is no failure that can be replayed"),
        ("read create", (), "several commands (read contacts → companies, create contacts"),
        ("read", (), "say with --to"),
        ("create", ("--to", "x.csv"), "leave --to away"),
    ],
)
async def test_what_cannot_be_replayed(
    content: str, arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Nothing is asked, and one is told why."""
    lines = [
        msgspec.json.encode(origin.letter(failure("1", transient=True, to="2"))).decode()
        for origin in (READ, CREATE)
        if origin.operation in content.split()
    ]
    (tmp_path / "f.ndjson").write_text("\n".join(lines) or content)
    done = await replay("http://127.0.0.1:9", tmp_path, *arguments)
    assert done.status == 2
    assert said in " ".join(done.err.replace("│", " ").split())

"""``hubassoc read`` that does not come to its end: nothing is lost and nothing looks whole."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hubassoc_async.emulator import Portal
from tests.cli.command import (
    CONTACTS,
    QUIET_QUOTA,
    Done,
    finish,
    names,
    read,
    start,
    truth,
)

IDS = {str(one) for one in CONTACTS}
OUTPUT = ("--concurrency", "1", "--output", "x.ndjson")  # one batch after the other
COMMAND = ("read", "contacts", "companies", "--quota", QUIET_QUOTA, *OUTPUT)
STALLED = (*COMMAND, "--quota", "1/600")  # its second request is sent ten minutes after its first


def ids_in(path: Path) -> list[str]:
    """The ids that an output or a list has."""
    lines = path.read_text().splitlines()
    return [json.loads(line)["from_object_id"] if line[0] == "{" else line for line in lines]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    while not condition():
        await asyncio.sleep(0.01)


def check_nothing_lost(done: Done, directory: Path, portal: Portal) -> None:
    """What a stopped read left is right, in parts of their own, and together is everything."""
    assert names(directory) == ["x.ndjson.unread.txt", "x.partial.ndjson"], done.err
    got, left = ids_in(directory / "x.partial.ndjson"), ids_in(directory / "x.ndjson.unread.txt")
    assert sorted(got + left) == sorted(IDS)
    assert got
    assert left
    expected = truth(portal)
    for line in map(json.loads, (directory / "x.partial.ndjson").read_text().splitlines()):
        to = {one["to_object_id"] for one in line["to"]}
        assert to == {one for one, _ in expected[line["from_object_id"]]}
    assert "read so far: x.partial.ndjson" in done.err
    assert f"not read: x.ndjson.unread.txt ({len(left):,} ids" in done.err
    assert f"{len(got):,} ids in" in done.err


async def test_daily_quota(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """The daily quota stops a read with exit 4, and what it lists as unread completes it."""
    portal.fail("daily", nth=range(2, 100))
    done = await read(url, "--ids", ids, *OUTPUT, "--summary", "s", cwd=tmp_path)
    assert done.status == 4
    summary = json.loads((tmp_path / "s").read_text())
    (tmp_path / "s").unlink()
    assert summary["ids"] == len(ids_in(tmp_path / "x.partial.ndjson"))
    check_nothing_lost(done, tmp_path, portal)
    portal.heal()
    unread = tmp_path / "x.ndjson.unread.txt"
    rest = await read(url, "--ids", unread, "--output", "y.ndjson", cwd=tmp_path)
    assert rest.status == 0
    both = ids_in(tmp_path / "x.partial.ndjson") + ids_in(tmp_path / "y.ndjson")
    assert sorted(both) == sorted(IDS)


async def test_daily_quota_of_a_pipe(portal: Portal, url: str, tmp_path: Path) -> None:
    """Ids that are still in the pipe when the read stops are listed as unread too."""
    portal.fail("daily", nth=range(2, 100))
    stdin = "".join(f"{one}\n" for one in CONTACTS).encode()
    done = await read(url, "--ids", "-", *OUTPUT, cwd=tmp_path, stdin=stdin)
    assert done.status == 4
    check_nothing_lost(done, tmp_path, portal)


async def test_daily_quota_at_once_of_a_pipe(portal: Portal, url: str, tmp_path: Path) -> None:
    """A read that had nothing lists all ids of a pipe: they are nowhere else."""
    portal.fail("daily")
    stdin = "".join(f"{one}\n" for one in CONTACTS).encode()
    done = await read(url, "--ids", "-", *OUTPUT, cwd=tmp_path, stdin=stdin)
    assert done.status == 4
    assert names(tmp_path) == ["x.ndjson.unread.txt"]
    assert sorted(ids_in(tmp_path / "x.ndjson.unread.txt")) == sorted(IDS)


async def test_daily_quota_at_once(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """A read that had nothing leaves nothing: its ids are where they were."""
    portal.fail("daily")
    done = await read(url, "--ids", ids, *OUTPUT, cwd=tmp_path)
    assert done.status == 4
    assert "no file was written" in done.err
    assert names(tmp_path) == []


async def test_refused_in_the_middle(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """A token that is refused in the middle of a read is exit 1, and nothing is lost."""
    portal.fail("unauthorized", nth=range(2, 100))
    done = await read(url, "--ids", ids, *OUTPUT, cwd=tmp_path)
    assert done.status == 1
    check_nothing_lost(done, tmp_path, portal)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
async def test_signals(
    portal: Portal,
    url: str,
    ids: Path,
    tmp_path: Path,
    number: signal.Signals,
    status: int,
) -> None:
    """A signal stops a read at once, and nothing is lost."""
    process = await start(*STALLED, "--base-url", url, "--ids", ids, cwd=tmp_path)
    await until(lambda: written(tmp_path) > 0)
    process.send_signal(number)
    done = await asyncio.wait_for(finish(process), 20)
    assert done.status == status
    assert number.name in done.err
    check_nothing_lost(done, tmp_path, portal)


async def test_killed(url: str, ids: Path, tmp_path: Path) -> None:
    """A read that is killed leaves no file that looks like a result, and keeps the one before."""
    (tmp_path / "x.ndjson").write_text("before")
    process = await start(*STALLED, "--base-url", url, "--ids", ids, cwd=tmp_path)
    await until(lambda: written(tmp_path) > 0)
    process.kill()
    await finish(process)
    assert (tmp_path / "x.ndjson").read_text() == "before"
    hidden, kept = names(tmp_path)
    assert kept == "x.ndjson"
    assert hidden.startswith(".x.ndjson.")
    assert hidden.endswith(".part")


def written(directory: Path) -> int:
    """Bytes of what has no name yet."""
    return sum(path.stat().st_size for path in directory.glob(".*.part"))


async def test_stdout_closed(url: str, ids: Path, tmp_path: Path) -> None:
    """When whoever reads the output goes away, the read ends with exit 1 and one sentence."""
    command = (*COMMAND[:-1], "-", "--base-url", url, "--ids", ids)
    process = await start(*command, cwd=tmp_path)
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert process.stderr is not None
    said = (await process.stderr.read()).decode()
    assert await process.wait() == 1
    assert "whoever read the output has closed it" in said
    assert "Exception" not in said
    assert "Traceback" not in said


async def test_input_breaks_off(portal: Portal, url: str, tmp_path: Path) -> None:
    """Where the ids break off, those before are read, and it is an error that says where."""
    ids = tmp_path / "ids.csv"
    ids.write_text("id,Note\n" + "".join(f"{one},\n" for one in CONTACTS[:1500]) + '7,"a\n8,\n')
    done = await read(url, "--ids", ids, *OUTPUT, cwd=tmp_path)
    assert done.status == 1
    assert "ids.csv, line 1503" in done.err
    assert len(ids_in(tmp_path / "x.partial.ndjson")) == 1500
    assert "x.ndjson" not in names(tmp_path)


async def test_stopped_twice(portal: Portal, url: str, ids: Path, tmp_path: Path) -> None:
    """A read of what remained, stopped again, takes nothing away from the one before."""
    portal.fail("daily", nth=range(2, 100))
    await read(url, "--ids", ids, *OUTPUT, cwd=tmp_path)
    portal.heal()
    portal.fail("daily", nth=range(2, 100))
    unread = tmp_path / "x.ndjson.unread.txt"
    again = await read(url, "--ids", unread, *OUTPUT, cwd=tmp_path)
    assert again.status == 4
    parts = ("x.partial.ndjson", "x.partial-2.ndjson", "x.ndjson.unread.txt")
    assert names(tmp_path) == sorted(parts)
    assert sorted(one for part in parts for one in ids_in(tmp_path / part)) == sorted(IDS)

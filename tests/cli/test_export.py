"""``hubassoc export`` and what goes on with it: real processes, a portal on a port."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from hubassoc_async import AssociationsClient
from hubassoc_async.emulator import Portal
from hubassoc_async.jobs import Job, forget
from hubassoc_async.jobs.journal import find_job, has_job
from tests.cli.command import (
    CONTACTS,
    QUIET_QUOTA,
    TOKEN,
    Done,
    finish,
    hubassoc,
    names,
    start,
    truth,
)

IDS = [str(one) for one in CONTACTS]
STALLED = "1/600"  # a second request is sent ten minutes after the first


@pytest.fixture(autouse=True)
def jobs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals of the test's own."""
    path = tmp_path_factory.mktemp("jobs")
    monkeypatch.setenv("HUBASSOC_JOBS", str(path))
    return path


def command(
    url: str, *more: object, quota: str = QUIET_QUOTA, to: str = "x.ndjson"
) -> list[object]:
    ends = ("contacts", "companies", "--base-url", url, "--to", to, "--quota", quota)
    return ["export", *ends, "--job", "one", *more]


def check_whole(portal: Portal, path: Path) -> None:
    """The output has every id once, in order, with what the portal has."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["from_object_id"] for line in lines] == IDS
    expected = truth(portal)
    for line in lines:
        to = {one["to_object_id"] for one in line["to"]}
        assert to == {one for one, _ in expected[line["from_object_id"]]}


async def stalled(
    url: str, ids: Path, portal: Portal, at: Path, *more: object
) -> asyncio.subprocess.Process:
    """A job that waits for its second turn, its first batch out or in."""
    process = await start(*command(url, "--ids", ids, *more, quota=STALLED), cwd=at)
    while not portal.requests:
        await asyncio.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal(
    number: signal.Signals, url: str, ids: Path, portal: Portal, tmp_path: Path
) -> None:
    """Within seconds it keeps what came in, says how to go on, and does go on."""
    process = await stalled(url, ids, portal, tmp_path)
    sent = time.monotonic()
    process.send_signal(number)
    done = await finish(process)
    assert time.monotonic() - sent < 30
    assert done.status == 128 + number
    assert f"stopped by {number.name}" in done.err
    assert "go on with: hubassoc resume one" in done.err
    info = find_job("one")
    assert info.state == "stopped"
    done_before = info.mark.items
    assert 0 < done_before <= 1_000  # up to the first record that has more pages
    assert names(tmp_path) == [f".x.ndjson.{info.key}.part"]
    portal.log.clear()
    done = await hubassoc("resume", "one", "--quota", QUIET_QUOTA, cwd=tmp_path)
    assert done.status == 0, done.err
    assert f"3,000 ids, {len(IDS) - done_before:,} of them in this run, in " in done.err
    asked = {one for request in portal.requests for one in request.ids}
    assert asked == set(IDS[done_before:])
    check_whole(portal, tmp_path / "x.ndjson")


async def test_one_process_at_a_time(url: str, ids: Path, portal: Portal, tmp_path: Path) -> None:
    """While one process runs a job, another is refused with its pid, and may look."""
    process = await stalled(url, ids, portal, tmp_path)
    for arguments in (["resume", "one"], command(url, "--ids", ids)):
        done = await hubassoc(*arguments, cwd=tmp_path)
        assert done.status == 2
        assert f"another process (pid {process.pid}) is running job 'one'" in done.err
    done = await hubassoc("status", "one", cwd=tmp_path)
    assert b"running" in done.out
    process.kill()
    await finish(process)
    done = await hubassoc("status", "one", cwd=tmp_path)
    assert b"stopped: its process was killed" in done.out
    assert b"go on with: hubassoc resume one" in done.out


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (["--api-version", "v3"], "api version was"),
        (["--to", "y.ndjson"], "target was"),
        (["--id-column", "id"], "option id column was None"),
        (["--ids", "other.txt"], "source was"),
    ],
)
async def test_another_job_is_refused(
    change: list[str], complaint: str, url: str, ids: Path, portal: Portal, tmp_path: Path
) -> None:
    """The name of a job stands for one job: what differs is said, and nothing is asked."""
    (tmp_path / "other.txt").write_text("id\n1001\n")
    ids.write_text("id\n" + ids.read_text())
    await killed(url, ids, portal, tmp_path)
    portal.log.clear()
    done = await hubassoc(*command(url, "--ids", ids), *change, cwd=tmp_path)
    assert done.status == 2
    assert complaint in done.err
    assert not portal.requests


async def killed(url: str, ids: Path, portal: Portal, at: Path) -> None:
    """A job that was begun and killed."""
    process = await stalled(url, ids, portal, at)
    process.kill()
    await finish(process)


async def test_changed_input_is_refused(
    url: str, ids: Path, portal: Portal, tmp_path: Path
) -> None:
    """A file whose content has changed since is another input; as it was, it will do again."""
    await killed(url, ids, portal, tmp_path)
    before = ids.read_text()
    ids.write_text(before.replace("1001", "1002"))
    done = await hubassoc("resume", "one", cwd=tmp_path)
    assert done.status == 2
    assert "the content of the input has changed" in done.err
    ids.write_text(before)
    done = await hubassoc(*command(url, "--ids", ids), cwd=tmp_path)  # as it was begun
    assert done.status == 0, done.err
    check_whole(portal, tmp_path / "x.ndjson")
    done = await hubassoc(*command(url, "--ids", ids), cwd=tmp_path)
    assert done.status == 2
    assert "job 'one' is complete" in done.err


async def test_a_pipe_that_broke_off(url: str, portal: Portal, tmp_path: Path) -> None:
    """Ids from a pipe are spooled; when not all had come they are wanted again, all of them."""
    process = await start(*command(url, "--ids", "-", quota=STALLED), cwd=tmp_path)
    assert process.stdin is not None
    process.stdin.write("".join(f"{one}\n" for one in IDS[:1_500]).encode())
    await process.stdin.drain()
    while not portal.requests:
        await asyncio.sleep(0.01)
    process.kill()
    await finish(process)
    done = await hubassoc("resume", "one", cwd=tmp_path)
    assert done.status == 2
    assert "resume one --ids FILE|-" in done.err
    again = ("resume", "one", "--quota", QUIET_QUOTA, "--ids", "-")
    done = await hubassoc(*again, cwd=tmp_path, stdin=b"77\n")
    assert done.status == 1
    assert "give the job the input that it was begun with" in done.err
    done = await hubassoc(*again, cwd=tmp_path, stdin="\n".join(IDS).encode())
    assert done.status == 0, done.err
    check_whole(portal, tmp_path / "x.ndjson")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "--to", "x.csv", "--ids", "-"), "go on with: hubassoc resume one --ids FILE|-"),
        (
            ("import", "--operation", "archive", "--from", "-"),
            "forget the job (hubassoc jobs --for",
        ),
    ],
)
async def test_what_it_takes_to_go_on_after_a_pipe(
    words: tuple[str, ...], said: str, url: str, tmp_path: Path
) -> None:
    """Ids are wanted again; of links nothing is written before all have come."""
    begun = (words[0], "contacts", "companies", *words[1:], "--job", "one", "--base-url", url)
    process = await start(*begun, cwd=tmp_path)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"from_object_id,to_object_id\n1001,1\n")
    await process.stdin.drain()
    while find("one") != "running":
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert said in (await process.stderr.read()).decode()
    assert await process.wait() == 128 + signal.SIGTERM


def find(name: str) -> str | None:
    """The state of a job, if there is one."""
    return find_job(name).state if has_job(name) else None


async def test_a_job_of_a_program(url: str, ids: Path, portal: Portal, tmp_path: Path) -> None:
    """What a program began, the command goes on with; and a program with what a command began."""
    async with AssociationsClient(TOKEN, base_url=url, quota=QUIET_QUOTA) as client:
        to = tmp_path / "x.ndjson"
        Job.export(client, "contacts", "companies", ids=ids, to=to, name="one").close()
        resumed = await hubassoc("resume", "one", "--quota", QUIET_QUOTA, cwd=tmp_path.parent)
        assert resumed.status == 0, resumed.err
        check_whole(portal, to)
        to.unlink()
        forget("one")
        portal.log.clear()
        await killed(url, ids, portal, tmp_path)
        with Job.resume(client, "one") as job:
            await job.run()
        check_whole(portal, to)


async def test_all(url: str, portal: Portal, tmp_path: Path) -> None:
    """``--all`` reads every record there is."""
    options = ("--all", "--quota", "professional", "--pacing", "off")
    done = await hubassoc(*command(url, *options), cwd=tmp_path)
    assert done.status == 0, done.err
    check_whole(portal, tmp_path / "x.ndjson")


async def test_what_was_told_is_kept(url: str, ids: Path, portal: Portal, tmp_path: Path) -> None:
    """Options of the beginning hold for what goes on, from any directory, unless given again."""
    portal.fail("forbidden", nth=1)
    more = ("--ids", ids.relative_to(ids.parent), "--failures", "f", "--summary", "s")
    (ids.parent / "place").mkdir()
    done = await hubassoc(*command(url, *more, to="place/x.csv"), cwd=ids.parent)
    assert done.status == 1
    assert "go on with: hubassoc resume one" in done.err
    told = find_job("one").arguments
    assert told["ids"] == str(ids)
    assert told["failures"] == str(ids.parent / "f")
    assert told["quota"] == QUIET_QUOTA
    portal.heal()
    done = await hubassoc("resume", "one", "--summary", "s", cwd=tmp_path)
    assert done.status == 0, done.err
    assert json.loads((tmp_path / "s").read_text())["ids"] == len(IDS)
    assert (ids.parent / "place" / "x.csv").exists()


async def test_what_can_only_fail_again(url: str, ids: Path, tmp_path: Path) -> None:
    """It is an error of usage, that leaves nothing; and where it leaves something, that is said."""
    unknown = ["export", "widgetz", *command(url, "--ids", ids)[2:]]
    done = await hubassoc(*unknown, cwd=tmp_path)
    assert done.status == 2, done.err
    assert "infer object type from: widgetz: HubSpot refuses the job as it is" in done.err
    assert "nothing was done: job 'one' is forgotten" in done.err
    assert "resume" not in done.err
    assert names(tmp_path) == []
    ids.write_text('{"id":"1001"}\n{"id":')
    done = await hubassoc(*command(url, "--ids", ids), cwd=tmp_path)
    assert done.status == 1
    assert "cannot go on with it: forget it (hubassoc jobs --forget one)" in done.err
    assert "resume" not in done.err


async def test_what_is_lost_is_not_gone_on_with(
    url: str, ids: Path, portal: Portal, tmp_path: Path
) -> None:
    """It can be put back, or the job is forgotten: to go on is not all that is said."""
    process = await stalled(url, ids, portal, tmp_path)
    process.send_signal(signal.SIGINT)
    await finish(process)
    (part,) = tmp_path.iterdir()
    part.unlink()
    done = await hubassoc("resume", "one", "--quota", QUIET_QUOTA, cwd=tmp_path)
    assert done.status == 2
    assert f"{part} is gone, and with it what the job had written" in done.err
    assert "once that is put right, go on with: hubassoc resume one; if it cannot be" in done.err
    assert "forget the job: hubassoc jobs --forget one" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is full")
async def test_a_full_disk_at_the_end(url: str, ids: Path, tmp_path: Path) -> None:
    """What cannot be written about a job is said, and the job is complete all the same."""
    more = ("--ids", ids, "--summary", "/dev/full", "--report", "/dev/full")
    done = await hubassoc(*command(url, *more), cwd=tmp_path)
    assert done.status == 1
    for option in ("--summary", "--report"):
        assert f"Error: {option}: cannot write /dev/full: No space left" in done.err
    assert "output: x.ndjson" in done.err
    assert find_job("one").state == "complete"


async def test_jobs_are_listed_and_forgotten(
    url: str, ids: Path, portal: Portal, tmp_path: Path, jobs: Path
) -> None:
    """The latest first; a job that is forgotten leaves nothing, and its name is free."""
    await killed(url, ids, portal, tmp_path)
    done = await hubassoc("jobs", cwd=tmp_path)
    assert done.out.split()[:4] == [b"JOB", b"STATE", b"DONE", b"FROM"]
    assert b"one  stopped" in done.out
    done = await hubassoc("jobs", "--forget", "one", cwd=tmp_path)
    assert done.status == 0, done.err
    assert names(tmp_path) == []
    assert list(jobs.iterdir()) == []
    for arguments in (["status", "one"], ["resume", "one"], ["jobs", "--forget", "one"]):
        done = await hubassoc(*arguments, cwd=tmp_path)
        assert (done.status, "there is no job 'one'" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--to", "x.csv"], "say which records"),
        (["--to", "x.csv", "--all", "--ids", "ids"], "say which records"),
        (["--to", "x.txt", "--all"], "names no sink"),
        (["--to", "-", "--all"], "in standard output nothing can"),
        (["--to", "x.csv", "--all", "--job", "../x"], "cannot be the name of a job"),
        (["--to", "no/x.csv", "--all"], "there is no directory"),
        (["--to", "x.csv", "--ids", "missing"], "cannot read missing"),
    ],
)
async def test_usage(arguments: list[str], complaint: str, tmp_path: Path, jobs: Path) -> None:
    """What cannot be right is said before anything is begun."""
    done: Done = await hubassoc("export", "contacts", "companies", *arguments, cwd=tmp_path)
    assert (done.status, complaint in done.err) == (2, True), done.err
    assert not names(tmp_path)
    assert not names(jobs)

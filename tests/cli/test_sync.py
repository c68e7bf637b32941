"""``hubassoc sync`` as a real process against a portal on a socket."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hubassoc_async import AssociationsClient
from hubassoc_async.emulator import Portal, PortalServer
from hubassoc_async.jobs import Job, find_job
from tests.cli.command import QUIET_QUOTA, Done, environment, finish, hubassoc, start
from tests.jobs.sync_worlds import BILLING, PLAIN, PRIMARY
from tests.writing import worlds
from tests.writing.peer import state

DESIRED = """\
from_object_id,to_object_id,label
1,101,primary
1,102,
2,103,default
"""
BEFORE = {
    (1, 102): {PRIMARY, PLAIN},
    (1, 104): {PLAIN},
    (2, 103): {BILLING, PLAIN},
    (3, 101): {BILLING, PLAIN},
}
AFTER = {
    (1, 101): {PRIMARY, PLAIN},
    (1, 102): {PLAIN},
    (2, 103): {PLAIN},
    (3, 101): {BILLING, PLAIN},
}
DYING = """\
import os, sys
from hubassoc_async.cli import main
from hubassoc_async.jobs.journal import Journal

noted, last = Journal.set_state, sys.argv.pop()

def note(journal, state, **more):
    noted(journal, state, **more)
    if state == last:
        os._exit(9)

Journal.set_state = note
main()
"""
"""The command, which dies right after its job has noted a state."""

UNBORN = """\
import os
from hubassoc_async.cli import main
from hubassoc_async.jobs import sync_task

sync_task.begin_journal = lambda *_, **__: os._exit(9)
main()
"""
"""The command, which dies right before its job is begun."""


@pytest.fixture
def portal() -> Portal:
    """A portal with four pairs."""
    made = worlds.portal()
    for (contact, company), types in BEFORE.items():
        made.associate("contact", contact, "company", company, *(types - {PLAIN}))
    return made


@pytest.fixture(autouse=True)
def desired(tmp_path: Path) -> None:
    """A file of what should be."""
    (tmp_path / "links.csv").write_text(DESIRED)


async def sync(
    url: str, folder: Path, *arguments: object, command: str = "sync", jobs: str = "jobs"
) -> Done:
    ends = ("contacts", "companies") if command == "sync" else ()
    connected = ("--base-url", url, "--quota", QUIET_QUOTA)
    more = {"HUBASSOC_JOBS": str(folder / jobs)}
    words = (command, *ends, *arguments, *connected)
    return await finish(await start(*words, cwd=folder, more=more))


async def test_a_plan_is_said_and_nothing_written(portal: Portal, tmp_path: Path) -> None:
    """Counts, requests, time and share of the day; without --apply the portal stays as it is."""
    async with PortalServer(portal) as server:
        done = await sync(server.url, tmp_path, "--desired", "links.csv", "--summary", "s.json")
    assert done.status == 0, done.err
    assert "1 to create, 2 to relabel, 1 to archive; 0 as desired already" in done.err
    assert "of a daily quota of" in done.err
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["records"], summary["there"], summary["requests"]) == (2, 3, 3)
    assert state(portal) == BEFORE
    assert sorted(one.name for one in tmp_path.iterdir()) == ["links.csv", "s.json"]


async def test_failures_of_the_plan_are_kept_by_its_job(portal: Portal, tmp_path: Path) -> None:
    """Records that could not be read are listed where --failures says, those of changes beside."""
    (tmp_path / "links.csv").write_text(f"{DESIRED}3,999999,default\n7,101,default\n")
    portal.fail("bad_request", probability=1.0, when=lambda asked: "7" in asked.ids)
    places = ("--desired", "links.csv", "--apply", "--failures", "f.ndjson")
    async with PortalServer(portal) as server:
        for _ in range(2):  # as every night
            done = await sync(server.url, tmp_path, *places, "--max-deletes", "100%")
            assert done.status == 3, done.err
            aside = max(tmp_path.glob("f.sync-*.ndjson"), key=lambda one: one.stat().st_mtime_ns)
            assert "  failures: f.ndjson\n" in done.err
            assert f"  failures: {aside}\n" in done.err
            for file, failed in (tmp_path / "f.ndjson", "7"), (aside, "3"):
                (line,) = file.read_text().splitlines()
                assert json.loads(line)["from_object_id"] == failed
        portal.heal()
        done = await sync(server.url, tmp_path, *places)
        assert (done.status, f"failures: {tmp_path}/f.ndjson" in done.err) == (3, True)


async def test_a_saved_plan_is_applied_and_taken_back(portal: Portal, tmp_path: Path) -> None:
    """Plan, apply with a limit, apply the undo file; twice changes nothing more."""
    async with PortalServer(portal) as server:

        async def run(*arguments: object) -> Done:
            return await sync(server.url, tmp_path, *arguments)

        made = await run("--desired", "links.csv", "--plan", "p.plan")
        assert made.status == 0, made.err
        assert "plan: p.plan" in made.err
        assert state(portal) == BEFORE
        refused = await run("--plan", "p.plan", "--apply", "--max-deletes", "30%")
        assert refused.status == 2
        assert "removes 1 association, at most 30% of the 3" in refused.err
        assert state(portal) == BEFORE
        options = ("--max-deletes", "40%", "--job", "monday", "--summary", "s.json")
        applied = await run("--plan", "p.plan", "--apply", *options)
        assert applied.status == 0, applied.err
        assert state(portal) == AFTER
        summary = json.loads((tmp_path / "s.json").read_text())
        counted = ("created", "relabelled", "archived", "unchanged", "stale", "failed")
        assert [summary[name] for name in counted] == [1, 2, 1, 0, 0, 0]
        again = await run("--plan", "p.plan", "--apply")
        assert "4 were so already" in again.err
        assert state(portal) == AFTER
        undone = await run("--plan", "monday.undo", "--apply")
        assert undone.status == 0, undone.err
        assert state(portal) == BEFORE
        (tmp_path / "p.plan").unlink()
        done = await sync(server.url, tmp_path, "monday", command="resume")
        assert (done.status, "job 'monday' is complete" in done.err) == (0, True)


async def test_plans_beside_the_journals_are_the_users(portal: Portal, tmp_path: Path) -> None:
    """A saved plan and an undo file stay when they are applied, wherever they lie."""
    async with PortalServer(portal) as server:

        async def run(*arguments: object) -> None:
            done = await sync(server.url, tmp_path, *arguments, jobs=".")
            assert done.status == 0, done.err

        await run("--desired", "links.csv", "--plan", "p.plan")
        await run("--plan", "p.plan", "--apply", "--job", "monday")
        await run("--plan", "monday.undo", "--apply", "--job", "back")
    assert state(portal) == BEFORE
    assert {"p.plan", "monday.undo", "back.undo"} <= {one.name for one in tmp_path.iterdir()}


async def test_what_others_changed_is_left_alone(portal: Portal, tmp_path: Path) -> None:
    """A stale edge is skipped and listed; the others are written; the exit status says so."""
    async with PortalServer(portal) as server:
        await sync(server.url, tmp_path, "--desired", "links.csv", "--plan", "p.plan")
        portal.associate("contact", 2, "company", 103, "Decision maker")
        done = await sync(server.url, tmp_path, "--plan", "p.plan", "--apply", "--job", "j")
        (tmp_path / "there").mkdir()
        options = ("--plan", "p.plan", "--apply", "--undo", "there/u")
        again = await sync(server.url, tmp_path, *options)
    assert (done.status, again.status) == (3, 3), done.err
    assert "3 stale" not in done.err
    assert "1 stale" in done.err
    after: dict[tuple[int, int], Any] = {**AFTER, (2, 103): state(portal)[2, 103]}
    assert state(portal) == after
    (line,) = (tmp_path / "j.stale.ndjson").read_text().splitlines()
    stale = json.loads(line)
    assert (stale["from_object_id"], stale["to_object_id"]) == ("2", "103")
    assert [len(stale[name]) for name in ("before", "after", "there")] == [2, 1, 3]
    listed = tmp_path / "there" / "u.stale.ndjson"  # the plan may be where one may only read
    assert f"left alone: {listed}" in again.err
    assert len(listed.read_text().splitlines()) == 1
    forgotten = await hubassoc("jobs", "--forget", "j", cwd=tmp_path, HUBASSOC_JOBS="jobs")
    assert forgotten.status == 0
    (tmp_path / "j.undo").rename(tmp_path / "old.undo")
    async with PortalServer(portal) as server:
        options = ("--desired", "links.csv", "--apply", "--job", "j")
        done = await sync(server.url, tmp_path, *options)
    assert (done.status, "stale.ndjson" in done.err) == (0, False), "that is of an earlier job"


async def test_listed_records_without_desired_links_lose_all(
    portal: Portal, tmp_path: Path
) -> None:
    """--all is every record; a desired link outside the listed ones is an error."""
    async with PortalServer(portal) as server:
        listed = ("--scope", "listed", "--ids", "ids.txt", "--desired", "links.csv")
        (tmp_path / "ids.txt").write_text("2\n3\n")
        outside = await sync(server.url, tmp_path, *listed)
        assert outside.status == 2
        assert "1 to 101 is outside the scope: 1 is not listed" in outside.err
        everyone = ("--scope", "listed", "--all", "--desired", "links.csv", "--apply")
        done = await sync(server.url, tmp_path, *everyone)
    assert done.status == 0, done.err
    assert "plan: " not in done.err
    assert state(portal) == {pair: types for pair, types in AFTER.items() if pair[0] < 3}
    assert not list((tmp_path / "jobs").glob("*.plan")), "a plan nobody asked for is not kept"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--desired"),
        (("--plan", "p.plan"), "--apply"),
        (("--desired", "links.csv", "--scope", "listed"), "--ids FILE or --all"),
        (("--desired", "links.csv", "--undo", "u"), "--undo is for --apply"),
        (("--desired", "links.csv", "--max-deletes", "1"), "--max-deletes is for --apply"),
        (("--desired", "links.csv", "--plan", "bad.csv"), "bad.csv is there already"),
        (("--desired", "links.csv", "--apply", "--undo", "bad.csv"), "bad.csv is there already"),
        (("--plan", "links.csv", "--apply"), "links.csv is no plan"),
        (("--plan", "none.plan", "--apply"), "no such plan"),
        (("--desired", "none.csv"), "none.csv"),
        (("--desired", "links.csv", "--apply", "--max-deletes", "few"), "neither a number"),
        (("--desired", "bad.csv", "--summary", "s.json"), "row 2: 'x' is not a record id"),
        (("--desired", "numbers.ndjson"), "numbers.ndjson, line 1: a record without associations"),
        (("--desired", "bad.csv"), "row 2: 'x' is not a record id; row 3: 'Biling' is no label"),
    ],
)
async def test_what_cannot_be_is_refused(
    arguments: tuple[str, ...], complaint: str, portal: Portal, tmp_path: Path
) -> None:
    """Exit status 2, the reason, and nothing written."""
    (tmp_path / "bad.csv").write_text(
        "from_object_id,to_object_id,label\nx,101,billing\n1,101,Biling\n"
    )
    (tmp_path / "numbers.ndjson").write_text('{"from_object_id":1,"to":[]}\n')
    async with PortalServer(portal) as server:
        done = await sync(server.url, tmp_path, *arguments)
    assert done.status == 2, done.err
    assert complaint in done.err
    assert state(portal) == BEFORE


async def test_a_plan_is_for_the_place_it_was_made_from(portal: Portal, tmp_path: Path) -> None:
    """Another portal's records have other associations; a version has to show them all."""
    async with PortalServer(portal) as server, PortalServer(worlds.portal()) as other:
        await sync(server.url, tmp_path, "--desired", "links.csv", "--plan", "p.plan")
        apply = ("--plan", "p.plan", "--apply", "--job", "j")
        elsewhere = await sync(other.url, tmp_path, *apply)
        v3 = await sync(server.url, tmp_path, *apply, "--api-version", "v3")
        assert (elsewhere.status, v3.status) == (2, 2)
        assert f"was made from {server.url}, not from {other.url}" in elsewhere.err
        assert "v3 does not show all associations" in v3.err
        assert (await sync(server.url, tmp_path, *apply)).status == 0
        undone = await sync(other.url, tmp_path, "--plan", "j.undo", "--apply")
        assert undone.status == 2
    assert state(portal) == AFTER


@pytest.mark.parametrize("content", ["", "from_object_id,to_object_id\n"])
async def test_a_file_without_links_does_not_empty_a_portal(
    content: str, portal: Portal, tmp_path: Path
) -> None:
    """Nothing is left only where that is said."""
    (tmp_path / "links.csv").write_text(content)
    everyone = ("--scope", "listed", "--all", "--desired", "links.csv", "--apply")
    async with PortalServer(portal) as server:
        refused = await sync(server.url, tmp_path, *everyone)
        assert refused.status == 2, refused.err
        assert "removes all 4 associations" in refused.err
        assert state(portal) == BEFORE
        done = await sync(server.url, tmp_path, *everyone, "--max-deletes", "100%")
    assert done.status == 0, done.err
    assert state(portal) == {}
    assert not list((tmp_path / "jobs").glob("*.plan")), "a plan nobody asked for is not kept"


async def test_an_undo_file_is_not_replaced(portal: Portal, tmp_path: Path) -> None:
    """A plan may take the place of a plan; what takes one back is kept."""
    made = ("--desired", "links.csv", "--plan")
    async with PortalServer(portal) as server:
        for _ in range(2):
            assert (await sync(server.url, tmp_path, *made, "p.plan")).status == 0
        await sync(server.url, tmp_path, "--plan", "p.plan", "--apply", "--job", "j")
        kept = (tmp_path / "j.undo").read_bytes()
        again = await sync(server.url, tmp_path, *made, "j.undo")
    assert again.status == 2, again.err
    assert (tmp_path / "j.undo").read_bytes() == kept


async def test_a_killed_apply_is_resumed(portal: Portal, tmp_path: Path) -> None:
    """Killed while its first write is out, it goes on, and the undo file has all of it."""
    portal.fail("slow", operation="create", nth=1)
    async with PortalServer(portal) as server:
        more = {"HUBASSOC_JOBS": str(tmp_path / "jobs")}
        words = ("sync", "contacts", "companies", "--desired", "links.csv", "--apply")
        connected = ("--job", "j", "--base-url", server.url, "--quota", QUIET_QUOTA)
        process = await start(*words, *connected, cwd=tmp_path, more=more)
        while not any(asked.operation == "create" for asked in portal.requests):
            assert process.returncode is None
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        done = await sync(server.url, tmp_path, "j", command="resume")
        assert done.status == 0, done.err
        assert state(portal) == AFTER
        assert "1 created, 2 relabelled, 1 archived, 0 were so already" in done.err
        assert not list((tmp_path / "jobs").glob("*.plan"))
        undone = await sync(server.url, tmp_path, "--plan", "j.undo", "--apply")
        assert undone.status == 0, undone.err
    assert state(portal) == BEFORE


@pytest.mark.parametrize(
    ("died", "then"),
    [
        ("running", "forget"),
        ("running", "program"),
        ("complete", "forget"),
        ("complete", "program"),
        ("complete", "resume"),
    ],
)
async def test_a_plan_nobody_asked_for_goes_with_its_job(
    died: str, then: str, portal: Portal, tmp_path: Path
) -> None:
    """Wherever the process died, it is there to go on with, and goes with whatever comes next."""
    jobs = tmp_path / "jobs"
    async with PortalServer(portal) as server:
        connected = ("--base-url", server.url, "--quota", QUIET_QUOTA)
        words = ("sync", "contacts", "companies", "--desired", "links.csv", "--apply", "--job", "j")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", DYING, *words, *connected, died),
            cwd=tmp_path,
            env=environment(HUBASSOC_JOBS=str(jobs)),
        )
        assert await process.wait() == 9
        assert find_job("j", jobs).state == ("stopped" if died == "running" else died)
        assert len(list(jobs.glob("*.plan"))) == 1
        if then == "program":
            async with AssociationsClient("token", base_url=server.url) as client:
                with Job.resume(client, "j", directory=jobs) as job:
                    assert (await job.run()).done == 4
            assert state(portal) == AFTER
        else:
            after = ("resume", "j", *connected) if then == "resume" else ("jobs", "--forget", "j")
            done = await hubassoc(*after, cwd=tmp_path, HUBASSOC_JOBS=str(jobs))
            assert done.status == 0, done.err
    assert not list(jobs.glob("*.plan"))


async def test_a_plan_goes_though_its_job_was_never_begun(portal: Portal, tmp_path: Path) -> None:
    """A look at the jobs removes it."""
    jobs = tmp_path / "jobs"
    async with PortalServer(portal) as server:
        words = ("sync", "contacts", "companies", "--desired", "links.csv", "--apply")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", UNBORN, *words, "--base-url", server.url),
            cwd=tmp_path,
            env=environment(HUBASSOC_JOBS=str(jobs)),
        )
        assert await process.wait() == 9
    assert len(list(jobs.glob("*.plan"))) == 1
    done = await hubassoc("jobs", cwd=tmp_path, HUBASSOC_JOBS=str(jobs))
    assert done.status == 0, done.err
    assert list(jobs.iterdir()) == []

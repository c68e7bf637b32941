"""Syncs that meet what is not as it should be: others' changes, failures, limits, primaries."""

import asyncio
import json
from pathlib import Path

import pytest

from hubassoc_async import AssociationsClient
from hubassoc_async.emulator import Portal
from hubassoc_async.errors import AuthError, DailyQuotaSpent, UsageError
from hubassoc_async.jobs.job import Job, apply_plan
from hubassoc_async.jobs.job_kinds import forget
from hubassoc_async.jobs.journal import find_job
from hubassoc_async.jobs.plan_file import MaxDeletes, PlanError, open_plan
from hubassoc_async.jobs.sync_plan import plan_sync
from hubassoc_async.model import AssociationType, Failure, LinkGiven
from tests.jobs.sync_worlds import BILLING, ENDS, PLAIN, PRIMARY, Fate, Mortal, apply, client_of
from tests.virtual_time import on_virtual_time
from tests.writing import worlds
from tests.writing.peer import state


def portal_of(*pairs: tuple[int, int, tuple[int, ...]]) -> Portal:
    portal = worlds.portal()
    worlds.state_before(portal, [*pairs])
    return portal


@on_virtual_time
async def test_what_others_changed_is_listed_and_left_alone(tmp_path: Path) -> None:
    """Each of create, relabel and archive is skipped where its edge is another; others are not."""
    portal = portal_of((1, 101, (BILLING,)), (2, 101, ()), (3, 101, ()), (4, 101, ()))
    desired: list[LinkGiven] = [
        (1, 101, "default"),
        (1, 102, "billing"),
        (2, 102),
        (3, 102),
        (3, 101),
        (4, 101),
    ]
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, desired) as plan:
            portal.associate("contact", 1, "company", 101, PRIMARY)
            portal.associate("contact", 1, "company", 102, PRIMARY)
            portal.associate("contact", 2, "company", 101, BILLING)
            portal.associate("contact", 3, "company", 102, BILLING)  # wanted whatever its labels
            before = state(portal)
            done = await apply(client, plan, tmp_path)
    assert (done.created, done.relabelled, done.archived) == (1, 1, 0)
    assert (done.unchanged, done.stale) == (1, 2)
    stale = [json.loads(line) for line in (tmp_path / "job.stale.ndjson").read_text().splitlines()]
    assert [(one["from_object_id"], one["to_object_id"]) for one in stale] == [
        ("1", "102"),
        ("2", "101"),
    ]
    assert state(portal) == before | {(1, 101): {PLAIN}, (2, 102): {PLAIN}}


@on_virtual_time
async def test_a_record_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """Neither its creations nor its archives are planned; one unread later fails, unwritten."""
    portal = portal_of((1, 101, ()), (2, 101, ()))
    desired = [(1, 102), (2, 102)]

    def fails(record: int) -> None:
        portal.fail("server_error", operation="read", when=lambda asked: _names(asked, record))

    fails(2)
    failed: list[Failure] = []
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, desired, on_failures=failed.extend) as plan:
            assert [one.from_object_id for one in failed] == ["2"]
            assert (plan.info.records, plan.info.unread) == (1, 1)
            assert {one.from_object_id for one in plan.changes()} == {"1"}
        portal.heal()
        with await plan_sync(client, *ENDS, desired) as plan:
            fails(1)
            done = await apply(client, plan, tmp_path)
    assert (done.created, done.archived, done.failed) == (1, 1, 2)
    assert state(portal) == {(1, 101): {PLAIN}, (2, 102): {PLAIN}}
    (letter,) = (tmp_path / "job.failures.ndjson").read_text().splitlines()
    assert json.loads(letter)["operation"] == "read"


def _names(asked: object, record: int) -> bool:
    body = json.loads(getattr(asked, "body", b"") or b"{}")
    return any(one.get("id") == str(record) for one in body.get("inputs", ()))


@on_virtual_time
async def test_what_cannot_be_written_is_a_dead_letter(tmp_path: Path) -> None:
    """The rest is written; applying the same plan again tries only what is not there."""
    portal = portal_of((1, 101, ()))
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, [(1, 101, "billing"), (1, 107), (9, 101)]) as plan:
            done = await apply(client, plan, tmp_path)
            assert (done.relabelled, done.created, done.failed) == (1, 0, 2)
            portal.add_objects("company", [107])
            again = await apply(client, plan, tmp_path, "again")
    assert (again.unchanged, again.created, again.failed) == (1, 1, 1)
    letters = (tmp_path / "job.failures.ndjson").read_text().splitlines()
    assert {json.loads(line)["operation"] for line in letters} == {"create_default"}
    assert state(portal) == {(1, 101): {BILLING, PLAIN}, (1, 107): {PLAIN}}


@on_virtual_time
async def test_too_many_deletes_write_nothing(tmp_path: Path) -> None:
    """Neither HubSpot nor the undo file is touched when the limit is exceeded."""
    portal = portal_of((1, 101, ()), (1, 102, ()), (1, 103, ()), (1, 104, ()))
    before = state(portal)
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, [(1, 101, "billing")]) as plan:
            for limit in ("2", "74.9%"):
                with pytest.raises(PlanError, match="removes 3 associations"):
                    await apply(client, plan, tmp_path, max_deletes=MaxDeletes.parse(limit))
            assert state(portal) == before
            assert not (tmp_path / "job.undo").exists()
            assert not [asked for asked in portal.requests if asked.operation != "read"][2:]
            done = await apply(client, plan, tmp_path, "all", max_deletes=MaxDeletes.parse("75%"))
    assert done.archived == 3


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "nan", "inf", "%", "5 %x"])
def test_a_limit_is_a_number_or_a_percentage(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError, match="neither a number"):
        MaxDeletes.parse(text)


@on_virtual_time
async def test_a_primary_of_the_other_end_comes_back(tmp_path: Path) -> None:
    """From companies to contacts a primary moves between from-records: the undo moves it back."""
    portal = portal_of((1, 101, (PRIMARY,)), (1, 102, ()), (2, 101, (PRIMARY,)))
    before = state(portal)
    ends = "companies", "contacts"
    desired: list[LinkGiven] = [(102, 1, "primary"), (101, 1), (101, 2)]
    for chunk in (1, 2, 100):
        async with client_of(portal) as client:
            with await plan_sync(client, *ends, desired, path=tmp_path / "p") as plan:
                assert [one.kind for one in plan.changes()] == ["relabelled", "relabelled"]
                await apply(client, plan, tmp_path, f"there{chunk}", chunk=chunk)
                after = state(portal)
                assert after == before | {(1, 101): {PLAIN}, (1, 102): {PRIMARY, PLAIN}}
            with open_plan(tmp_path / f"there{chunk}.undo") as undo:
                done = await apply(client, undo, tmp_path, f"back{chunk}", chunk=chunk)
                assert (done.stale, done.failed) == (0, 0)
        assert state(portal) == before


@on_virtual_time
async def test_what_cannot_be_desired_is_said() -> None:
    """Two primaries, unknown labels, ids that are none: each is named with its row."""
    portal = portal_of()
    wrong: list[LinkGiven] = [(1, 101, "primary"), (1, 102, 1), (2, "x"), (3, 103, "Bilinf")]
    async with client_of(portal) as client:
        with pytest.raises(UsageError, match=r"row 3: 'x' is not a record id; row 4: 'Bilinf'"):
            await plan_sync(client, *ENDS, wrong)
        with pytest.raises(UsageError, match="one primary only: 1 has 2"):
            await plan_sync(client, *ENDS, wrong[:2])
        with pytest.raises(UsageError, match="outside the scope: 1 is not listed"):
            await plan_sync(client, *ENDS, wrong[:1], scope="listed", ids=[2])
        with pytest.raises(UsageError, match="needs the ids"):
            await plan_sync(client, *ENDS, [], scope="listed")
    async with AssociationsClient("t", api_version="v3") as client:
        with pytest.raises(UsageError, match="v3 does not show all"):
            await plan_sync(client, *ENDS, [])


@on_virtual_time
async def test_the_undo_file_is_never_another_plans(tmp_path: Path) -> None:
    """A file that is there is not written to; a spent day is told and the job goes on later."""
    portal = portal_of((1, 101, ()))
    undo = tmp_path / "undo"
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, [(1, 102)]) as plan:
            portal.fail("daily", operation="archive", nth=1)
            with pytest.raises(DailyQuotaSpent):
                await apply_plan(client, plan, undo=undo, job="j", directory=tmp_path)
            assert find_job("j", tmp_path).state == "parked"
            done = await apply_plan(client, plan, undo=undo, job="j", directory=tmp_path)
            assert (done.created, done.archived) == (1, 1)
            with pytest.raises(PlanError, match="is there already"):
                await apply_plan(client, plan, undo=undo, directory=tmp_path)
        with open_plan(undo) as kept:
            kinds = [(one.kind, one.to_object_id) for one in kept.changes()]
            assert kinds == [("added", "101"), ("removed", "102")]
            (added, _) = kept.changes()
            assert added.after == (AssociationType("HUBSPOT_DEFINED", PLAIN),)


@on_virtual_time
async def test_forgetting_a_job_leaves_the_plan_it_was_given(tmp_path: Path) -> None:
    """Also where it lies beside the journal."""
    path = tmp_path / "mine.plan"
    async with client_of(portal_of((1, 101, ()))) as client:
        with await plan_sync(client, *ENDS, [(1, 102)], path=path) as plan:
            Job.apply(client, plan, undo=tmp_path / "undo", name="j", directory=tmp_path).close()
    assert forget("j", directory=tmp_path) is None
    with open_plan(path) as plan:
        assert [one.kind for one in plan.changes()] == ["removed", "added"]


@on_virtual_time
async def test_an_undo_file_is_forgotten_with_its_job_if_it_has_nothing(tmp_path: Path) -> None:
    """What was there before a change is kept, whatever becomes of the job."""
    portal, path = portal_of((1, 101, ())), tmp_path / "undo"
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, [(1, 101), (1, 102, "billing")]) as plan:
            for operation, kept in (("read", False), ("create", True)):
                portal.fail("forbidden", operation=operation)
                with (
                    Job.apply(client, plan, undo=path, name="j", directory=tmp_path) as job,
                    pytest.raises(AuthError),
                ):
                    await job.run()
                assert path.exists()
                forget("j", directory=tmp_path)
                assert path.exists() is kept
                portal.heal()


@on_virtual_time
async def test_it_stops_within_seconds_before_it_knows_what_types_mean(tmp_path: Path) -> None:
    """Whatever keeps the first answers away; and it goes on as if nothing had been."""
    portal = portal_of((1, 101, ()))
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, [(1, 102)], path=tmp_path / "p") as plan:
            stalled = AssociationsClient(transport=Mortal(portal, Fate()), quota="1/600")
            async with stalled:
                with Job.apply(stalled, plan, undo=tmp_path / "u", directory=tmp_path) as job:
                    running = asyncio.create_task(job.run())
                    await asyncio.sleep(10)
                    began = asyncio.get_running_loop().time()
                    job.stop()
                    await running
                    assert asyncio.get_running_loop().time() - began < 5
                    assert (job.complete, job.info.state) == (False, "stopped")
            with Job.resume(client, job.name, directory=tmp_path) as job:
                assert (await job.run()).done == 2

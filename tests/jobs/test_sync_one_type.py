"""Syncs of records with others of their own type: each association is there both ways."""

from pathlib import Path

import pytest

from hubassoc_async.emulator import Portal
from hubassoc_async.jobs.plan_file import open_plan
from hubassoc_async.jobs.sync_plan import plan_sync
from hubassoc_async.model import LinkGiven
from tests.jobs.sync_worlds import apply, client_of
from tests.virtual_time import on_virtual_time

ENDS = "contacts", "contacts"
State = dict[tuple[str, str], set[str | None]]


def portal_of(*pairs: tuple[int, int, str | None]) -> Portal:
    portal = Portal()
    portal.add_objects("contact", range(1, 5))
    portal.define_label("contact", "contact", "Manager", "Employee")
    portal.define_label("contact", "contact", "Friend")
    for from_id, to_id, label in pairs:
        portal.associate("contact", from_id, "contact", to_id, *filter(None, [label]))
    return portal


async def state(portal: Portal) -> State:
    async with client_of(portal) as client, client.stream_read(*ENDS, range(1, 5)) as records:
        return {
            (record.from_object_id, one.to_object_id): {t.label for t in one.association_types}
            async for record in records
            for one in getattr(record, "to", ())
        }


@pytest.mark.parametrize("chunk", [1, 100])
@pytest.mark.parametrize(
    ("start", "desired"),
    [
        ([(2, 3, None)], [(1, 2), (2, 3)]),
        ([(1, 2, None), (2, 3, None)], [(2, 1), (3, 2), (2, 4)]),
        ([(1, 2, "Manager"), (2, 3, None)], [(1, 2, "Manager"), (2, 3)]),
        ([(1, 2, "Friend"), (2, 3, "Manager")], [(1, 2, "default"), (2, 3, "Friend")]),
        ([(1, 2, None)], [(1, 2, "Manager"), (2, 1, "Employee")]),
        ([(1, 2, "Manager"), (2, 3, None), (1, 4, None)], [(1, 3), (2, 3)]),
    ],
)
@on_virtual_time
async def test_the_way_back_of_what_is_desired_stays(
    start: list[tuple[int, int, str | None]], desired: list[LinkGiven], chunk: int, tmp_path: Path
) -> None:
    """To archive it would archive what is desired; a second sync has nothing to do."""
    portal = portal_of(*start)
    before = await state(portal)
    async with client_of(portal) as client:
        with await plan_sync(client, *ENDS, desired) as plan:
            done = await apply(client, plan, tmp_path, chunk=chunk)
            assert (done.stale, done.failed) == (0, 0)
        either = {frozenset(map(str, one[:2])) for one in desired}
        after = await state(portal)
        assert {frozenset(pair) for pair in after} == either
        assert len(after) == 2 * len(either)
        with await plan_sync(client, *ENDS, desired) as plan:
            assert [*plan.changes()] == []
        with open_plan(tmp_path / "job.undo") as undo:
            await apply(client, undo, tmp_path, "back", chunk=chunk)
    assert await state(portal) == before

"""A plan whose applying is killed at any instant, and goes on, leaves what it would have left."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest

from hubassoc_async.emulator import Portal, PortalServer
from hubassoc_async.jobs.plan_file import open_plan
from tests.cli.command import QUIET_QUOTA
from tests.jobs.kill.killing import KilledJob, Kills, kill_jobs, size_of
from tests.jobs.kill.processes import Forked
from tests.jobs.kill.test_kill_import import (
    CONTACTS,
    LABEL,
    MISSING,
    associations,
    pairs,
    portal_for,
)


def write_desired(path: Path) -> None:
    """Of the pairs that are there: some stay, some change their label, the rest goes."""
    random = Random(5)
    kinds = (LABEL, "billing", "default", "")
    rows = [f"{one},{to},{random.choice(kinds)}\n" for one, to in pairs() if random.random() < 0.6]
    rows += [f"{one},77,{LABEL}\n" for one in random.sample(CONTACTS, MISSING)]
    path.write_text("from_object_id,to_object_id,label\n" + "".join(rows))


async def make_plan(at: Path) -> Path:
    """Make the plan that all runs apply."""
    write_desired(at / "desired.csv")
    words = ("sync", "contacts", "companies", "--desired", "desired.csv", "--plan", "all.plan")
    async with PortalServer(portal_for("archive")) as server:
        ends = ("--base-url", server.url, "--quota", QUIET_QUOTA)
        done = await Forked(*words, *ends, cwd=at, said=at / "said").end()
    assert done.status == 0, done.err
    return at / "all.plan"


class KilledSync(KilledJob):
    """One applying of a plan, to a portal of its own."""

    def __init__(self, plan: Path, portal: Portal, url: str, at: Path) -> None:
        super().__init__(portal, at)
        shutil.copy(plan, at / "own.plan")
        with open_plan(at / "own.plan") as own:  # it is applied to portals that are alike
            own.describe(msgspec.structs.replace(own.info, base_url=url))
        self._undo = self.place / "undo"
        self.command = (
            *("sync", "contacts", "companies", "--plan", at / "own.plan", "--apply"),
            *("--undo", self._undo, "--failures", self.place / "failures.ndjson"),
            *("--job", "killed", "--base-url", url, "--quota", QUIET_QUOTA, "--concurrency", "2"),
        )

    def content(self) -> object:
        """What is between every two records, what was done, and all that can be undone."""
        mark = self.mark()
        assert mark is not None
        with open_plan(self._undo) as undo:
            return associations(self.portal), mark.items, mark.counts, list(undo.changes())

    def _bytes(self) -> int:
        """Of the undo file: it grows right before anything is written."""
        return size_of([self._undo])


async def kill_syncs(place: Path, seed: int) -> Kills:
    """Kill runs that apply one plan, each to a portal that is as it was."""
    plan = await make_plan(place)

    @asynccontextmanager
    async def opened(at: Path) -> AsyncIterator[KilledJob]:
        portal = portal_for("archive")
        async with PortalServer(portal) as server:
            yield KilledSync(plan, portal, server.url, at)

    return await kill_jobs("sync", opened, place, seed)


async def test_killed(place: Path) -> None:
    """Killed at twenty instants: the same associations, counts, failures and undo file."""
    kills = await kill_syncs(place, 1)
    assert len(kills.deaths) >= 20
    content, failures, _ = kills.expected
    counts = content[2]  # type: ignore[index]
    assert len(failures) == counts["failed"] == MISSING
    assert min(counts[name] for name in ("created", "relabelled", "archived")) > 200


@pytest.mark.slow
@pytest.mark.parametrize("portion", range(10))
async def test_killed_often(portion: int, place: Path) -> None:
    """Killed at two hundred instants, it does the same."""
    await kill_syncs(place, 100 + portion)

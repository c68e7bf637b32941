"""A plan whose applying is killed at any instant, and goes on, leaves what it would have left."""

import shutil
from pathlib import Path
from random import Random

import msgspec
import pytest

from hubassoc_async.emulator import Portal, PortalServer
from hubassoc_async.jobs.journal import find_job
from hubassoc_async.jobs.plan_file import open_plan
from tests.cli.command import QUIET_QUOTA, finish, start
from tests.jobs.kill.killing import KilledJob, Measures, Outcome, kills
from tests.jobs.kill.sinks import KilledSink
from tests.jobs.kill.test_kill_import import CONTACTS, LABEL, MISSING, pairs, portal_for


def write_desired(path: Path) -> None:
    """Of the pairs that are there: some stay, some change their label, the rest goes."""
    random = Random(5)
    kinds = (LABEL, "billing", "default", "")
    rows = [f"{one},{to},{random.choice(kinds)}\n" for one, to in pairs() if random.random() < 0.6]
    rows += [f"{one},77,{LABEL}\n" for one in random.sample(CONTACTS, MISSING)]
    path.write_text("from_object_id,to_object_id,label\n" + "".join(rows))


async def make_plan(url: str, at: Path) -> Path:
    """Make the plan that all runs apply."""
    at.mkdir(parents=True)
    write_desired(at / "desired.csv")
    words = ("sync", "contacts", "companies", "--desired", "desired.csv", "--plan", "all.plan")
    done = await finish(await start(*words, "--base-url", url, "--quota", QUIET_QUOTA, cwd=at))
    assert done.status == 0, done.err
    return at / "all.plan"


class KilledSync(KilledJob):
    """One applying of a plan, to a portal of its own."""

    def __init__(self, plan: Path, portal: Portal, url: str, at: Path) -> None:
        self.sink = KilledSink(lambda _: "", lambda _: self.content())
        self.portal = portal
        self.place = at / "out"
        self.place.mkdir(parents=True)
        shutil.copy(plan, at / "own.plan")
        with open_plan(at / "own.plan") as own:  # it is applied to portals that are alike
            own.describe(msgspec.structs.replace(own.info, base_url=url))
        self._journals = at / "jobs"
        self._environment = {"HUBASSOC_JOBS": str(self._journals)}
        self._begin = (
            *("sync", "contacts", "companies", "--plan", at / "own.plan", "--apply"),
            *("--undo", self.place / "undo", "--failures", self.place / "failures.ndjson"),
            *("--job", "killed", "--base-url", url, "--quota", QUIET_QUOTA, "--concurrency", "2"),
        )
        self.died: list[int] = []

    def content(self) -> object:
        """What is between every two records, what was done, and all that can be undone."""
        relation = self.portal.graph.relation("contact", "company")
        there = {
            (one, to): relation.kinds[kind]
            for one in CONTACTS
            for to, kind in relation.pairs(one).items()
        }
        mark = find_job("killed", self._journals).mark
        with open_plan(self.place / "undo") as undo:
            return there, mark.items, mark.counts, list(undo.changes())

    def _bytes(self) -> int:
        """Of the undo file: it grows right before anything is written."""
        undo = self.place / "undo"
        return undo.stat().st_size if undo.exists() else 0

    def outcome(self) -> Outcome:
        """What is there now."""
        found = super().outcome()
        for failure in found.failures:
            del failure["correlation_id"]
        return found


_known: list[tuple[Path, Measures, Outcome]] = []
"""The undisturbed run."""


async def killed(seed: int, number: int, at: Path) -> list[int]:
    """Compare a run that was killed with one that was not; how much was done at each death."""
    if not _known:
        portal = portal_for("archive")
        async with PortalServer(portal) as server:
            plan = await make_plan(server.url, at / "plan")
            calm = KilledSync(plan, portal, server.url, at / "calm")
            _known.append((plan, await calm.undisturbed(), calm.outcome()))
    plan, measures, expected = _known[0]
    portal = portal_for("archive")
    async with PortalServer(portal) as server:
        job = KilledSync(plan, portal, server.url, at / "killed")
        instants = kills(seed, number)
        await job.killed(instants, measures)
        assert job.outcome() == expected, (instants, job.died)
    return job.died


async def test_killed(tmp_path: Path) -> None:
    """Killed twice: the same associations, counts, failures and undo file."""
    assert len(await killed(1, 2, tmp_path)) >= 1
    content, failures, _ = _known[0][2]
    counts = content[2]  # type: ignore[index]
    assert len(failures) == counts["failed"] == MISSING
    assert min(counts[name] for name in ("created", "relabelled", "archived")) > 1_000


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_killed_often(seed: int, tmp_path: Path) -> None:
    """Killed at fifty instants, it does the same."""
    assert len(await killed(seed, 5, tmp_path)) >= 3

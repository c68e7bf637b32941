"""An import that is killed at any instant, and goes on, leaves what an undisturbed one leaves."""

from pathlib import Path
from random import Random

import pytest

from hubassoc_async.emulator import Portal, PortalServer
from hubassoc_async.jobs.journal import find_job
from tests.cli.command import QUIET_QUOTA, TOKEN
from tests.jobs.kill.killing import KilledJob, Measures, Outcome, kills
from tests.jobs.kill.sinks import KilledSink

OPERATIONS = ("create", "create-default", "archive", "archive-labels")
CONTACTS = range(1, 8_001)
COMPANIES = range(9_001, 9_301)
MISSING = 12
"""Links to companies that are not there: failures that every run must have once."""
NOT_IDS = 5
"""Links of records whose ids are none."""
LABEL = "Golf partner"


def portal_for(operation: str) -> Portal:
    """Some of the pairs are there before, with a label or without one."""
    portal = Portal(latency="20-80")
    portal.add_token(TOKEN)
    portal.add_objects("contact", CONTACTS)
    portal.add_objects("company", COMPANIES)
    portal.define_label("contact", "company", LABEL)
    random = Random(3)
    share = 0.1 if operation.startswith("create") else 0.9
    for contact, company in pairs():
        if random.random() < share:
            labels = (LABEL,) if random.random() < 0.5 else ()
            portal.associate("contact", contact, "company", company, *labels)
    return portal


def pairs() -> list[tuple[int, int]]:
    random = Random(1)
    return [(one, to) for one in CONTACTS for to in random.sample(COMPANIES, 3)]


def write_links(path: Path) -> None:
    """Links in no order, some of them twice."""
    random = Random(2)
    links = [f"{one},{to},{LABEL}\n" for one, to in pairs()]
    links += [f"{one},{to},{931}\n" for one, to in pairs()[:500]]
    links += [f"{one},77,{LABEL}\n" for one in random.sample(CONTACTS, MISSING)]
    links += [f"no id {n},9001,{LABEL}\n" for n in range(NOT_IDS)]
    random.shuffle(links)
    path.write_text("from_object_id,to_object_id,label\n" + "".join(links))


class KilledImport(KilledJob):
    """One import in a directory of its own, into a portal of its own."""

    def __init__(self, operation: str, portal: Portal, url: str, at: Path) -> None:
        self.sink = KilledSink(lambda _: "", lambda _: self.content())
        self.portal = portal
        self.place = at / "out"
        self.place.mkdir(parents=True)
        links = at / "links.csv"
        write_links(links)
        self._journals = at / "jobs"
        self._environment = {"HUBASSOC_JOBS": str(self._journals)}
        self._begin = (
            *("import", "contacts", "companies", "--from", links, "--operation", operation),
            *("--job", "killed", "--failures", self.place / "failures.ndjson"),
            *("--base-url", url, "--quota", QUIET_QUOTA, "--concurrency", "2"),
        )
        self.died: list[int] = []

    def content(self) -> object:
        """What is between every two records, and how much the journal says was done."""
        relation = self.portal.graph.relation("contact", "company")
        there = {
            (one, to): relation.kinds[kind]
            for one in CONTACTS
            for to, kind in relation.pairs(one).items()
        }
        mark = find_job("killed", self._journals).mark
        return there, mark.items, mark.counts

    def _bytes(self) -> int:
        """Of the journal: it grows while the links are loaded and sorted, too."""
        return sum(path.stat().st_size for path in self._journals.glob("*.sqlite*"))

    def outcome(self) -> Outcome:
        """What is there now."""
        found = super().outcome()
        for failure in found.failures:
            del failure["correlation_id"]
        return found


_known: dict[str, tuple[Measures, Outcome]] = {}
"""Undisturbed runs, one an operation."""


async def killed(operation: str, seed: int, number: int, at: Path) -> list[int]:
    """Compare an import that was killed with one that was not; how much was done at each death."""
    if operation not in _known:
        portal = portal_for(operation)
        async with PortalServer(portal) as server:
            calm = KilledImport(operation, portal, server.url, at / "calm")
            _known[operation] = await calm.undisturbed(), calm.outcome()
    measures, expected = _known[operation]
    portal = portal_for(operation)
    async with PortalServer(portal) as server:
        job = KilledImport(operation, portal, server.url, at / "killed")
        instants = kills(seed, number)
        await job.killed(instants, measures)
        assert job.outcome() == expected, (instants, job.died)
    return job.died


@pytest.mark.parametrize("operation", ["create", "archive"])
async def test_killed(operation: str, tmp_path: Path) -> None:
    """Killed twice: each pair is as it should be, and has been counted once."""
    assert len(await killed(operation, OPERATIONS.index(operation), 2, tmp_path)) >= 1
    _, expected = _known[operation]
    missing = MISSING if operation == "create" else 0  # an archive takes them for gone
    assert len(expected.failures) == missing + NOT_IDS


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_killed_often(operation: str, seed: int, tmp_path: Path) -> None:
    """Killed at fifty instants, each operation does the same."""
    assert len(await killed(operation, seed, 5, tmp_path)) >= 3

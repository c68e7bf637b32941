"""An import that is killed at any instant, and goes on, leaves what an undisturbed one leaves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from hubassoc_async.emulator import Portal, PortalServer
from tests.cli.command import QUIET_QUOTA, TOKEN
from tests.jobs.kill.killing import KILLS, KilledJob, Kills, kill_jobs, size_of

OPERATIONS = ("create", "create-default", "archive", "archive-labels")
CONTACTS = range(1, 1_501)
COMPANIES = range(9_001, 9_301)
MISSING = 12
"""Links to companies that are not there: failures that every run must have once."""
NOT_IDS = 5
"""Links of records whose ids are none."""
LABEL = "Golf partner"


def portal_for(operation: str) -> Portal:
    """Some of the pairs are there before, with a label or without one."""
    portal = Portal(latency="2-20")
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
    links += [f"{one},{to},{931}\n" for one, to in pairs()[:100]]
    links += [f"{one},77,{LABEL}\n" for one in random.sample(CONTACTS, MISSING)]
    links += [f"no id {n},9001,{LABEL}\n" for n in range(NOT_IDS)]
    random.shuffle(links)
    path.write_text("from_object_id,to_object_id,label\n" + "".join(links))


class KilledImport(KilledJob):
    """One import into a portal of its own."""

    def __init__(self, operation: str, portal: Portal, url: str, at: Path) -> None:
        super().__init__(portal, at)
        links = at / "links.csv"
        write_links(links)
        self.command = (
            *("import", "contacts", "companies", "--from", links, "--operation", operation),
            *("--job", "killed", "--failures", self.place / "failures.ndjson"),
            *("--base-url", url, "--quota", QUIET_QUOTA, "--concurrency", "2"),
        )

    def content(self) -> object:
        """What is between every two records, and how much the journal says was done."""
        mark = self.mark()
        assert mark is not None
        return associations(self.portal), mark.items, mark.counts

    def _bytes(self) -> int:
        """Of the journal: it grows while the links are loaded and sorted, too."""
        return size_of(self.journal.parent.glob("*.sqlite*"))


def associations(portal: Portal) -> dict[tuple[int, int], object]:
    """The labels of every two records that have any."""
    relation = portal.graph.relation("contact", "company")
    return {
        (one, to): relation.kinds[kind]
        for one in CONTACTS
        for to, kind in relation.pairs(one).items()
    }


async def kill_imports(operation: str, place: Path, seed: int, numbers: Sequence[int]) -> Kills:
    """Kill imports, each into a portal that is as it was."""

    @asynccontextmanager
    async def opened(at: Path) -> AsyncIterator[KilledJob]:
        portal = portal_for(operation)
        async with PortalServer(portal) as server:
            yield KilledImport(operation, portal, server.url, at)

    kills = await kill_jobs(f"import {operation}", opened, place, seed, numbers)
    missing = MISSING if operation.startswith("create") else 0  # an archive takes them for gone
    assert len(kills.expected.failures) == missing + NOT_IDS
    return kills


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_killed(operation: str, place: Path) -> None:
    """Killed at five instants: each pair is as it should be, and has been counted once."""
    assert len((await kill_imports(operation, place, 1, (4, 1))).deaths) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("portion", range(10))
async def test_killed_often(operation: str, portion: int, place: Path) -> None:
    """Killed at two hundred instants, each operation does the same."""
    await kill_imports(operation, place, 100 + portion, KILLS)

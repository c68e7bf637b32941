"""An export that is killed at any instant, and goes on, leaves what an undisturbed run leaves."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import psycopg
import pytest

from hubassoc_async.emulator import Portal, PortalServer, build_portal
from tests.cli.command import QUIET_QUOTA, TOKEN
from tests.jobs.kill.killing import KILLS, KilledJob, Kills, kill_jobs
from tests.jobs.kill.processes import Command, Executed, Forked
from tests.jobs.kill.sinks import SINKS, KilledSink, postgres

NAMES = [*SINKS, "postgres"]
IDS = 6_000
FIRST = 1_001
NOT_IDS = 40
"""Inputs that are no ids, spread over the file: failures that every run must have once."""


class KilledExport(KilledJob):
    """One export to a target of its own."""

    def __init__(
        self, sink: KilledSink, portal: Portal, url: str, at: Path, process: type[Command]
    ) -> None:
        super().__init__(portal, at, process)
        self._sink = sink
        self.environment = sink.environment
        write_ids(at / "ids.csv")
        self.command = (
            *("export", "contacts", "companies", "--ids", at / "ids.csv", "--job", "killed"),
            *("--to", sink.target(self.place), "--base-url", url),
            *("--quota", QUIET_QUOTA, "--concurrency", "2"),
        )

    def content(self) -> object:
        """The bytes or the rows."""
        return self._sink.content(self.place)

    def _bytes(self) -> int:
        return self._sink.size(self.place)


def write_ids(path: Path) -> None:
    """Ids in no order, with repeats far apart and lines that are no ids."""
    random = Random(7)
    ids = [str(one) for one in range(FIRST, FIRST + IDS)]
    random.shuffle(ids)
    lines = ids + ids[:200]
    for number in range(NOT_IDS):
        lines.insert(random.randrange(len(lines)), f"no id {number}")
    path.write_text("id\n" + "".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def portal() -> Portal:
    """Many contacts with few companies each: chunks end by their number of ids."""
    portal = build_portal(contacts=IDS, companies=300, associations=1.2, latency="2-20")
    portal.add_token(TOKEN)
    return portal


@pytest.fixture
def sink(request: pytest.FixtureRequest) -> Iterator[KilledSink]:
    """The sink of a test's parameter."""
    if request.param in SINKS:
        yield SINKS[request.param]
        return
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as watcher:
        yield postgres(url, watcher)


async def kill_exports(
    name: str,
    sink: KilledSink,
    portal: Portal,
    place: Path,
    seed: int,
    process: type[Command] = Forked,
    numbers: Sequence[int] = KILLS,
) -> Kills:
    """Kill exports of all contacts."""

    @asynccontextmanager
    async def opened(at: Path) -> AsyncIterator[KilledJob]:
        async with PortalServer(portal) as server:
            yield KilledExport(sink, portal, server.url, at, process)

    kills = await kill_jobs(name, opened, place, seed, numbers)
    assert len(kills.expected.failures) == NOT_IDS
    return kills


@pytest.mark.parametrize("sink", NAMES, indirect=True)
async def test_killed(
    sink: KilledSink, portal: Portal, place: Path, request: pytest.FixtureRequest
) -> None:
    """Killed at twenty instants, jobs leave the output and failures of an undisturbed run."""
    name = request.node.callspec.params["sink"]
    kills = await kill_exports(name, sink, portal, place, seed=1)
    assert len(kills.deaths) >= 20


async def test_killed_as_installed(portal: Portal, place: Path) -> None:
    """Processes as anybody starts them, with chunks as large as anybody's, do the same."""
    sink = SINKS["ndjson"]
    await kill_exports("ndjson", sink, portal, place, 1, Executed, (3,))


@pytest.mark.slow
@pytest.mark.parametrize("sink", NAMES, indirect=True)
@pytest.mark.parametrize("portion", range(10))
async def test_killed_often(
    sink: KilledSink, portion: int, portal: Portal, place: Path, request: pytest.FixtureRequest
) -> None:
    """Killed at two hundred instants, jobs of each sink do the same."""
    name = request.node.callspec.params["sink"]
    await kill_exports(name, sink, portal, place, 100 + portion)

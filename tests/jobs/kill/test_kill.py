"""A job that is killed at any instant, and goes on, leaves what an undisturbed run leaves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from hubassoc_async.emulator import Portal, PortalServer, build_portal
from tests.cli.command import TOKEN
from tests.jobs.kill.killing import (
    IDS,
    NOT_IDS,
    KilledJob,
    Measures,
    Outcome,
    kills,
    write_ids,
)
from tests.jobs.kill.sinks import SINKS, postgres

NAMES = [*SINKS, "postgres"]
KILLS = 2
"""Of one job, one after the other."""
MANY = 5
"""Of one job, where there is time."""

_known: dict[str, tuple[Measures, Outcome]] = {}
"""Undisturbed runs, one a sink."""


@pytest.fixture(scope="module")
def portal() -> Portal:
    """Many contacts with few companies each: chunks end by their number of ids."""
    portal = build_portal(contacts=IDS, companies=300, associations=1.2, latency="20-80")
    portal.add_token(TOKEN)
    return portal


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of all contacts."""
    path = tmp_path_factory.mktemp("ids") / "ids.csv"
    write_ids(path)
    return path


@pytest.fixture
async def url(portal: Portal) -> AsyncIterator[str]:
    """Where the portal is served."""
    async with PortalServer(portal) as server:
        yield server.url


class Killed(Protocol):
    """Kills a job and compares what it leaves."""

    async def __call__(self, name: str, seed: int, number: int) -> list[int]: ...


@pytest.fixture
def killed(
    portal: Portal, url: str, ids: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Killed:
    """Compare a job that was killed with one that was not; how much was done at each death."""

    async def run(name: str, seed: int, number: int) -> list[int]:
        sink = SINKS.get(name) or postgres(request.getfixturevalue("postgres_url"))
        if name not in _known:
            calm = KilledJob(sink, portal, url, tmp_path / "calm", ids)
            measures = await calm.undisturbed()
            assert len(calm.outcome().failures) == NOT_IDS
            _known[name] = measures, calm.outcome()
        measures, expected = _known[name]
        job = KilledJob(sink, portal, url, tmp_path / "killed", ids)
        instants = kills(seed, number)
        await job.killed(instants, measures)
        assert job.outcome() == expected, (instants, job.died)
        return job.died

    return run


@pytest.mark.parametrize("sink", NAMES)
async def test_killed(sink: str, killed: Killed) -> None:
    """Killed twice, a job comes to the very output and failures of an undisturbed run."""
    assert len(await killed(sink, NAMES.index(sink), KILLS)) >= KILLS - 1


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("sink", NAMES)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_killed_often(sink: str, seed: int, killed: Killed) -> None:
    """Killed at fifty instants, in jobs of their own, each sink does the same."""
    assert len(await killed(sink, seed, MANY)) >= MANY - 1

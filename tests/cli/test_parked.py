"""A job whose quota of the day is spent: exit 4, how to go on, and --wait."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hubassoc_async.cli import journaled_run
from hubassoc_async.cli.commands import hubassoc as group
from hubassoc_async.emulator import Portal, PortalServer, build_portal
from hubassoc_async.emulator.pytest_plugin import Served
from hubassoc_async.emulator.settings import Limits, Unknowns
from hubassoc_async.jobs.journal import find_job
from hubassoc_async.jobs.parking import parks
from tests.cli.command import QUIET_QUOTA, TOKEN, hubassoc

BERLIN = ("--time-zone", "Europe/Berlin")


@pytest.fixture
def portal() -> Portal:
    limits = Limits(associations=1_000, associations_daily=15)
    portal = build_portal(
        contacts=20_000,
        companies=20,
        limits=limits,
        time_zone=BERLIN[1],
        unknowns=Unknowns(batch_headers="all"),
    )
    portal.add_token(TOKEN)
    return portal


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    path = tmp_path / "ids.csv"
    path.write_text("id\nnone\n" + "".join(f"{1001 + n}\n" for n in range(20_000)))
    return path


def arguments(url: str, ids: Path) -> tuple[str, ...]:
    return (
        *("export", "contacts", "companies", "--ids", str(ids), "--to", "x.csv", "--job", "night"),
        *("--base-url", url, "--quota", QUIET_QUOTA, *BERLIN),
    )


async def test_it_parks_and_is_resumed(portal: Portal, ids: Path, tmp_path: Path) -> None:
    """Exit 4, until when and how; what was done is kept, and the next day does the rest."""
    jobs = tmp_path / "jobs"
    async with PortalServer(portal) as server:
        command = (*arguments(server.url, ids), "--concurrency", "2")
        done = await hubassoc(*command, cwd=tmp_path, HUBASSOC_JOBS=str(jobs))
        assert done.status == 4
        assert "Job night is parked until" in done.err
        assert "00:00 (Europe/Berlin)" in done.err
        assert "hubassoc resume night" in done.err
        info = find_job("night", jobs)
        assert info.state == "parked"
        assert info.mark.items >= 10_000
        status = await hubassoc(
            "status", "night", "--report", "r.html", cwd=tmp_path, HUBASSOC_JOBS=str(jobs)
        )
        assert b"may go on at" in status.out
        assert b"failures so far: " in status.out
        assert "failures so far: " in done.err
        assert not (tmp_path / "x.csv.failures.ndjson").exists()
        assert "parked" in (tmp_path / "r.html").read_text()
        portal.governor.forget()  # the next day
        done = await hubassoc("resume", "night", cwd=tmp_path, HUBASSOC_JOBS=str(jobs))
    assert done.status == 3, done.err
    assert [one.name for one in tmp_path.glob("*failures*")] == ["x.csv.failures.ndjson"]
    assert not list(tmp_path.glob(".*"))
    (rest,) = parks(info.path)
    assert rest.resumed_at is not None
    answered = portal.log.operations["read"] - portal.log.statuses[429]
    assert 20 <= answered <= 22  # what two at once had out is read twice, and no more
    assert len(set((tmp_path / "x.csv").read_text().splitlines())) > 20_000


async def test_a_reserve_is_counted_beside_the_journal(
    portal: Portal, ids: Path, tmp_path: Path
) -> None:
    """It parks before the quota is spent; the count outlives the process, and goes with the job."""
    jobs: Any = {"HUBASSOC_JOBS": str(tmp_path / "jobs")}
    async with PortalServer(portal) as server:
        command = (*arguments(server.url, ids), "--daily-reserve", "50%", "--concurrency", "2")
        done = await hubassoc(*command, cwd=tmp_path, **jobs)
    assert done.status == 4
    assert "kept for others" in done.err
    assert portal.log.statuses[429] == 0
    (count,) = (tmp_path / "jobs").glob("night.daily")
    assert (await hubassoc("jobs", "--forget", "night", cwd=tmp_path, **jobs)).status == 0
    assert not count.exists()
    assert list(tmp_path.glob(".x.csv*")) == []


@pytest.fixture
def own_signals() -> Iterator[None]:
    kept = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    for one, handler in kept.items():
        signal.signal(one, handler)


@pytest.mark.usefixtures("own_signals")
def test_it_waits(
    portal: Portal, ids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --wait it goes on by itself when the day is over, as often as it takes."""
    moments: list[float] = []

    def wait_until(moment: float) -> None:
        moments.append(moment)
        portal.governor.forget()

    monkeypatch.setattr(journaled_run, "wait_until", wait_until)
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    served = Served(portal)
    served.start()
    try:
        done = CliRunner().invoke(group, [*arguments(served.url, ids), "--wait"])
    finally:
        served.stop()
    assert done.exit_code == 3, done.output
    assert "waiting until" in done.output
    info = find_job("night", tmp_path / "jobs")
    assert info.state == "complete"
    assert [rest.resume_at for rest in parks(info.path)] == moments
    assert len(moments) == 1

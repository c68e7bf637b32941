"""A job whose quota of the day is spent rests until the portal's next midnight."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.emulator.portal import EPOCH
from hubassoc_async.emulator.settings import Limits
from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs.journal import JobSpec, Journal, Mark, find_job
from hubassoc_async.jobs.parking import Parked, next_midnight, parks, run_parking
from tests.client.portals import client_of, portal_of
from tests.virtual_time import on_virtual_time

SPEC = JobSpec(
    kind="export",
    from_object_type="contacts",
    to_object_type="companies",
    api_version="v4",
    base_url="https://example.test",
    source="",
    fingerprint="",
    target="",
)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create("rest", SPEC, directory=tmp_path)
    yield journal
    journal.close()


@given(
    now=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001
    name=st.sampled_from(
        ["UTC", "Europe/Berlin", "US/Eastern", "Asia/Kolkata", "Asia/Beirut", "Pacific/Apia"]
    ),
)
def test_the_next_midnight_begins_another_day(now: datetime, name: str) -> None:
    """It is ahead, a day at most and an hour of summer time, and the date changes there."""
    zone, at = ZoneInfo(name), now.replace(tzinfo=UTC).timestamp()
    midnight = next_midnight(zone, at)
    assert 0 < midnight - at <= 25 * 3600 or name == "Pacific/Apia"  # it left out a whole day
    before, after = (datetime.fromtimestamp(midnight - s, zone).date() for s in (1, 0))
    assert before < after


def test_a_known_midnight() -> None:
    """The night in which the clocks of Berlin go back is 25 hours."""
    noon = datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN).timestamp()
    assert next_midnight(BERLIN, noon) - noon == 25 * 3600


@on_virtual_time
async def test_it_parks_and_says_when_and_how_to_go_on(journal: Journal) -> None:
    """State, time and reason are in the journal; the error names the command."""
    now = datetime(2026, 11, 22, 15, 0, tzinfo=BERLIN).timestamp()

    async def spent() -> None:
        raise DailyQuotaSpent("the day is spent")

    with pytest.raises(Parked, match=r"until 2026-11-23 00:00 \(Europe/Berlin\).*resume rest"):
        await run_parking(journal, spent, BERLIN, now=lambda: now)
    info = find_job("rest", journal.path.parent)
    assert (info.state, info.resume_at) == ("parked", now + 9 * 3600)
    assert info.reason == "the day is spent"


@on_virtual_time
async def test_where_midnight_brings_nothing_it_tries_again_every_hour(journal: Journal) -> None:
    """A wrong time zone costs hours, not days; once something was done, midnight counts again."""
    start = datetime(2026, 11, 22, 15, 0, tzinfo=UTC).timestamp()
    clock = [start]
    tried = []

    async def spent() -> None:
        tried.append((clock[0] - start) / 3600)
        if len(tried) == 4:
            journal.commit(Mark(items=100))
        raise DailyQuotaSpent("the day is spent")

    for _ in range(6):
        with pytest.raises(Parked):
            await run_parking(journal, spent, UTC, now=lambda: clock[0])
        clock[0] = journal.info.resume_at or 0.0
    assert tried == [0, 9, 10, 11, 33, 34]
    assert [park.resumed_at for park in parks(journal.path)][:2] == [
        start + h * 3600 for h in (9, 10)
    ]


@on_virtual_time
async def test_with_wait_it_goes_on_after_each_midnight_of_the_portal(journal: Journal) -> None:
    """Ten requests a day and 25 to send: three days, nothing asked in between, all of it read."""
    portal = portal_of(
        25_000, companies=1, limits=Limits(associations_daily=10), time_zone="Asia/Tokyo"
    )
    loop = asyncio.get_running_loop()
    read: set[str] = set()

    async def work() -> None:
        ids = (one for one in range(1, 25_001) if str(one) not in read)
        async with client.stream_read("contacts", "companies", ids) as outcomes:
            async for batch in outcomes.batches():
                read.update(outcome.from_object_id for outcome in batch)
                journal.commit(Mark(items=len(read)))

    async with client_of(portal, concurrency=1) as client:
        zone = ZoneInfo("Asia/Tokyo")
        now = lambda: EPOCH.timestamp() + loop.time()  # noqa: E731
        await run_parking(journal, work, zone, wait=True, now=now)
    assert len(read) == 25_000
    days = [
        datetime.fromtimestamp(EPOCH.timestamp() + asked.time, zone).date()
        for asked in portal.requests
        if asked.status != 429
    ]
    assert [days.count(day) for day in sorted(set(days))] == [10, 10, 5]
    assert portal.log.statuses[429] == 2
    assert len(parks(journal.path)) == 2

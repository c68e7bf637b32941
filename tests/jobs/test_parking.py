"""A job whose quota of the day is spent rests until the portal's next midnight."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async import AssociationsClient
from hubassoc_async.emulator.portal import EPOCH
from hubassoc_async.emulator.settings import Limits
from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs.journal import JobSpec, Journal, Mark, find_job
from hubassoc_async.jobs.parking import next_midnight, park, parks, unpark, wait_until
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


def test_it_parks_and_says_when_and_how_to_go_on(journal: Journal) -> None:
    """State, time and reason are in the journal; the error names the command."""
    now = datetime(2026, 11, 22, 15, 0, tzinfo=BERLIN).timestamp()
    said = park(journal, DailyQuotaSpent("the day is spent."), BERLIN, now)
    assert "spent. Job rest is parked until 2026-11-23 00:00 (Europe/Berlin)" in str(said)
    assert "hubassoc resume rest" in str(said)
    info = find_job("rest", journal.path.parent)
    assert (info.state, info.resume_at) == ("parked", now + 9 * 3600)
    assert info.reason == "the day is spent"


def test_where_midnight_brings_nothing_it_tries_again_every_hour(journal: Journal) -> None:
    """A wrong time zone costs hours, not days; once something was done, midnight counts again."""
    start = datetime(2026, 11, 22, 15, 0, tzinfo=UTC).timestamp()
    now, tried = start, []
    for attempt in range(6):
        unpark(journal, now)
        tried.append((now - start) / 3600)
        if attempt == 3:
            journal.commit(Mark(items=100))
        now = park(journal, DailyQuotaSpent("the day is spent"), UTC, now).resume_at
    assert tried == [0, 9, 10, 11, 33, 34]
    resumed = [one.resumed_at for one in parks(journal.path)]
    assert resumed == [*(start + hours * 3600 for hours in tried[1:]), None]


def test_a_machine_that_slept_wakes_when_it_is_time() -> None:
    """However late a sleep ends, the clock is looked at, once a minute at least."""
    clock = [1000.0]

    def sleep(seconds: float) -> None:
        assert seconds <= 60
        clock[0] += 3600 if clock[0] == 1060 else seconds

    wait_until(5000.0, now=lambda: clock[0], sleep=sleep)
    assert 5000 <= clock[0] < 5060


@on_virtual_time
async def test_each_day_of_the_portal_is_used_to_its_end(journal: Journal) -> None:
    """Ten requests a day and 25 to send: three days, nothing asked in between, all of it read."""
    limits = Limits(associations_daily=10)
    portal = portal_of(25_000, companies=1, limits=limits, time_zone="Asia/Tokyo")
    zone, loop, epoch = ZoneInfo("Asia/Tokyo"), asyncio.get_running_loop(), EPOCH.timestamp()
    read: set[str] = set()

    async def work(client: AssociationsClient) -> None:
        ids = (one for one in range(1, 25_001) if str(one) not in read)
        async with client.stream_read("contacts", "companies", ids) as outcomes:
            async for batch in outcomes.batches():
                read.update(outcome.from_object_id for outcome in batch)
                journal.commit(Mark(items=len(read)))

    async with client_of(portal, concurrency=1) as client:
        while len(read) < 25_000:
            try:
                await work(client)
            except DailyQuotaSpent as spent:
                parked = park(journal, spent, zone, epoch + loop.time())
                await asyncio.sleep(parked.resume_at - epoch - loop.time())
    answered = [asked.time for asked in portal.requests if asked.status != 429]
    days = [datetime.fromtimestamp(epoch + at, zone).date() for at in answered]
    assert [days.count(day) for day in sorted(set(days))] == [10, 10, 5]
    assert portal.log.statuses[429] == 2

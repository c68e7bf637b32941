"""The day's budget: stops at the reserve, counts by headers or by itself, and remembers."""

from pathlib import Path

import pytest

from hubassoc_async import (
    AssociationsClient,
    DailyBudget,
    DailyQuotaSpent,
    HubAssocError,
    Quotas,
    UsageError,
)
from hubassoc_async.emulator import Limits, MemoryTransport, Portal, Unknowns
from hubassoc_async.pacing.daily import DailyCount
from hubassoc_async.protocol.quota import RateSignal
from tests.virtual_time import on_virtual_time

MIDNIGHT = 1_790_000_000 // 86_400 * 86_400


@pytest.mark.parametrize("headers", ["all", "none"])
@on_virtual_time
async def test_work_stops_at_the_reserve_with_what_remains(headers: str) -> None:
    """Eight requests of ten; the ids that were not read come with the error."""
    limits = Limits(associations=100, associations_daily=10)
    portal = Portal(limits=limits, unknowns=Unknowns(batch_headers=headers))  # type: ignore[arg-type]
    client = AssociationsClient(
        transport=MemoryTransport(portal),
        quota=Quotas(daily=10),
        daily_reserve="20%",
        concurrency=1,
    )
    async with client:
        with pytest.raises(DailyQuotaSpent, match="the other 2 are kept for others") as stopped:
            await client.read("contacts", "companies", range(1, 20_001))
    assert client.counters.requests == 8
    assert client.counters.rate_limited == 0
    error = stopped.value
    assert error.result is not None
    assert len(error.unread) >= 1_000


def test_headers_count_what_others_spent() -> None:
    """The count is the account's, and what is out comes on top."""
    count = DailyCount(DailyBudget(reserve=0.5), "associations", 500, lambda: MIDNIGHT)
    count.take()
    count.hear(RateSignal(daily=1_000, daily_remaining=600), 3)
    assert count.remaining == 597
    count.hear(RateSignal(daily=1_000, daily_remaining=500), 0)
    with pytest.raises(DailyQuotaSpent, match="500 of 1,000 associations requests"):
        count.take()


def test_a_new_day_begins_at_the_portals_midnight_and_the_file_keeps_the_old_one(
    tmp_path: Path,
) -> None:
    """Whatever the count was; a new client goes on with what the file says of today."""
    now = float(MIDNIGHT + 100)
    budget = DailyBudget(reserve=0.0, path=tmp_path / "day.db", portal="1")

    def count(budget: DailyBudget = budget) -> DailyCount:
        return DailyCount(budget, "associations", 70, lambda: now)

    first = count()
    for _ in range(60):
        first.take()
    first.give_back()
    first.keep()
    assert count().remaining == 11
    assert count(DailyBudget(path=tmp_path / "day.db", portal="2")).remaining == 70
    berlin = DailyBudget(path=tmp_path / "day.db", portal="1", time_zone="Europe/Berlin")
    assert count(berlin).remaining == 11  # the same date there
    now += 86_400
    assert first.remaining == 70
    assert count().remaining == 70


def test_processes_with_one_file_count_together(tmp_path: Path) -> None:
    """What another has spent is known whenever the own count is kept."""
    budget = DailyBudget(reserve=0.0, path=tmp_path / "day.db", portal="1")
    one, other = (DailyCount(budget, "associations", 500, lambda: MIDNIGHT) for _ in range(2))
    for _ in range(50):
        one.take()
        other.take()
    assert (one.remaining, other.remaining) == (450, 400)
    one.take()
    one.keep()
    assert one.remaining == 399


@on_virtual_time
async def test_a_count_that_cannot_be_kept_stops_the_work_and_says_so(tmp_path: Path) -> None:
    """The read ends with what remains, rather than waiting for a turn that never comes."""
    path = tmp_path / "day.db"
    portal = Portal()
    client = AssociationsClient(
        transport=MemoryTransport(portal), daily_reserve=DailyBudget(path=path), pacing="off"
    )
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(HubAssocError, match=r"cannot be counted in .*day\.db"):
        async with client:
            await client.read("contacts", "companies", range(1, 100_001))


@pytest.mark.parametrize("wrong", ["much", "120%", -0.1, 1.0, ""])
def test_a_reserve_is_a_share(wrong: float | str) -> None:
    """Anything else says so at once."""
    with pytest.raises(UsageError, match="a share such as 20%"):
        DailyBudget(reserve=wrong)


def test_a_time_zone_is_one_that_exists() -> None:
    """Anything else says so at once."""
    with pytest.raises(UsageError, match="unknown time zone"):
        DailyBudget(time_zone="Mars/Olympus")

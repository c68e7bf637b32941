"""Writing as a service does it, over real sockets and on virtual time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubassoc_async import (
    ApiError,
    AssociationLimit,
    AssociationsClient,
    AssociationType,
    DailyQuotaSpent,
    DeadlineExceeded,
    HubAssocError,
    LabelTypes,
    Link,
    LinkGiven,
    RetryPolicy,
    Unchanged,
    UsageError,
    Written,
)
from hubassoc_async.emulator import Fault, Limits, MemoryTransport, Portal, PortalServer, Unknowns
from hubassoc_async.protocol.versions import VERSIONS
from tests.virtual_time import on_virtual_time
from tests.writing import worlds
from tests.writing.peer import state

LATER = [name for name in VERSIONS if name != "v3"]
QUICK = RetryPolicy(base=0.01, cap=0.05)
ENDS = "contacts", "companies"


def client_of(portal: Portal, **settings: object) -> AssociationsClient:
    """A client of a portal in memory."""
    return AssociationsClient(transport=MemoryTransport(portal, latency=0.1), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", LATER)
async def test_every_write_of_every_version_over_sockets(version: str) -> None:
    """Create by name, append, default, archive of labels and of all, each read back."""
    portal = worlds.portal()
    async with (
        PortalServer(portal) as server,
        AssociationsClient("t", base_url=server.url, api_version=version) as client,
    ):
        links: list[LinkGiven] = [
            (1, 101, "primary"),
            (2, 102, ["Decision maker", "billing"]),
            (9, 101, 279),
        ]
        made = await client.create(*ENDS, links, verify=True)
        assert repr(made) == "<WriteResult: 2 written, 0 unchanged, 1 failed>"
        written = made["2", 102]
        assert isinstance(written, Written)
        assert written.labels == ("Decision maker", "Billing")
        with pytest.raises(KeyError, match="OBJECT_NOT_FOUND"):
            made[9, 101]
        more = [(1, 101, "billing"), (2, 102, "billing")]
        added = await client.create(*ENDS, more, labels="append", verify=True)
        assert isinstance(added[2, 102], Unchanged)
        assert len(added[1, 101].association_types) == 2
        plain = await client.create_default(*ENDS, [(3, 103), (1, 101)], verify=True)
        assert not plain.failures
        gone = await client.archive_labels(*ENDS, [(1, 101, "primary")], verify=True)
        assert not gone.failures
        rest = await client.archive(*ENDS, [(2, 102), (4, 104)], verify=True)
        assert len(rest) == 2
        assert state(portal) == {(1, 101): {279, 931}, (3, 103): {279}}


async def test_v3_creates_and_archives_by_type_name() -> None:
    """One type a link; archiving everything is archiving the type that takes the others along."""
    portal = worlds.portal()
    async with (
        PortalServer(portal) as server,
        AssociationsClient("t", base_url=server.url, api_version="v3") as client,
    ):
        made = await client.create(*ENDS, [(1, 101, "primary"), (2, 102, 279), (3, 107, 279)])
        assert repr(made) == "<WriteResult: 2 written, 0 unchanged, 1 failed>"
        assert state(portal) == {(1, 101): {1, 279}, (2, 102): {279}}
        await client.archive(*ENDS, [(1, 101)])
        assert state(portal) == {(2, 102): {279}}
        with pytest.raises(UsageError, match="v3 has no"):
            await client.create_default(*ENDS, [(1, 101)])
        with pytest.raises(UsageError, match="v3"):
            await client.one.archive("contacts", 1, "companies", 101)


async def test_a_stream_of_any_length_is_written_as_it_comes() -> None:
    """Links from an asynchronous iterable, outcomes while it goes on, repeats once."""
    portal = Portal()
    portal.add_objects("contact", range(1, 10_001))
    portal.add_objects("company", [1])

    async def links() -> AsyncIterator[Link]:
        for n in range(10_000):
            yield Link(n + 1, 1, "default")
            yield Link(n % 50 + 1, 1, 279)

    async with (
        PortalServer(portal) as server,
        AssociationsClient("t", base_url=server.url) as client,
    ):
        async with client.stream_create(*ENDS, links()) as outcomes:
            pairs = [outcome.from_object_id async for outcome in outcomes]
            assert outcomes.counts.taken == outcomes.counts.written == 10_000
        assert len(set(pairs)) == len(pairs) == 10_000
        assert portal.log.operations["create"] <= 7


@pytest.mark.parametrize(
    "fault",
    [
        "server_error", "bad_gateway", "reset_before", "reset_after", "truncated", "junk",
        "omitted", "duplicated", "canceled", "pending", "no_op",
    ],
)  # fmt: skip
async def test_each_fault_costs_a_retry_and_no_link(fault: str) -> None:
    """Repeating after a lost answer is safe: every link is written, once, whatever is lost."""
    portal = worlds.portal()
    links = [(c, k, "billing") for c in worlds.CONTACTS for k in worlds.COMPANIES]
    portal.fail(fault, nth=1, operation="create")
    async with (
        PortalServer(portal) as server,
        AssociationsClient("t", base_url=server.url, retry=QUICK, quota=None) as client,
    ):
        result = await client.create(*ENDS, links)
    assert len(result) == len(links)
    assert not result.failures
    assert set(state(portal).values()) == {frozenset({279, 931})}


@on_virtual_time
async def test_what_stops_a_write_says_what_was_done_and_what_was_not() -> None:
    """After the daily quota: outcomes so far in ``written``, the rest in ``unwritten``."""
    portal = Portal(limits=Limits(associations_daily=4))
    portal.add_objects("contact", range(1, 10_001))
    portal.add_objects("company", [1])
    links = [(n, 1, 279) for n in range(1, 10_001)]
    async with client_of(portal, concurrency=1) as client:
        with pytest.raises(DailyQuotaSpent) as stop:
            await client.create(*ENDS, links)
    written, unwritten = stop.value.written, stop.value.unwritten
    assert written is not None
    assert len(written) == 4_000  # two requests went for the definitions
    assert len(unwritten) == 6_000
    portal.governor.limits = Limits()
    async with client_of(portal) as client:
        rest = await client.create(*ENDS, unwritten)
    assert len(rest) == 6_000
    assert len(state(portal)) == 10_000


@on_virtual_time
async def test_a_deadline_a_break_and_a_cancellation_leave_no_task() -> None:
    """However a write is left, it ends there, and says what has no outcome."""
    portal = worlds.portal()
    portal.fail(Fault("slow", delay=50.0), operation="create")
    links = [(c, 101, 279) for c in worlds.CONTACTS]
    async with client_of(portal) as client:
        with pytest.raises(DeadlineExceeded, match="8 more were taken") as late:
            await client.create(*ENDS, links, deadline=3.0)
        assert len(late.value.unwritten) == 8
        async with client.stream_create(*ENDS, links) as outcomes:
            assert "running" in repr(outcomes)
            await asyncio.sleep(1)
        assert len(outcomes.unwritten) == 8
        task = asyncio.create_task(client.create(*ENDS, links))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stream = client.stream_create(*ENDS, links)
        async with stream:
            await asyncio.sleep(1)
            await client.aclose()
            with pytest.raises(HubAssocError, match="closed"):
                await anext(stream)
    with pytest.raises(UsageError, match="closed"):
        await client.create(*ENDS, links)


@on_virtual_time
async def test_definitions_are_read_once_for_all_who_ask() -> None:
    """Ten writes at once ask for the labels of a pair together, by any of its names."""
    portal = worlds.portal()
    async with client_of(portal) as client:
        types = [("0-1", "COMPANIES"), ENDS] * 5
        found = await asyncio.gather(*(client.label_types(*ends) for ends in types))
        assert len(set(map(id, found))) == 1
        assert portal.log.operations["labels"] == 2
        await client.labels.types(*ENDS, refresh=True)
        assert portal.log.operations["labels"] == 4
        await client.label_types("companies", "companies")
        assert portal.log.operations["labels"] == 5


@on_virtual_time
async def test_labels_that_may_not_be_read_fall_back_to_the_published_ones() -> None:
    """A token without that scope can still write what HubSpot defines; an unknown type cannot."""
    portal = worlds.portal()
    forbidden = Fault("forbidden")
    portal.fail(forbidden, operation="labels")
    async with client_of(portal) as client:
        types = await client.label_types(*ENDS)
        assert not types.from_portal
        done = await client.create(*ENDS, [(1, 101, "primary"), (2, 102, "Decision maker")])
        assert "could not be read" in done.failures[0].message
        assert len(done) == 1
        portal.heal()
        with pytest.raises(ApiError, match="widgets"):
            await client.create("contacts", "widgets", [(1, 2, "primary")])


@on_virtual_time
async def test_a_label_is_created_once_and_known_with_its_inverse() -> None:
    """One that is there is found; a pair of labels knows both; names can be changed and removed."""
    portal = worlds.portal()
    async with client_of(portal) as client:
        made = await client.labels.create(*ENDS, "Boss", inverse_label="Minion")
        assert not made.existed
        assert made.inverse is not None
        assert made.inverse.label == "Minion"
        again = await client.labels.create(*ENDS, "Boss", inverse_label="Minion")
        assert again.existed
        assert again.association_type == made.association_type
        assert portal.log.operations["define_label"] == 1
        with pytest.raises(UsageError, match="its inverse is 'Minion'"):
            await client.labels.create(*ENDS, "Boss", inverse_label="Servant")
        turned = await client.label_types("companies", "contacts")
        assert turned.inverse(made.inverse) == made.association_type
        await client.labels.rename(*ENDS, "Boss", "Chief", inverse_label="Staff")
        assert (await client.label_types(*ENDS)).resolve("chief").label == "Chief"
        await client.labels.delete(*ENDS, "Chief")
        with pytest.raises(UsageError, match="no label"):
            (await client.label_types(*ENDS)).resolve("Chief")
        for wrong in ("primary", "Nobody", 279):
            with pytest.raises(UsageError):
                await client.labels.delete(*ENDS, wrong)


@on_virtual_time
@pytest.mark.parametrize("fault", ["reset_after", "server_error", "truncated", "reset_before"])
async def test_the_creation_of_a_label_is_never_repeated_blindly(fault: str) -> None:
    """After a lost answer it looks: what was created is found, what was not is asked for again."""
    portal = worlds.portal()
    portal.fail(fault, nth=1, operation="define_label")
    async with client_of(portal, retry=QUICK) as client:
        made = await client.labels.create(*ENDS, "Champion")
    labels = [one.label for one in worlds.definitions(portal).types]
    assert labels.count("Champion") == 1
    assert made.association_type.label == "Champion"
    operations = [one.operation for one in portal.requests]
    first, *more = [at for at, name in enumerate(operations) if name == "define_label"]
    assert operations[first + 1] == "labels"
    assert len(more) <= 1


@on_virtual_time
async def test_a_label_whose_creation_keeps_failing_raises_why() -> None:
    """It is asked for three times at most, looking before each."""
    portal = worlds.portal()
    portal.fail("server_error", operation="define_label")
    async with client_of(portal, retry=QUICK) as client:
        with pytest.raises(HubAssocError, match="500"):
            await client.labels.create(*ENDS, "Champion")
    assert portal.log.operations["define_label"] == 3


@pytest.mark.parametrize("version", LATER)
async def test_one_pair_at_a_time(version: str) -> None:
    """PUT, PUT default, DELETE and the GET list, for services; what fails is an exception."""
    portal = worlds.portal(page_size=2)
    async with (
        PortalServer(portal) as server,
        AssociationsClient("t", base_url=server.url, api_version=version) as client,
    ):
        made = await client.one.create("contacts", 1, "companies", 101, ["billing", "primary"])
        assert made.labels == ("Billing", "Primary")
        for company in worlds.COMPANIES:
            plain = await client.one.create_default("contacts", "1", "companies", str(company))
            assert plain.association_types[0].type_id == 279
        listed = await client.one.list("contacts", 1, "companies")
        assert len(listed) == len(worlds.COMPANIES)
        assert {one.type_id for one in listed[0].association_types} >= {279}
        await client.one.archive("contacts", 1, "companies", 101)
        assert (1, 101) not in state(portal)
        assert await client.one.list("contacts", 2, "companies") == ()
        for wrong in (
            client.one.create("contacts", 9, "companies", 101, "primary"),
            client.one.create_default("contacts", 9, "companies", 101),
        ):
            with pytest.raises(ApiError, match="No contact"):
                await wrong
        for bad in (
            client.one.create("contacts", "x", "companies", 101, "primary"),
            client.one.create("contacts", 1, "companies", 101, "Prinary"),
            client.one.list("con/tacts", 1, "companies"),
        ):
            with pytest.raises(UsageError):
                await bad


@pytest.mark.parametrize("version", LATER)
async def test_limits_and_the_usage_report(version: str) -> None:
    """Create, list, update, purge; the report goes by mail."""
    portal = worlds.portal()
    one = AssociationLimit("HUBSPOT_DEFINED", 279, 5)
    async with (
        PortalServer(portal) as server,
        AssociationsClient("t", base_url=server.url, api_version=version) as client,
    ):
        limits = client.limits
        assert (await limits.create(*ENDS, [one]))[0].max_to_object_ids == 5
        more = AssociationLimit("HUBSPOT_DEFINED", 279, 6)
        await limits.update(*ENDS, [more])
        for listed in (await limits.list(*ENDS), await limits.list()):
            assert [(each.type_id, each.max_to_object_ids) for each in listed] == [(279, 6)]
        await limits.purge(*ENDS, [AssociationLimit("HUBSPOT_DEFINED", 279)])
        assert await limits.list() == ()
        report = await limits.usage_report(77)
        assert report.user_id == 77
        assert report.enqueued_at is not None
        for bad in (
            limits.create(*ENDS, []),
            limits.update(*ENDS, [AssociationLimit("HUBSPOT_DEFINED", 279)]),
            limits.list("contacts"),
            limits.usage_report(0),
        ):
            with pytest.raises(UsageError):
                await bad
        with pytest.raises(ApiError):
            await limits.create(*ENDS, [AssociationLimit("USER_DEFINED", 404, 5)])


def test_a_plan_counts_requests_time_and_quota_and_sends_nothing() -> None:
    """5,000 appended and verified links: two for the labels, ten reads, three writes."""
    portal = worlds.portal()
    client = client_of(portal)
    links = [(n, n % 7 + 1, "Champion") for n in range(1, 5_001)]
    plan = client.plan_write("create", *ENDS, [*links, ("x", 1, 1)], labels="append", verify=True)
    assert (plan.links, plan.pairs, len(plan.failures)) == (5_001, 5_000, 1)
    assert (plan.definitions, plan.reads, plan.writes, plan.requests) == (2, 10, 3, 15)
    assert plan.unchecked == ("Champion",)
    assert plan.daily_share == 15 / 500_000
    assert plan.seconds == 1.5
    pairs = [(n, 1) for n in range(1, 50_001)]
    long = client.plan_write("archive", *ENDS, pairs)
    assert (long.definitions, long.reads, long.writes, long.seconds) == (0, 0, 500, 50.0)
    assert portal.requests == []


@on_virtual_time
async def test_a_plan_takes_as_many_requests_as_the_write() -> None:
    """What was planned is what is sent, where records have one page and nothing fails."""
    portal = Portal(unknowns=Unknowns(page_size=500))
    portal.add_objects("contact", range(1, 5_001))
    portal.add_objects("company", range(1, 8))
    links = [(n, n % 7 + 1, "billing") for n in range(1, 5_001)]
    async with client_of(portal) as client:
        plan = client.plan_write("create", *ENDS, links, labels="append", verify=True)
        result = await client.create(*ENDS, links, labels="append", verify=True)
        assert len(result) == 5_000
        assert client.counters.requests == plan.requests


def test_the_types_of_the_public_face_are_there() -> None:
    """What writing gives back can be made and compared by a caller's own tests."""
    kind = AssociationType("HUBSPOT_DEFINED", 1, "Primary")
    assert Written("1", "2", (kind,)).status == "written"
    assert Unchanged("1", "2", (kind,)).status == "unchanged"
    assert LabelTypes(*ENDS).resolve("primary") == kind

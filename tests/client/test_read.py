"""The client as a service uses it, against a portal in memory on virtual time."""

import asyncio
import itertools
import logging
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async import (
    AssociationsClient,
    Failure,
    ObjectAssociations,
    PackedAssociations,
    Quota,
    ReadResult,
    RetryPolicy,
    UsageError,
)
from hubassoc_async.emulator import Fault, MemoryTransport, Unknowns
from tests.client.portals import client_of, portal_of
from tests.virtual_time import on_virtual_time, run_virtual


@on_virtual_time
async def test_a_read_is_a_mapping_of_what_was_found() -> None:
    """Str and int look up the same; none is (); a failure is apart and cannot pass for none."""
    portal = portal_of(3)
    portal.add_objects("contacts", [7])
    async with client_of(portal) as client:
        result = await client.read("contacts", "companies", [1, "2", 7, "x"])
    assert [to.to_object_id for to in result[1]] == ["9000000000", "9000000001"]
    assert result["2"][0].association_types[0].type_id == 279
    assert result["7"] == ()
    assert set(result) == {"1", "2", "7"}
    assert result.failures["x"].category == "INVALID_ID"
    with pytest.raises(KeyError, match="INVALID_ID"):
        result["x"]
    with pytest.raises(KeyError):
        result["3"]
    assert repr(result) == "<ReadResult: 2 found, 1 none, 1 failed>"


@pytest.mark.filterwarnings("ignore:API v3 lists only the primary company")
@pytest.mark.parametrize("version", ["v4", "v3"])
@on_virtual_time
async def test_a_read_for_columns_says_what_every_other_says(version: str) -> None:
    """In numbers; it is short when shown, whole when copied, and a result takes it for found."""
    ends: Any = ("contacts", "companies", [1, 2, 7, "x"])
    portal = portal_of(3)
    portal.add_objects("contacts", [7])
    async with client_of(portal, api_version=version) as client:
        plain = await client.read(*ends)
        async with client.stream_read(*ends, packed=True) as stream:
            outcomes = [one async for one in stream]
    result = ReadResult(outcomes)
    assert dict(result) == dict(plain)
    assert result.failures == plain.failures
    packed = {one.from_object_id: one for one in outcomes if isinstance(one, PackedAssociations)}
    assert {*packed} == ({"1", "2", "7"} if version == "v4" else set())
    for one in packed.values():
        assert len(one.to) == len(one.to_ids) // 8 == len(plain[one.from_object_id])
        assert one.status == ("found" if plain[one.from_object_id] else "none")
        copied = pickle.loads(pickle.dumps(one))
        assert copied == one
        assert copied.unpacked() == one.unpacked()
        many = f"{len(one.to)} associations"
        assert repr(one) == f"<PackedAssociations of {one.from_object_id}: {many}>"


@on_virtual_time
async def test_ids_are_consumed_lazily() -> None:
    """A slow consumer of an endless iterable finds it a few batches ahead, and no more."""
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        for number in itertools.count(1):
            taken += 1
            yield number

    async with client_of(portal_of(1), concurrency=2) as client:
        stream = client.stream_read("contacts", "companies", endless())
        async with stream as outcomes:
            async for number, _ in aenumerate(outcomes):
                if number == 0:
                    await asyncio.sleep(1000)
                    assert taken <= 10_000
                if number == 5_000:
                    break
        assert taken <= 16_000
        assert len(stream.unread) == taken - 5_001
        assert client.counters.in_flight == 0


async def aenumerate(outcomes: AsyncIterator[Any]) -> AsyncIterator[tuple[int, Any]]:
    number = 0
    async for outcome in outcomes:
        yield number, outcome
        number += 1


@on_virtual_time
async def test_an_asynchronous_iterable_is_read_as_it_comes() -> None:
    """Ids that trickle in are not kept waiting for a full batch."""
    loop = asyncio.get_running_loop()
    given: dict[str, float] = {}

    async def trickle() -> AsyncIterator[int]:
        for number in range(1, 6):
            given[str(number)] = loop.time()
            yield number
            await asyncio.sleep(10)

    async with (
        client_of(portal_of(5)) as client,
        client.stream_read("contacts", "companies", trickle()) as outcomes,
    ):
        async for outcome in outcomes:
            assert loop.time() - given[outcome.from_object_id] < 2
    assert len(given) == 5
    assert outcomes.counts.found == 5


@on_virtual_time
async def test_an_id_repeated_comes_out_once() -> None:
    """In ``read`` always; in ``stream_read`` while it is in flight, and with ``distinct`` ever."""
    portal = portal_of(10)
    ids = list(range(1, 11)) * 500
    async with client_of(portal) as client:
        result = await client.read("contacts", "companies", ids)
        assert len(result) == 10
        assert client.counters.requests == 1
        async with client.stream_read("contacts", "companies", ids, distinct=True) as outcomes:
            assert len([outcome async for outcome in outcomes]) == 10
            assert outcomes.counts.taken == 10
    assert sum(asked.count for asked in portal.requests) == 20


@on_virtual_time
async def test_cursors_wait_at_most_for_linger() -> None:
    """A slow answer does not hold the next page of another record for ever."""
    portal = portal_of(0, unknowns=Unknowns(page_size=1))
    portal.associate("contacts", 1, "companies", 8)
    portal.associate("contacts", 1, "companies", 9)
    portal.fail(Fault("slow", delay=50), when=lambda asked: b'"id":"2"' in (asked.body or b""))
    loop = asyncio.get_running_loop()

    async def two_batches() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(3)
        yield 2

    async with client_of(portal, linger=0.5) as client:
        started = loop.time()
        async with client.stream_read("contacts", "companies", two_batches()) as outcomes:
            first = await anext(outcomes)
        assert first.from_object_id == "1"
        assert loop.time() - started < 8


@on_virtual_time
async def test_a_stream_tells_how_it_is_used_wrongly() -> None:
    """Each misuse has a sentence, before anything is sent."""
    portal = portal_of(1)
    client = client_of(portal)
    with pytest.raises(UsageError, match="async with"):
        await anext(client.stream_read("contacts", "companies", [1]))
    stream = client.stream_read("contacts", "companies", [1])
    async with stream:
        pass
    with pytest.raises(UsageError, match="once"):
        await stream.__aenter__()
    with pytest.raises(UsageError, match="iterable of ids"):
        client.stream_read("contacts", "companies", "1001")
    with pytest.raises(UsageError, match="object type"):
        client.stream_read("con/tacts", "companies", [1])
    with pytest.raises(UsageError, match="deadline"):
        await client.read("contacts", "companies", [1], deadline=0)
    await client.aclose()
    with pytest.raises(UsageError, match="closed"):
        await client.read("contacts", "companies", [1])
    assert len(portal.requests) <= 1
    for wrong in ({"concurrency": 0}, {"linger": -1}, {"api_version": "v9"}):
        with pytest.raises(UsageError):
            client_of(portal, **wrong)


@on_virtual_time
async def test_v3_continues_by_list_and_warns_about_companies() -> None:
    """Its batch read ignores ``after``; the list takes the cursor, decoded and encoded once."""
    portal = portal_of(0, unknowns=Unknowns(page_size_v3=2, v3_companies="all"))
    for company in range(7):
        portal.associate("contacts", 1, "companies", 9_000_000_000 + company, 1)
    async with client_of(portal, api_version="v3") as client:
        with pytest.warns(UserWarning, match="only the primary company"):
            result = await client.read("contacts", "companies", [1])
    assert len(result[1]) == 7
    assert [asked.method for asked in portal.requests[:2]] == ["POST", "GET"]


@pytest.mark.parametrize("version", ["v4", "2025-09", "2026-03", "2026-09"])
@on_virtual_time
async def test_every_version_reads_the_same(version: str) -> None:
    """Pages, types and none alike."""
    portal = portal_of(5, companies=7, unknowns=Unknowns(page_size=3))
    async with client_of(portal, api_version=version) as client:
        result = await client.read("contact", "0-2", range(1, 8))
    assert {key: len(to) for key, to in result.items()} == dict(
        zip("1234567", [7, 7, 7, 7, 7, 0, 0], strict=True)
    )
    assert version in portal.requests[0].path


@on_virtual_time
async def test_retries_pauses_and_halvings_are_logged_with_their_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line each, under ``hubassoc_async``."""
    portal = portal_of(8)
    portal.fail("unavailable", nth=1)
    portal.fail("rate_limited", nth=1)
    portal.fail("bad_request", when=lambda asked: b'"id":"5"' in (asked.body or b""))
    with caplog.at_level(logging.INFO, logger="hubassoc_async"):
        async with client_of(portal) as client:
            await client.read("contacts", "companies", range(1, 9))
            assert client.counters.retries == 2
            assert f"{client.counters.requests} requests, 2 retries, 1 rate limited" in repr(client)
    lines = [record.getMessage() for record in caplog.records]
    assert len([line for line in lines if line.startswith("retry 1 in ")]) == 1
    assert not any("None" in line for line in lines)  # no correlation id is none
    assert len([line for line in lines if line.startswith("pausing everything ")]) == 1
    assert any(line.startswith("halving a batch of 8 after ") for line in lines)
    assert {record.name for record in caplog.records} == {"hubassoc_async"}


@settings(max_examples=40, deadline=None)
@given(
    contacts=st.integers(0, 60),
    rate=st.sampled_from([0.0, 0.05, 0.3]),
    concurrency=st.integers(1, 8),
    seed=st.integers(0, 10**6),
    asynchronous=st.booleans(),
)
def test_conservation_holds_through_the_whole_client(
    contacts: int, rate: float, concurrency: int, seed: int, asynchronous: bool
) -> None:
    """Found, none or failed, once each, whatever the network and the server do."""
    portal = portal_of(contacts, companies=3, seed=seed, unknowns=Unknowns(page_size=2))
    for kind in ("unavailable", "reset_after", "reset_before", "junk", "omitted", "duplicated"):
        portal.fail(kind, probability=rate / 3)
    portal.fail("rate_limited", probability=rate / 3)
    ids = range(1, contacts + 11)

    async def slowly() -> AsyncIterator[int]:
        for one in ids:
            await asyncio.sleep(0.01)
            yield one

    async def main() -> None:
        transport = MemoryTransport(portal, latency=lambda r: r.uniform(0.02, 0.4), seed=seed)
        client = AssociationsClient(
            transport=transport,
            concurrency=concurrency,
            quota=Quota(50, 10),
            retry=RetryPolicy(attempts=20, total=10_000),
        )
        async with client:
            outcomes: list[ObjectAssociations | Failure] = []
            stream = client.stream_read("contacts", "companies", slowly() if asynchronous else ids)
            async with stream:
                async for batch in stream.batches():
                    outcomes += batch
        by_id = {outcome.from_object_id: outcome for outcome in outcomes}
        assert len(by_id) == len(outcomes) == len(ids) == stream.counts.taken
        assert stream.unread == ()
        for one in ids:
            outcome = by_id[str(one)]
            if isinstance(outcome, ObjectAssociations):
                assert len(outcome.to) == (3 if one <= contacts else 0)
            else:
                assert rate

    run_virtual(main())

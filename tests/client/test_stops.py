"""What stops a read, and what does not: on virtual time, against a portal in memory."""

import asyncio
from collections.abc import Iterator

import pytest

from hubassoc_async import (
    AssociationsClient,
    AuthError,
    ConnectError,
    DailyQuotaSpent,
    DeadlineExceeded,
    HubAssocError,
    RateLimited,
    ServerError,
    UsageError,
)
from hubassoc_async.emulator import Asked, Fault, Limits, MemoryTransport
from tests.client.portals import client_of, portal_of
from tests.virtual_time import on_virtual_time


@on_virtual_time
async def test_a_deadline_says_what_was_and_was_not_read() -> None:
    """The outcomes so far, the ids that are owed, and no task."""
    portal = portal_of(0)
    portal.fail(Fault("slow", delay=1000), when=lambda asked: b'"id":"1500"' in (asked.body or b""))
    ids = range(1, 3_001)
    async with client_of(portal, timeout=5000) as client:
        with pytest.raises(DeadlineExceeded, match="deadline of 20 s") as caught:
            await client.read("contacts", "companies", ids, deadline=20)
        assert isinstance(caught.value, TimeoutError)
        result = caught.value.result
        assert result is not None
        assert len(result) == 2_000
        assert set(result) | set(caught.value.unread) == set(map(str, ids))
        assert not set(result) & set(caught.value.unread)
        assert client.counters.in_flight == 0


@on_virtual_time
async def test_a_cancelled_read_leaves_nothing_and_says_how_far_it_was() -> None:
    """As a note on the cancellation, which is the caller's own."""
    portal = portal_of(0)
    portal.fail(Fault("slow", delay=1000), nth=2)
    async with client_of(portal) as client:
        with pytest.raises(asyncio.CancelledError) as caught:
            async with asyncio.timeout(None) as limit:
                asyncio.get_running_loop().call_later(20, asyncio.current_task().cancel)  # type: ignore[union-attr]
                await client.read("contacts", "companies", range(1, 3_001))
        assert not limit.expired()
        (note,) = caught.value.__notes__
        assert "2000 none" in note
        assert "1000 ids were taken and are not read" in note
        assert client.counters.in_flight == 0


@on_virtual_time
async def test_breaking_out_of_the_loop_ends_every_task() -> None:
    """``unread`` has what was taken and not handed over, finished or not."""
    async with client_of(portal_of(1), concurrency=1) as client:
        stream = client.stream_read("contacts", "companies", range(1, 5_001))
        async with stream as outcomes:
            first = await anext(outcomes)
        assert stream.counts.taken < 5_000
        taken = set(map(str, range(1, stream.counts.taken + 1)))
        assert {first.from_object_id, *stream.unread} == taken
        with pytest.raises(HubAssocError, match="left"):
            async for _ in stream:
                pass


@on_virtual_time
async def test_a_spent_day_stops_the_read_and_delivers_what_it_has() -> None:
    """Every outcome first, then the error, which has the ids that remain."""
    portal = portal_of(0, limits=Limits(associations_daily=3, daily=3))
    async with client_of(portal) as client:
        stream = client.stream_read("contacts", "companies", range(1, 10_001))
        done = set()
        with pytest.raises(DailyQuotaSpent) as caught:
            async with stream as outcomes:
                async for outcome in outcomes:
                    done.add(outcome.from_object_id)
        assert len(done) == 3_000
        assert not done & set(caught.value.unread)
        assert len(done) + len(caught.value.unread) == stream.counts.taken
        with pytest.raises(DailyQuotaSpent) as again:
            await client.read("contacts", "companies", range(1, 2_001))
        assert len(again.value.unread) == 2_000
        assert again.value.status == 429


@pytest.mark.parametrize(("kind", "named"), [("unauthorized", "401"), ("forbidden", "403")])
@on_virtual_time
async def test_a_refused_token_stops_the_read(kind: str, named: str) -> None:
    """At once, without repeating it."""
    portal = portal_of(3)
    portal.fail(kind)
    async with client_of(portal) as client:
        with pytest.raises(AuthError, match=named):
            await client.read("contacts", "companies", [1, 2, 3])
        assert client.counters.requests == 1


@on_virtual_time
async def test_a_429_pauses_everyone() -> None:
    """No request of the client starts during the pause, whoever met the 429."""
    portal = portal_of(0)
    portal.fail(Fault("rate_limited", retry_after=7), nth=2)
    async with client_of(portal, concurrency=1) as client:
        await asyncio.gather(
            *(client.read("contacts", "companies", range(n, n + 10)) for n in range(1, 100, 10))
        )
        assert client.counters.rate_limited == 1
    times = [asked.time for asked in portal.requests]
    assert times[2] - times[1] >= 7
    assert len(times) == 11


@on_virtual_time
async def test_429s_without_end_stop_the_read_with_what_remains() -> None:
    """Not a failure an id: the ids are all right."""
    portal = portal_of(0)
    portal.fail("rate_limited")
    async with client_of(portal) as client:
        with pytest.raises(RateLimited) as caught:
            await client.read("contacts", "companies", range(1, 2_001))
    assert len(caught.value.unread) == 2_000


@on_virtual_time
async def test_an_outage_is_outlived_without_a_storm() -> None:
    """Two minutes of 503: nothing fails, and repeats stay within the budget."""
    portal = portal_of(0)
    loop = asyncio.get_running_loop()
    started = loop.time()
    portal.fail("unavailable", when=lambda asked: 5 < asked.time - started < 125)
    async with client_of(portal, concurrency=8) as client:
        result = await client.read("contacts", "companies", range(1, 100_001))
        assert len(result) == 100_000
        assert client.counters.retries < 200


@on_virtual_time
async def test_an_outage_that_does_not_end_stops_the_read() -> None:
    """With the ids that remain, not with a failure for each."""
    portal = portal_of(0)
    started = asyncio.get_running_loop().time()
    portal.fail("unavailable", when=lambda asked: asked.time - started > 5)
    async with client_of(portal) as client:
        with pytest.raises(ServerError, match="503") as caught:
            await client.read("contacts", "companies", range(1, 200_001))
        assert client.counters.requests < 1_500
    assert caught.value.result is not None
    assert not caught.value.result.failures
    assert len(caught.value.result) + len(caught.value.unread) <= 200_000


@on_virtual_time
async def test_a_client_that_was_idle_does_not_take_its_silence_for_an_outage() -> None:
    """An hour without a question is no hour without an answer: a bad id fails alone."""
    portal = portal_of(3)
    portal.fail("server_error", when=lambda asked: b'"id":"2"' in (asked.body or b""))
    async with client_of(portal) as client:
        await client.read("contacts", "companies", [1])
        await asyncio.sleep(3600)
        result = await client.read("contacts", "companies", [1, 2, 3])
    assert list(result.failures) == ["2"]
    assert len(result) == 2


@on_virtual_time
async def test_no_connection_stops_the_read() -> None:
    """After every attempt; nothing was sent."""
    transport = MemoryTransport(portal_of(1))
    transport.refuse_connections = True
    async with AssociationsClient(transport=transport) as client:
        with pytest.raises(ConnectError) as caught:
            await client.read("contacts", "companies", [1, 2])
    assert caught.value.unread == ("1", "2")


@on_virtual_time
async def test_one_poisonous_input_does_not_cost_its_batch() -> None:
    """Whatever makes its request fail: it fails alone, with the reason."""
    for kind, category in (
        ("bad_request", "VALIDATION_ERROR"),
        ("server_error", "INTERNAL_ERROR"),
        ("reset_after", "TRANSPORT_ERROR"),
        ("canceled", "PROTOCOL_ERROR"),
    ):
        portal = portal_of(64)
        portal.fail(kind, when=lambda asked: b'"id":"33"' in (asked.body or b""))
        async with client_of(portal) as client:
            result = await client.read("contacts", "companies", range(1, 65))
            assert client.counters.halvings >= 5
        assert list(result.failures) == ["33"]
        assert result.failures["33"].category == category
        assert len(result) == 63


@on_virtual_time
async def test_closing_the_client_ends_its_reads_with_an_error() -> None:
    """Nobody waits for ever, and nothing looks complete."""
    client = client_of(portal_of(10))
    reading = asyncio.create_task(client.read("contacts", "companies", range(1, 11)))
    await asyncio.sleep(0.05)
    assert "1 reads under way" in repr(client)
    await client.aclose()
    with pytest.raises(HubAssocError, match="closed") as caught:
        await reading
    assert len(caught.value.unread) == 10


@on_virtual_time
async def test_a_stream_closed_before_its_first_step_ends() -> None:
    """Whoever waits for its outcomes is told, and it counts as running no more."""
    client = client_of(portal_of(3))
    stream = client.stream_read("contacts", "companies", [1, 2, 3])

    async def consume() -> None:
        async with stream:
            async for _ in stream:
                pass

    consuming = asyncio.create_task(consume())
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(HubAssocError):
        await consuming
    assert not stream.running


@on_virtual_time
async def test_what_an_iterable_gave_before_its_error_is_not_lost() -> None:
    """Every id it gave is out or in ``unread``."""
    given = []

    def broken() -> Iterator[int]:
        for one in range(1, 1_501):
            given.append(str(one))
            yield one
        raise OSError("disk on fire")

    async with client_of(portal_of(0)) as client:
        stream = client.stream_read("contacts", "companies", broken())
        out = []
        with pytest.raises(OSError, match="on fire"):
            async with stream:
                async for batch in stream.batches():
                    out += [outcome.from_object_id for outcome in batch]
    assert sorted([*out, *stream.unread]) == sorted(given)


@on_virtual_time
async def test_batches_that_time_out_are_halved_however_slow_the_server() -> None:
    """They are taken neither for an outage nor for a reason to send one at a time."""

    def too_large(asked: Asked) -> bool:
        return asked.count > 500

    portal = portal_of(0)
    portal.fail(Fault("slow", delay=100), when=too_large)
    async with client_of(portal) as client:
        result = await client.read("contacts", "companies", range(1, 20_001))
    assert len(result) == 20_000


@on_virtual_time
async def test_a_token_function_that_fails_stops_the_read_by_a_name() -> None:
    """As the token's error, with what was read and what was not."""

    async def broken() -> str:
        raise RuntimeError("vault is sealed")

    client = AssociationsClient(broken)
    with pytest.raises(AuthError, match="RuntimeError") as caught:
        await client.read("contacts", "companies", [1])
    assert caught.value.unread == ("1",)
    with pytest.raises(UsageError, match="token"):
        AssociationsClient(123)  # type: ignore[arg-type]


@on_virtual_time
async def test_an_error_of_the_callers_iterable_comes_through() -> None:
    """As it is, not wrapped, and with nothing left running."""

    def broken() -> Iterator[int]:
        yield from range(1, 1_500)
        raise OSError("disk on fire")

    async with client_of(portal_of(0)) as client:
        with pytest.raises(OSError, match="on fire"):
            await client.read("contacts", "companies", broken())

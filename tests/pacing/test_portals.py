"""Many portals in one process: none costs another anything, and few are open at once."""

import asyncio
import contextlib
import gc
import tracemalloc

import pytest

from hubassoc_async import AssociationsClient, ConnectError, PortalPool, Quota, UsageError
from hubassoc_async.emulator import Limits, MemoryTransport, Portal
from hubassoc_async.protocol.retry import RetryPolicy
from tests.virtual_time import on_virtual_time


class World:
    """A transport a portal, and what was made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.transports: dict[str, MemoryTransport] = {}

    def make(self, name: str) -> AssociationsClient:
        self.made.append(name)
        limits = Limits(associations=5 if name == "small" else 1_000)
        transport = MemoryTransport(Portal(limits=limits), latency=0.05)
        transport.refuse_connections = name == "down"
        self.transports[name] = transport
        return AssociationsClient(
            transport=transport,
            quota=Quota(5 if name == "small" else 1_000, 10),
            retry=RetryPolicy(attempts=3, total=20),
        )


@on_virtual_time
async def test_a_portal_at_its_limit_or_down_costs_the_others_nothing() -> None:
    """Its reads wait or fail; the others' are as fast as if it were not there."""
    loop, world = asyncio.get_running_loop(), World()

    async def read(pool: PortalPool, name: str, ids: int) -> float:
        started = loop.time()
        async with pool.client(name) as client:
            await client.read("contacts", "companies", range(1, ids))
        return loop.time() - started

    async with PortalPool(world.make) as pool:
        alone = await read(pool, "before", 10_000)
        small = asyncio.create_task(read(pool, "small", 30_000))
        down = asyncio.create_task(read(pool, "down", 1_000))
        await asyncio.sleep(5)
        beside = await read(pool, "beside", 10_000)
        assert beside == pytest.approx(alone, abs=0.01)
        with pytest.raises(ConnectError):
            await down
        assert await small > 40
        clients = pool.clients
        assert clients["small"].counters.requests >= 30
        assert clients["beside"].counters.requests == clients["before"].counters.requests
        assert clients["beside"].counters.retries == 0


@on_virtual_time
async def test_a_thousand_portals_hold_no_more_than_the_open_ones() -> None:
    """Clients and connections are bounded, and so is memory: the unused longest are closed."""
    world = World()

    async def visit(pool: PortalPool, first: int, last: int) -> None:
        for number in range(first, last):
            async with pool.client(str(number)) as client:
                await client.read("contacts", "companies", [1])
            del world.transports[str(number)]

    async with PortalPool(world.make, most_open=20) as pool:
        kept = world.transports  # those of the last few are looked at below
        tracemalloc.start()
        await visit(pool, 0, 100)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await visit(pool, 100, 1_000)
        await asyncio.sleep(1)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert len(pool) == 20
        assert len(kept) == 0
        assert grown < 300_000  # a client takes some 30 kB: not one of 900 is kept
        assert len(world.made) == 1_000


@on_virtual_time
async def test_a_thousand_portals_at_once_leave_no_more_tasks_than_are_under_way() -> None:
    """Ten of them hang: the others end as they would alone, and what is open stays bounded."""
    loop, world = asyncio.get_running_loop(), World()
    room = asyncio.Semaphore(40)
    took: list[float] = []
    most_open = most_tasks = 0

    async def visit(pool: PortalPool, number: int) -> None:
        nonlocal most_open, most_tasks
        async with room, pool.client(str(number)) as client:
            if number < 10:
                world.transports[str(number)].refuse_connections = True
            started = loop.time()
            with contextlib.suppress(ConnectError):
                await client.read("contacts", "companies", [1])
                took.append(loop.time() - started)
            open_now = sum(not one.closed for one in world.transports.values())
            most_open = max(most_open, open_now)
            most_tasks = max(most_tasks, len(asyncio.all_tasks()))

    async with PortalPool(world.make, most_open=20) as pool:
        await asyncio.gather(*(visit(pool, number) for number in range(1_000)))
        await asyncio.sleep(1)
        assert len(pool) == 20
    assert len(took) == 990
    assert max(took) == pytest.approx(min(took), abs=0.01)
    assert most_open <= 40 + 40  # those in use, and those being closed
    assert most_tasks <= 1_000 + 1 + 5 * 40  # the visits that wait here are the test's own


@on_virtual_time
async def test_a_client_in_use_is_not_closed_and_one_closed_is_made_anew() -> None:
    """However many others come meanwhile."""
    world = World()
    async with PortalPool(world.make, most_open=2) as pool:
        async with pool.client("a") as first:
            for other in "bcdef":
                async with pool.client(other):
                    pass
            async with pool.client("a") as again:
                assert again is first
            await first.read("contacts", "companies", [1])
        for other in "gh":
            async with pool.client(other):
                pass
        async with pool.client("a") as new:
            assert new is not first
        assert len(pool) == 2
        assert "2 clients open, 0 in use" in repr(pool)
    assert all(transport.closed for transport in world.transports.values())
    with pytest.raises(UsageError, match="closed"):
        async with pool.client("a"):
            pass
    with pytest.raises(UsageError, match="at least one"):
        PortalPool(world.make, most_open=0)

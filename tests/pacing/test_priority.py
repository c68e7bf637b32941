"""Interactive writes and single calls overtake the bulk writes that wait, which keep a tenth."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from hubassoc_async import AssociationsClient, Quota, WriteResult
from hubassoc_async.emulator import MemoryTransport, Portal
from hubassoc_async.pacing import Priority
from hubassoc_async.protocol.message import Request, Response
from tests.virtual_time import on_virtual_time

ENDS = "contacts", "companies"
TRIP = 0.1
MINE = 7_777_777
"""The id by which a test knows its own request."""

Work = Callable[[AssociationsClient, Priority], Awaitable[object]]
WORK: dict[str, Work] = {
    "create": lambda client, how: client.create(*ENDS, [(MINE, 1, "primary")], priority=how),
    "create_default": lambda client, how: client.create_default(*ENDS, [(MINE, 1)], priority=how),
    "archive": lambda client, how: client.archive(*ENDS, [(MINE, 1)], priority=how),
    "archive_labels": lambda client, how: client.archive_labels(
        *ENDS, [(MINE, 1, "primary")], priority=how
    ),
    "read": lambda client, how: client.read(*ENDS, [MINE], priority=how),
}


class Noting(MemoryTransport):
    """Notes what it sends."""

    def __init__(self) -> None:
        super().__init__(Portal(), latency=TRIP)
        self.sent: list[str] = []

    async def send(self, request: Request) -> Response:
        self.sent.append(f"{request.path} {(request.body or b'').decode()}")
        return await super().send(request)

    def place(self, since: int) -> int:
        """The place of the test's own request in what was sent."""
        mine = (n for n, sent in enumerate(self.sent[since:], 1) if re.search(rf"\b{MINE}\b", sent))
        return next(mine)


async def queue_up(client: AssociationsClient) -> list[asyncio.Task[WriteResult]]:
    """Make bulk writes wait until the quota is used up to the last request."""
    bulk = [
        asyncio.create_task(client.archive(*ENDS, [(n, 1) for n in range(1, 15_001)]))
        for _ in range(4)
    ]
    await client.labels.types(*ENDS)
    await asyncio.sleep(2.5)
    return bulk


async def stop(tasks: "list[asyncio.Task[WriteResult]]") -> None:
    """Cancel what is left."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("name", WORK)
@on_virtual_time
async def test_interactive_work_overtakes_queued_bulk_writes_within_one_request(name: str) -> None:
    """Its request is the next that is sent; as bulk it waits for those before it."""
    transport = Noting()
    async with AssociationsClient(transport=transport, quota=Quota(10, 1)) as client:
        bulk = await queue_up(client)
        lanes: tuple[Priority, ...] = ("interactive", "bulk")
        for priority in lanes:
            before = len(transport.sent)
            await WORK[name](client, priority)
            place = transport.place(before)
            assert place == 1 if priority == "interactive" else place > 4
        await stop(bulk)


@on_virtual_time
async def test_streams_take_a_priority_and_bulk_writes_keep_a_tenth_of_the_turns() -> None:
    """Interactive writes without end get nine turns of ten while bulk waits."""
    transport = Noting()
    async with AssociationsClient(transport=transport, quota=Quota(10, 1)) as client:
        bulk = await queue_up(client)
        pairs = ((MINE + n, 1) for n in range(100_000))

        async def without_end() -> None:
            async with client.stream_archive(*ENDS, pairs, priority="interactive") as outcomes:
                async for _ in outcomes:
                    pass

        flood = asyncio.create_task(without_end())
        await asyncio.sleep(2)
        before = len(transport.sent)
        await asyncio.sleep(20)
        sent = transport.sent[before:]
        interactive = sum(bool(re.search(r'"7[78]\d{5}"', one)) for one in sent)
        flood.cancel()
        await asyncio.wait([flood])
        await stop(bulk)
    assert len(sent) >= 170
    assert 0.87 <= interactive / len(sent) <= 0.93


@on_virtual_time
async def test_a_single_call_does_not_wait_for_bulk_work() -> None:
    """Whoever has one pair, or looks for a label, waits for one turn."""
    loop = asyncio.get_running_loop()
    async with AssociationsClient(transport=Noting(), quota=Quota(10, 1)) as client:
        bulk = await queue_up(client)
        for _ in range(3):
            started = loop.time()
            await client.labels.types(*ENDS, refresh=True)  # two requests
            assert loop.time() - started <= 2 * (TRIP + 0.2)
        await stop(bulk)

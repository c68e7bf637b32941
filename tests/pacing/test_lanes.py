"""Who goes first, and what waiting costs."""

import asyncio
import contextlib
import gc
import sys
from collections import Counter
from time import process_time

import pytest

from hubassoc_async import ApiError, AssociationsClient, Quota
from hubassoc_async.emulator import MemoryTransport, Portal
from hubassoc_async.pacing import Pacer, Places, Priority
from hubassoc_async.protocol.message import Request, Response
from tests.virtual_time import on_virtual_time, run_virtual


@on_virtual_time
async def test_interactive_goes_before_bulk_that_waits_and_bulk_keeps_a_tenth() -> None:
    """Nine interactive turns to one of bulk, while both wait."""
    pacer = Pacer(Quota(10, 1), asyncio.get_running_loop(), mode="strict")
    order: list[Priority] = []

    async def one(priority: Priority) -> None:
        turn = await pacer.acquire(priority)
        order.append(priority)
        turn.give_back()

    waiting = [one("bulk") for _ in range(200)] + [one("interactive") for _ in range(90)]
    await asyncio.gather(*waiting)
    assert Counter(order[:100]) == {"interactive": 90, "bulk": 10}
    assert "interactive" not in order[100:]
    await pacer.aclose()


class Noting(MemoryTransport):
    """Notes the bodies it sends."""

    def __init__(self) -> None:
        super().__init__(Portal(), latency=0.1)
        self.sent: list[bytes] = []

    async def send(self, request: Request) -> Response:
        self.sent.append(request.body or b"")
        return await super().send(request)


@on_virtual_time
async def test_an_interactive_read_overtakes_bulk_within_one_request_time() -> None:
    """Its request is the next that is sent, with forty bulk reads waiting before it."""
    transport = Noting()
    async with AssociationsClient(transport=transport, quota=Quota(100, 10)) as client:
        bulk = [
            asyncio.create_task(client.read("contacts", "companies", range(1, 20_000)))
            for _ in range(40)
        ]
        await asyncio.sleep(30)  # the quota is used up to the last request
        lanes: tuple[tuple[Priority, int], ...] = (("interactive", 1), ("bulk", 20))
        for priority, first in lanes:
            before = len(transport.sent)
            await client.read("contacts", "companies", [77_777], priority=priority)
            bodies = transport.sent[before:]
            place = next(n for n, body in enumerate(bodies, 1) if b"77777" in body)
            assert place == 1 if priority == "interactive" else place >= first
        for task in bulk:
            task.cancel()
        await asyncio.gather(*bulk, return_exceptions=True)


@on_virtual_time
async def test_a_place_handed_to_a_task_being_cancelled_is_not_lost() -> None:
    """The next who waits has it."""
    places = Places(1)
    await places.acquire("bulk")
    first, second = (asyncio.create_task(places.acquire("bulk")) for _ in range(2))
    await asyncio.sleep(0)
    places.release()
    first.cancel()
    await second
    assert first.cancelled() or (await asyncio.wait([first]), first.cancelled())[1]


def grants(waiting: int, grants: int) -> float:
    """CPU seconds of so many grants while so many more wait."""

    async def main() -> float:
        pacer = Pacer(Quota(1_000, 10), asyncio.get_running_loop(), mode="strict")
        done = asyncio.Event()
        given = 0

        async def one() -> None:
            nonlocal given
            turn = await pacer.acquire()
            turn.release(answered=True)
            given += 1
            if given == grants:
                done.set()

        tasks = [asyncio.create_task(one()) for _ in range(waiting)]
        await asyncio.sleep(0)  # all of them wait now, and making them is not counted
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        started = process_time()
        await done.wait()
        took = process_time() - started
        gc.enable()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pacer.aclose()
        return took

    return run_virtual(main())


@pytest.mark.slow
def test_a_hundred_thousand_who_wait_cost_no_more_a_grant_than_two_thousand() -> None:
    """A grant costs the same however many wait; and takes no longer with 100,000."""
    few = min(grants(2_000, 1_500) for _ in range(3))
    many = grants(100_000, 1_500)
    sys.stdout.write(f"{few / 1_500:.6f} s a grant with 2,000, {many / 1_500:.6f} s with 100,000\n")
    assert many < 2 * few


@on_virtual_time
async def test_nothing_runs_while_nobody_waits_and_one_wakes_up_once_a_grant() -> None:
    """No polling: as many wake-ups as turns and slots that come free, and none when idle."""
    loop = asyncio.get_running_loop()
    wakings = 0

    class Counting:
        def time(self) -> float:
            return loop.time()

        def call_at(self, when: float, callback: object, /) -> asyncio.TimerHandle:
            nonlocal wakings
            wakings += 1
            return loop.call_at(when, callback)  # type: ignore[arg-type]

    pacer = Pacer(Quota(10, 10), Counting(), mode="strict")
    for _ in range(30):
        (await pacer.acquire()).release(answered=True)
    assert wakings <= 30
    await asyncio.sleep(100)
    assert wakings <= 30
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await pacer.aclose()


async def test_each_operation_draws_on_its_own_bucket() -> None:
    """Batches on the associations bucket, one record's list on the general one."""
    transport = MemoryTransport(Portal())
    async with AssociationsClient(transport=transport, quota="professional") as client:
        await client.read("contacts", "companies", [1])
        with contextlib.suppress(ApiError):  # there is no such record
            await client.one.list("contacts", 1, "companies")
        sender = client._sender
        assert sender is not None
        used = {bucket: pacer.quota for bucket, pacer in sender.pacers._made.items()}
    assert used == {"associations": Quota(150, 10), "general": Quota(190, 10)}

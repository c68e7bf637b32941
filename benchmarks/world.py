"""HubSpot's limits on virtual time: the emulator's portal, and the ways people read from it.

Answers take HubSpot's own time (the emulator's latency model) and 20 to 100 ms each way. Pages are
short, so that a million ids take seconds: four associations where HubSpot has 500, and the 0.3 % of
records that have four pages have 14 where they would have 1,700. What is asked, and when, is the
same.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from math import ceil
from typing import Any, NamedTuple

import msgspec
from aiolimiter import AsyncLimiter

from benchmarks.pages import batches, fewest_requests
from benchmarks.typed import Page
from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import Limits, Portal, Unknowns, build_portal
from hubassoc_async.emulator.build import FIRST_ID
from hubassoc_async.emulator.memory import MemoryTransport
from hubassoc_async.emulator.virtual import run_virtual
from hubassoc_async.errors import TransportError
from hubassoc_async.model import ObjectAssociations
from hubassoc_async.pacing import Mode, Quota
from hubassoc_async.protocol.message import Request, Response

SECONDS = 10.0
"""The window that limits count in."""
PAGE_SIZE = 4
HEAVY, PAGES = 0.003, 4
"""Share of records that have more than one page, and how many they have."""
ATTEMPTS = 10
"""Of a plain client, before it gives a request up."""
SDK_SECONDS_AN_ID = 1.1e-4
"""CPU of hubspot-api-client for an id of typical pages, as measured beside the others; its threads
take turns at it, for they share one interpreter."""
FAULTS = (
    *("server_error", "bad_gateway", "unavailable", "gateway_timeout"),
    *("reset_before", "reset_during", "truncated", "canceled"),
)
Input = dict[str, str]


class Outcome(NamedTuple):
    """What reading a portal came to."""

    done: int
    """Ids that came out whole."""
    seconds: float
    requests: int
    rejected: int
    """429s that were the limit's doing."""
    used: float
    """Requests let through, over the most that the limit lets through in this time."""
    fewest: int
    """Requests that no client can do without."""


def least_seconds(requests: int, limit: int) -> float:
    """Time that requests take at the least, were answers instantaneous."""
    return (requests - 1) // limit * SECONDS


def simulate(way: str, ids: int, limit: int, failing: float) -> Outcome:
    """Read a portal in one way, with a share of requests failing; all on virtual time."""
    portal = build_portal(
        contacts=ids,
        companies=1_000,
        associations=1.0,
        lonely=0.1,
        heavy=HEAVY,
        heavy_size=PAGE_SIZE * (PAGES - 1) + 2,
        limits=Limits(associations=limit),
        unknowns=Unknowns(page_size=PAGE_SIZE),
        latency="hubspot",
        log_limit=100 * ids,
        log_bodies=False,
    )
    for kind in FAULTS if failing else ():
        portal.fail(kind, probability=failing / len(FAULTS))
    transport = MemoryTransport(portal, latency=lambda chance: chance.uniform(0.02, 0.1))
    first = FIRST_ID["contact"]
    wanted = [str(number) for number in range(first, first + ids)]

    async def main() -> tuple[int, float]:
        done = await WAYS[way](transport, wanted, limit)
        return done, asyncio.get_running_loop().time()

    done, seconds = run_virtual(main())
    return _judge(portal, wanted, done, seconds, limit)


def _judge(portal: Portal, wanted: list[str], done: int, seconds: float, limit: int) -> Outcome:
    asked = portal.requests
    rejected = sum(1 for one in asked if one.status == 429)
    windows = int(asked[-1].time // SECONDS) + 1
    used = (len(asked) - rejected) / (windows * limit)
    row = portal.graph.relation("contact", "company").rows()
    sizes = (len(found[0]) if (found := row(int(one))) else 0 for one in wanted)
    fewest = fewest_requests([max(1, ceil(size / PAGE_SIZE)) for size in sizes])
    return Outcome(done, seconds, len(asked), rejected, used, fewest)


# -- ways to read: a transport, ids and the limit in, how many ids came out whole out --------------


def _ours(pacing: Mode) -> Callable[[Any, list[str], int], Awaitable[int]]:
    async def read(transport: MemoryTransport, ids: list[str], limit: int) -> int:
        done = 0
        quota = Quota(limit, SECONDS)
        async with (
            AssociationsClient(transport=transport, quota=quota, pacing=pacing) as client,
            client.stream_read("contacts", "companies", ids) as outcomes,
        ):
            async for batch in outcomes.batches():
                done += sum(1 for one in batch if isinstance(one, ObjectAssociations))
        return done

    return read


class _Plain:
    """A client as people write one: a request for each batch, and for each cursor, with retries."""

    def __init__(self, transport: MemoryTransport, wait: Callable[[int], float]) -> None:
        self.done = 0
        self.place: Any = nullcontext()
        """Held from a request's first attempt to its last."""
        self.gate: Any = nullcontext()
        """Passed by each attempt."""
        self._transport = transport
        self._wait = wait
        self._decode = msgspec.json.Decoder(Page).decode

    async def read(self, inputs: list[Input]) -> None:
        """Read a batch, then follow each of its cursors."""
        page = await self._ask(inputs)
        again = [
            {"id": result.from_.id, "after": result.paging.next.after}
            for result in page.results
            if result.paging is not None and result.paging.next is not None
        ]
        nothing = sum(len(error.context["fromObjectId"]) for error in page.errors)
        self.done += len(page.results) - len(again) + nothing
        await asyncio.gather(*(self.read([one]) for one in again))

    async def _ask(self, inputs: list[Input]) -> Page:
        body = msgspec.json.encode({"inputs": inputs})
        path = "/crm/associations/2026-03/contacts/companies/batch/read"
        async with self.place:
            for attempt in range(ATTEMPTS):
                async with self.gate:
                    response = await self._transport.send(Request("POST", path, body=body))
                if response.status != 429:
                    await self.work(len(inputs))
                    return self._page(response)
                await asyncio.sleep(self._wait(attempt))
        raise TransportError("given up: too many 429s")

    def _page(self, response: Response) -> Page:
        if response.status not in (200, 207):
            raise TransportError(f"status {response.status}")
        return self._decode(response.body)

    async def work(self, ids: int) -> None:
        """Take the time that the client's own work takes."""

    async def read_all(self, ids: list[str]) -> int:
        """Read all ids at once, as far as the gate lets them; what fails is left out."""
        cut = batches(ids)
        inputs = ([{"id": object_id} for object_id in batch] for batch in cut)
        await asyncio.gather(*map(self.read, inputs), return_exceptions=True)
        return self.done


def _backoff() -> Callable[[int], float]:
    chance = random.Random(11)
    return lambda attempt: chance.uniform(0.5, 1.0) * min(60.0, 2.0**attempt)


async def _semaphore(transport: MemoryTransport, ids: list[str], _limit: int) -> int:
    plain = _Plain(transport, _backoff())
    plain.place = asyncio.Semaphore(10)
    return await plain.read_all(ids)


async def _limiter(transport: MemoryTransport, ids: list[str], limit: int) -> int:
    plain = _Plain(transport, _backoff())
    plain.gate = AsyncLimiter(limit, SECONDS)
    return await plain.read_all(ids)


class _Threads(_Plain):
    """The SDK's pattern: threads, one interpreter for all, and urllib3's ``Retry``.

    That is ``Retry(total=5, backoff_factor=1, status_forcelist=(429,), allowed_methods=None)``:
    without the last, as in the SDK's own example, no POST is asked again.
    """

    def __init__(self, transport: MemoryTransport) -> None:
        super().__init__(transport, lambda attempt: 0.0 if attempt == 0 else 2.0**attempt)
        self.place = asyncio.Semaphore(8)
        self._interpreter = asyncio.Lock()

    async def work(self, ids: int) -> None:
        """Decode, one thread at a time."""
        async with self._interpreter:
            await asyncio.sleep(ids * SDK_SECONDS_AN_ID)


async def _sdk(transport: MemoryTransport, ids: list[str], _limit: int) -> int:
    return await _Threads(transport).read_all(ids)


OURS, SEMAPHORE = "ours, strict", "semaphore(10) and gather"
WAYS: dict[str, Callable[[Any, list[str], int], Awaitable[int]]] = {
    OURS: _ours("strict"),
    "ours, adaptive": _ours("adaptive"),
    SEMAPHORE: _semaphore,
    "AsyncLimiter(limit, 10)": _limiter,
    "hubspot-api-client's pattern, 8 threads": _sdk,
}

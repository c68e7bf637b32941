"""Writing, side by side: what every peer spends to create the same labelled links.

Each runs in a process of its own against the same responder, in turns, after a warm-up, and ends
with what was answered by pair.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median
from typing import Any

import aiohttp
import msgspec

from benchmarks.child import Child, Cost, cost_of
from benchmarks.measure import Result, Size, Table, spread
from benchmarks.pages import LABEL, TYPE_ID
from benchmarks.responder import responding
from benchmarks.rivals import CONCURRENCY, HEADERS
from hubassoc_async import AssociationsClient, Quota, Written

BATCH = 2000
LINKS = 40_000
PATH = "/crm/associations/2026-03/contacts/companies/batch/create"
Pair = tuple[str, str]


def pairs_of(count: int) -> list[Pair]:
    """Give the pairs that are linked."""
    return [(str(34_000_000_000 + n), str(17_000_000_000 + n % 5_000)) for n in range(count)]


class _Result(msgspec.Struct, rename="camel", gc=False):
    from_object_id: str | int
    to_object_id: str | int
    labels: list[str]


class _Page(msgspec.Struct, gc=False):
    status: str
    results: list[_Result]


async def bare(url: str, pairs: list[Pair]) -> int:
    """aiohttp and msgspec with typed structs, labels in a dict by pair: the floor of our stack."""
    found: dict[Pair, list[str]] = {}
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(_Page).decode
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": TYPE_ID}]
    batches = iter([pairs[at : at + BATCH] for at in range(0, len(pairs), BATCH)])

    async def worker() -> None:
        for batch in batches:
            inputs = [{"from": {"id": a}, "to": {"id": b}, "types": types} for a, b in batch]
            async with session.post(url + PATH, data=encode({"inputs": inputs})) as answer:
                page = decode(await answer.read())
            for one in page.results:
                found[str(one.from_object_id), str(one.to_object_id)] = one.labels

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return len(found)


def _client(url: str) -> AssociationsClient:
    quota = Quota(1_000_000, 10)
    return AssociationsClient("benchmark", base_url=url, concurrency=CONCURRENCY, quota=quota)


async def ours_create(url: str, pairs: list[Pair]) -> int:
    """Ours, ``create``: labels by name, links checked and united, outcomes by pair."""
    async with _client(url) as client:
        links = ((a, b, LABEL) for a, b in pairs)
        result = await client.create("contacts", "companies", links)
    assert not result.failures
    return len(result)


async def ours_stream(url: str, pairs: list[Pair]) -> int:
    """Ours, ``stream_create`` in lists: repeats known, nothing else kept."""
    done = 0
    async with _client(url) as client:
        links = ((a, b, LABEL) for a, b in pairs)
        async with client.stream_create("contacts", "companies", links) as outcomes:
            async for batch in outcomes.batches():
                done += sum(1 for one in batch if isinstance(one, Written))
    return done


def sdk(url: str, pairs: list[Pair]) -> int:
    """HubSpot's own hubspot-api-client, its calls in threads, as its users do."""
    from hubspot import HubSpot
    from hubspot.crm.associations.v4 import BatchInputPublicAssociationMultiPost

    api = HubSpot(access_token="benchmark", host=url).crm.associations.v4.batch_api
    found: dict[Pair, Any] = {}
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": TYPE_ID}]

    def ask(batch: list[Pair]) -> Any:
        inputs = [{"from": {"id": a}, "to": {"id": b}, "types": types} for a, b in batch]
        return api.create(
            "contacts",
            "companies",
            batch_input_public_association_multi_post=(
                BatchInputPublicAssociationMultiPost(inputs=inputs)
            ),
        )

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        batches = [pairs[at : at + BATCH] for at in range(0, len(pairs), BATCH)]
        for page in threads.map(ask, batches):
            for one in page.results:
                found[str(one.from_object_id), str(one.to_object_id)] = one.labels
    return len(found)


FLOOR, SDK = "bare msgspec loop", "hubspot-api-client"
Peer = Callable[[str, list[Pair]], Awaitable[int] | int]
PEERS: dict[str, Peer] = {
    FLOOR: bare,
    "ours: create": ours_create,
    "ours: stream_create": ours_stream,
    SDK: sdk,
}


def measure(name: str, url: str, links: int) -> Cost:
    """Run one round of a peer in this process."""
    pairs = pairs_of(links)

    def once() -> int:
        outcome = PEERS[name](url, pairs)
        return outcome if isinstance(outcome, int) else asyncio.run(_await(outcome))

    count, cost = cost_of(once)
    assert count == links, f"{name} has {count} of {links} links"
    return cost


async def _await(outcome: Awaitable[int]) -> int:
    return await outcome


def run(size: Size) -> Iterator[Result]:
    """Run the comparison."""
    links = max(BATCH, round(LINKS * size.ids))
    costs: dict[str, list[Cost]] = {name: [] for name in PEERS}
    with responding() as responder, ExitStack() as stack:
        children = {name: stack.enter_context(Child(__name__)) for name in PEERS}
        for name in PEERS:
            children[name].call("measure", name, responder.plain, BATCH)
        for repeat in range(size.repeats):
            for name in PEERS if repeat % 2 == 0 else reversed(PEERS):
                cost = children[name].call("measure", name, responder.plain, links)
                costs[name].append(Cost(*cost))
    rows = []
    for name, past in costs.items():
        a_link = median(cost.cpu for cost in past) / links
        floors = [cost.cpu / floor.cpu for cost, floor in zip(past, costs[FLOOR], strict=True)]
        times = [sdk.cpu / cost.cpu for cost, sdk in zip(past, costs[SDK], strict=True)]
        seconds = median(cost.wall for cost in past)
        figures = f"{links / seconds:,.0f}", f"{a_link * 1e6:,.2f}"
        rows.append((name, *figures, spread(floors), spread(times, 1)))
    yield Table(
        f"Creating {links:,} labelled links, {BATCH:,} a request, {CONCURRENCY} requests at once",
        ("peer", "links/s", "CPU s / million links", "CPU / floor's", "SDK's CPU / its"),
        rows,
        f"The floor is the {FLOOR}: it checks nothing, unites nothing and attributes no error.",
    )

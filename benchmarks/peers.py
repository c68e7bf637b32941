"""What people would use instead, each as one function: a shape's ids in, answers by id out.

``python -m benchmarks.peers PEER URL SHAPE ROUNDS`` runs one in its own process, with one round to
warm up, and prints what it cost as JSON. Every peer asks for the same ids, in batches of 1,000, as
many at once, follows every cursor, and ends with the answers in a dict by id where it decodes them.
"""

import asyncio
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import aiohttp
import msgspec

from benchmarks.pages import CURSORS, SHAPES, Shape, batches
from benchmarks.typed import Page
from hubassoc_async.client import AssociationsClient
from hubassoc_async.model import ObjectAssociations
from hubassoc_async.pacing import Quota

CONCURRENCY = 8
HEADERS = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
Input = dict[str, str]


class Cost(NamedTuple):
    """What one run of a peer cost, without its imports and warm-up."""

    cpu: float
    wall: float
    ids: int
    associations: int
    peak_bytes: int


def path_of(shape: Shape) -> str:
    return f"/crm/associations/2026-03/contacts/{shape.to_object_type}/batch/read"


async def drive(ids: list[str], ask: Callable[[list[Input]], Awaitable[list[Input]]]) -> None:
    """Read all ids with CONCURRENCY workers; ``ask`` sends a batch and gives the cursors back.

    Cursors wait until no fresh batch is left and then share batches: the plain way to do it well.
    """
    fresh = deque([{"id": object_id} for object_id in batch] for batch in batches(ids))
    again: list[Input] = []

    async def worker() -> None:
        while fresh or again:
            if fresh:
                inputs = fresh.popleft()
            else:
                inputs = again[:1000]
                del again[:1000]
            again.extend(await ask(inputs))

    while fresh or again:
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


async def bare(url: str, shape: Shape, ids: list[str]) -> int:
    """aiohttp and msgspec with typed structs, results in a dict by id: the floor of our stack."""
    found: dict[str, list[Any]] = {}
    decode = msgspec.json.Decoder(Page).decode
    encode = msgspec.json.Encoder().encode
    address = url + path_of(shape)

    async def ask(inputs: list[Input]) -> list[Input]:
        async with session.post(address, data=encode({"inputs": inputs})) as answer:
            page = decode(await answer.read())
        again = []
        for result in page.results:
            object_id = result.from_.id
            if object_id in found:
                found[object_id].extend(result.to)
            else:
                found[object_id] = result.to
            if result.paging is not None and result.paging.next is not None:
                again.append({"id": object_id, "after": result.paging.next.after})
        for error in page.errors:
            for object_id in error.context["fromObjectId"]:
                found[object_id] = []
        return again

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await drive(ids, ask)
    assert len(found) == len(ids)
    return sum(map(len, found.values()))


async def aiohttp_json(url: str, shape: Shape, ids: list[str]) -> int:
    """aiohttp and the standard library's json, results in a dict by id."""
    found: dict[str, list[Any]] = {}
    address = url + path_of(shape)

    async def ask(inputs: list[Input]) -> list[Input]:
        async with session.post(address, json={"inputs": inputs}) as answer:
            page = await answer.json()
        again = []
        for result in page["results"]:
            object_id = result["from"]["id"]
            found.setdefault(object_id, []).extend(result["to"])
            if after := result.get("paging", {}).get("next", {}).get("after"):
                again.append({"id": object_id, "after": after})
        for error in page.get("errors", ()):
            for object_id in error["context"]["fromObjectId"]:
                found[object_id] = []
        return again

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await drive(ids, ask)
    assert len(found) == len(ids)
    return sum(map(len, found.values()))


async def raw(url: str, shape: Shape, ids: list[str]) -> int:
    """aiohttp alone: bodies are received and thrown away, cursors are known. aiohttp's floor."""
    encode = msgspec.json.Encoder().encode
    address = url + path_of(shape)
    following = dict(zip(["", *CURSORS], CURSORS, strict=False)) if shape.pages > 1 else {}

    async def ask(inputs: list[Input]) -> list[Input]:
        async with session.post(address, data=encode({"inputs": inputs})) as answer:
            await answer.read()
        return [
            {"id": each["id"], "after": following[each.get("after", "")]}
            for each in inputs
            if each.get("after", "") in following
        ]

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await drive(ids, ask)
    return -1


def sdk(url: str, shape: Shape, ids: list[str]) -> int:
    """HubSpot's own hubspot-api-client, its calls in threads, as its users do."""
    from hubspot import HubSpot
    from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest

    api = HubSpot(access_token="benchmark", host=url).crm.associations.v4.batch_api
    found: dict[str, list[Any]] = {}

    def ask(inputs: list[Input]) -> list[Input]:
        page: Any = api.get_page(
            "contacts",
            shape.to_object_type,
            batch_input_public_fetch_associations_batch_request=(
                BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs)
            ),
        )
        again = []
        for result in page.results:
            object_id = result._from.id  # noqa: SLF001 - the SDK calls the field so
            found.setdefault(object_id, []).extend(result.to)
            if result.paging is not None and result.paging.next is not None:
                again.append({"id": object_id, "after": result.paging.next.after})
        for error in getattr(page, "errors", None) or ():
            for object_id in error.context["fromObjectId"]:
                found[object_id] = []
        return again

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        waiting = [[{"id": object_id} for object_id in batch] for batch in batches(ids)]
        while waiting:
            again = [each for cursors in threads.map(ask, waiting) for each in cursors]
            waiting = [again[start : start + 1000] for start in range(0, len(again), 1000)]
    assert len(found) == len(ids)
    return sum(map(len, found.values()))


def client_at(url: str) -> AssociationsClient:
    """Make our client with its defaults but for the quota, which is never reached."""
    return AssociationsClient(
        "benchmark", base_url=url, concurrency=CONCURRENCY, quota=Quota(1_000_000, 10)
    )


async def ours_read(url: str, shape: Shape, ids: list[str]) -> int:
    """Ours, ``read``: everything in memory, by id."""
    async with client_at(url) as client:
        result = await client.read("contacts", shape.to_object_type, ids)
    assert len(result) == len(ids)
    assert not result.failures
    return sum(map(len, result.values()))


async def ours_stream(url: str, shape: Shape, ids: list[str]) -> int:
    """Ours, ``stream_read``: outcomes one by one, nothing kept."""
    seen = associations = 0
    async with (
        client_at(url) as client,
        client.stream_read("contacts", shape.to_object_type, ids) as outcomes,
    ):
        async for outcome in outcomes:
            assert isinstance(outcome, ObjectAssociations)
            seen += 1
            associations += len(outcome.to)
    assert seen == len(ids)
    return associations


async def ours_batches(url: str, shape: Shape, ids: list[str]) -> int:
    """Ours, ``stream_read`` in lists, as a bulk job takes them: nothing kept."""
    seen = associations = 0
    async with (
        client_at(url) as client,
        client.stream_read("contacts", shape.to_object_type, ids) as outcomes,
    ):
        async for batch in outcomes.batches():
            seen += len(batch)
            for outcome in batch:
                assert isinstance(outcome, ObjectAssociations)
                associations += len(outcome.to)
    assert seen == len(ids)
    return associations


FLOOR = "bare msgspec loop"
Peer = Callable[[str, Shape, list[str]], Awaitable[int] | int]
PEERS: dict[str, Peer] = {
    FLOOR: bare,
    "ours: read": ours_read,
    "ours: stream_read": ours_stream,
    "ours: batches()": ours_batches,
    "raw reads": raw,
    "aiohttp + json": aiohttp_json,
    "hubspot-api-client": sdk,
}


def run(peer: Peer, url: str, shape: Shape) -> int:
    """Run one round of a peer and give the number of associations it got."""
    ids = shape.id_list()
    outcome = peer(url, shape, ids)
    return outcome if isinstance(outcome, int) else asyncio.run(_await(outcome))


async def _await(outcome: Awaitable[int]) -> int:
    return await outcome


def measure(peer: Peer, url: str, shape: Shape, rounds: int) -> Cost:
    """Run a peer, one round to warm up and then ``rounds``, and give what those cost."""
    run(peer, url, shape)
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    associations = sum(run(peer, url, shape) for _ in range(rounds))
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(cpu, wall, shape.ids * rounds, associations, after.ru_maxrss * 1024)


def main(arguments: Iterable[str]) -> None:
    """Measure the peer that the command line names."""
    name, url, shape, rounds = arguments
    json.dump(measure(PEERS[name], url, SHAPES[shape], int(rounds)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])

"""links per CPU second of writing, side by side: ``python -m benchmarks.create``.

Every peer creates the same labelled links, 2,000 a request and eight requests at once, in a process
of its own against the same responder, in turns, and ends with what was answered by pair. CPU is
the client's own (user and system), after a warm-up round. ``--links`` says how many.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

import aiohttp
import msgspec

from benchmarks.measure import Table, machine, spread
from benchmarks.peers import CONCURRENCY, HEADERS
from hubassoc_async import AssociationsClient, Quota, Written

BATCH = 2000
LINKS = 40_000
ROUNDS = 3
"""Rounds of the links a measurement; one for the SDK."""
REPEATS = 5
LABEL, TYPE_ID = "Decision maker", 28
PATH = "/crm/associations/2026-03/contacts/companies/batch/create"
DEFINITIONS = {
    "results": [
        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
        {"category": "USER_DEFINED", "typeId": TYPE_ID, "label": LABEL},
    ]
}
Pair = tuple[str, str]


def pairs_of(count: int) -> list[Pair]:
    """Give the pairs that are linked."""
    return [(str(34_000_000_000 + n), str(17_000_000_000 + n % 5_000)) for n in range(count)]


# -- the responder: every body is made once and then looked up -----------------------------------


class _Responder(asyncio.Protocol):
    kept: dict[bytes, bytes] = {}  # noqa: RUF012  shared by all connections

    def __init__(self) -> None:
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            asked = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            body = self.kept.get(asked)
            if body is None:
                body = self.kept[asked] = _answer(asked)
            self._transport.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json;charset=utf-8\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )


def _answer(asked: bytes) -> bytes:
    if not asked:
        return json.dumps(DEFINITIONS).encode()
    results = [
        {
            "fromObjectTypeId": "0-1",
            "fromObjectId": int(one["from"]["id"]),
            "toObjectTypeId": "0-2",
            "toObjectId": int(one["to"]["id"]),
            "labels": [LABEL],
        }
        for one in reversed(json.loads(asked)["inputs"])
    ]
    moment = "2026-11-21T10:00:00.000Z"
    answer = {"status": "COMPLETE", "results": results, "startedAt": moment, "completedAt": moment}
    return json.dumps(answer, separators=(",", ":")).encode()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Responder, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def responding() -> Iterator[str]:
    """Run the responder in another process; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.create", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(timeout=10)


# -- the peers ------------------------------------------------------------------------------------


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


class Cost(NamedTuple):
    """What one run of a peer cost, without its imports and warm-up."""

    cpu: float
    wall: float
    links: int


def measure(name: str, url: str, links: int, rounds: int) -> Cost:
    """Run a peer in this process."""
    pairs = pairs_of(links)

    def once() -> None:
        outcome = PEERS[name](url, pairs)
        count = outcome if isinstance(outcome, int) else asyncio.run(_await(outcome))
        assert count == links, f"{name} has {count} of {links} links"

    once()
    cpu, wall = _cpu(), time.perf_counter()
    for _ in range(rounds):
        once()
    return Cost(_cpu() - cpu, time.perf_counter() - wall, links * rounds)


async def _await(outcome: Awaitable[int]) -> int:
    return await outcome


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_peer(name: str, url: str, links: int) -> Cost:
    """Measure a peer in its own process."""
    rounds = 1 if name == SDK else ROUNDS
    numbers = ("--links", str(links), "--rounds", str(rounds))
    command = [sys.executable, "-m", "benchmarks.create", "--peer", name, "--url", url, *numbers]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Cost(*json.loads(done.stdout))


def tables(repeats: int = REPEATS, links: int = LINKS) -> Iterator[Table]:
    """Run the comparison."""
    costs: dict[str, list[Cost]] = {name: [] for name in PEERS}
    with responding() as url:
        for _ in range(repeats):
            for name, past in costs.items():
                past.append(run_peer(name, url, links))
    rows = []
    for name, past in costs.items():
        a_link = median(cost.cpu / cost.links for cost in past)
        floors = [(c.cpu / c.links) / (f.cpu / f.links) for c, f in _beside(past, costs[FLOOR])]
        times = [(s.cpu / s.links) / (c.cpu / c.links) for c, s in _beside(past, costs[SDK])]
        figures = f"{1 / a_link:,.0f}", f"{a_link * 1e6:,.1f}", spread(floors), spread(times, 1)
        rows.append((name, *figures))
    yield Table(
        f"Create: {links:,} labelled links, {BATCH:,} a request, {CONCURRENCY} requests at once",
        ("peer", "links / CPU s", "CPU µs / link", "CPU / floor's", "SDK's CPU / its"),
        rows,
        f"The floor is the {FLOOR}: it checks nothing, unites nothing and attributes no error.",
    )


def _beside(one: list[Cost], other: list[Cost]) -> Iterator[tuple[Cost, Cost]]:
    return zip(one, other, strict=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--links", type=int, default=LINKS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve())
    elif options.peer:
        print(json.dumps(measure(options.peer, options.url, options.links, options.rounds)))
    else:
        print(machine(), end="\n\n")
        for table in tables(options.repeats, options.links):
            print(table.text(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

"""Packing: requests over the fewest possible.

The whole client reads portals of known page counts over a transport without sockets, on virtual
time with the latency of a network, so a run of minutes takes seconds and gives the same figures
each time. What is possible ``pages.fewest_requests`` says.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from math import ceil
from typing import NamedTuple

import msgspec

from benchmarks.measure import Aim, Result, Size, Table
from benchmarks.pages import BATCH, PAGE_SIZE, fewest_requests
from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator.virtual import run_virtual
from hubassoc_async.model import ObjectAssociations
from hubassoc_async.pacing import Quota
from hubassoc_async.protocol.message import Request, Response


class Case(NamedTuple):
    """A portal: how many ids, and the number of associations of each."""

    name: str
    ids: int
    associations: Callable[[int, random.Random], int]


def _rare(share: float, many: int) -> Callable[[int, random.Random], int]:
    return lambda _number, chance: many if chance.random() < share else 1 + chance.randrange(6)


CASES = (
    Case("100,000 ids, 0.3 % with 1,700", 100_000, _rare(0.003, 1_700)),
    Case("10,000 ids, 0.3 % with 1,700", 10_000, _rare(0.003, 1_700)),
    Case("100,000 ids, 5 % with 1,700", 100_000, _rare(0.05, 1_700)),
    Case("100,000 ids, one page each", 100_000, lambda *_: 3),
    Case("50,000 ids, one giant of 50,000", 50_000, lambda n, _: 50_000 if n == 0 else 3),
    Case("3,000 ids, all with 5,000", 3_000, lambda *_: 5_000),
)


class _Input(msgspec.Struct, gc=False):
    id: str
    after: str | None = None


class _Inputs(msgspec.Struct, gc=False):
    inputs: list[_Input]


_decode = msgspec.json.Decoder(_Inputs).decode
_TYPES = b'"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":279,"label":null}]}'


class PagedPortal:
    """Answers batch reads: every page has one association, and only their number is true."""

    def __init__(self, case: Case, latency: Callable[[], float]) -> None:
        chance = random.Random(3)
        self.pages = [
            max(1, ceil(case.associations(number, chance) / PAGE_SIZE))
            for number in range(case.ids)
        ]
        self.requests = 0
        self._latency = latency

    @property
    def fewest(self) -> int:
        """Requests that no client can do without."""
        return fewest_requests(self.pages)

    async def send(self, request: Request) -> Response:
        """Answer after a while."""
        assert request.body is not None
        self.requests += 1
        await asyncio.sleep(self._latency())
        results = b",".join(map(self._result, _decode(request.body).inputs))
        return Response(200, {}, b'{"status":"COMPLETE","results":[' + results + b"]}")

    async def aclose(self) -> None:
        """Nothing is open."""

    def _result(self, asked: _Input) -> bytes:
        page = int(asked.after or 0) + 1
        last = page >= self.pages[int(asked.id) - 1]
        paging = b"" if last else b',"paging":{"next":{"after":"%d"}}' % page
        to = b'[{"toObjectId":%d,' % page + _TYPES + b"]"
        return b'{"from":{"id":"' + asked.id.encode() + b'"},"to":' + to + paging + b"}"


class Run(NamedTuple):
    """One reading of a case."""

    requests: int
    fewest: int
    seconds: float
    """Virtual ones."""


def read(case: Case, latency_seconds: tuple[float, float], linger: float) -> Run:
    """Read a portal with our client on virtual time."""
    chance = random.Random(5)
    portal = PagedPortal(case, lambda: sum(chance.uniform(*latency_seconds) for _ in range(2)))

    async def main() -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        ids = map(str, range(1, case.ids + 1))
        async with (
            AssociationsClient(transport=portal, quota=Quota(100, 10), linger=linger) as client,
            client.stream_read("contacts", "companies", ids) as outcomes,
        ):
            seen = 0
            async for batch in outcomes.batches():
                for outcome in batch:
                    assert isinstance(outcome, ObjectAssociations)
                    assert len(outcome.to) == portal.pages[int(outcome.from_object_id) - 1]
                seen += len(batch)
        assert seen == case.ids
        return loop.time() - started

    seconds = run_virtual(main())
    return Run(portal.requests, portal.fewest, seconds)


def naive(case: Case) -> int:
    """Count the requests of a client that sends a request of its own for every cursor."""
    pages = PagedPortal(case, lambda: 0.0).pages
    return ceil(case.ids / BATCH) + sum(pages) - case.ids


def run(size: Size) -> Iterator[Result]:
    """Read every case, eagerly and with the default wait for fuller batches."""
    rows = []
    for case in CASES:
        if case.ids > size.largest:
            continue
        for linger in (0.0, 1.0):
            done = read(case, (0.02, 0.4), linger)
            rows.append(
                (
                    case.name,
                    f"{linger:g}",
                    f"{done.requests:,}",
                    f"{done.fewest:,}",
                    f"{done.requests / done.fewest:.3f}",
                    f"{naive(case):,}",
                    f"{done.seconds:.1f}",
                )
            )
            if case is CASES[0] and linger:
                yield Aim(
                    f"requests over the fewest, {case.name}", 1.02, done.requests / done.fewest
                )
    yield Table(
        f"Packing: batches of {BATCH:,}, pages of {PAGE_SIZE}, 100 requests per 10 s,"
        " 40 to 800 ms round trips",
        ("portal", "linger s", "requests", "fewest", "ratio", "one a cursor", "virtual s"),
        rows,
    )

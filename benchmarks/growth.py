"""Growth: CPU and memory an id, from a thousand ids to ten million.

Pages of 3.3 associations an id come from memory, not from a socket, so that ten million take
minutes; the CPU of putting them together is measured and left out. Each read is a process.
"""

import asyncio
import time
from collections.abc import Iterator, Sized
from itertools import islice
from statistics import median

import msgspec

from benchmarks.child import call_apart, cost_of, peak_bytes, resident_bytes
from benchmarks.measure import Aim, Lines, Result, Size, Table, spread
from benchmarks.pages import BATCH, FIRST_ID, SHAPES, renderer
from benchmarks.typed import Page
from hubassoc_async.client import AssociationsClient
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.wire import encode_read

READ, STREAM = "read, all in memory", "stream_read, distinct, lists"
BARE = "a bare loop of msgspec structs, in a dict"
"""What memory does to a program that keeps as much: caches miss, and all is searched for cycles."""
BARE_MOST = 1_000_000
"""More than so many ids take it gigabytes."""
BASE = 10_000
"""Ids whose CPU others are set beside: fewer do not fill the batches that go at once."""
LEAST = 50_000
"""Ids of a measurement: a shorter read is made again and again."""


class _Pages:
    """A transport that answers at once, and knows what that took."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self._decode = msgspec.json.Decoder(dict[str, list[dict[str, str]]]).decode
        self._render = renderer(SHAPES["typical"])

    async def send(self, request: Request) -> Response:
        """Answer."""
        started = time.process_time()
        assert request.body is not None
        body = self._render([(one["id"], None) for one in self._decode(request.body)["inputs"]])
        self.cpu += time.process_time() - started
        await asyncio.sleep(0)
        return Response(200, {}, body)

    async def aclose(self) -> None:
        """Nothing is open."""


async def _bare(wanted: Iterator[str], pages: _Pages) -> Sized:
    found = {}
    decode = msgspec.json.Decoder(Page).decode
    while chunk := [*islice(wanted, BATCH)]:
        answer = await pages.send(Request("POST", "/", body=encode_read(dict.fromkeys(chunk))))
        for result in decode(answer.body).results:
            found[result.from_.id] = result.to
    return found


async def _read(kind: str, ids: int, pages: _Pages) -> None:
    wanted = map(str, range(FIRST_ID, FIRST_ID + ids))
    if kind == BARE:
        assert len(await _bare(wanted, pages)) == ids
        return
    async with AssociationsClient(transport=pages, quota=None) as client:
        if kind == READ:
            assert len(await client.read("contacts", "companies", wanted)) == ids
            return
        done = 0
        async with client.stream_read("contacts", "companies", wanted, distinct=True) as outcomes:
            async for batch in outcomes.batches():
                done += len(batch)
        assert done == ids


def grow(kind: str, ids: int) -> tuple[float, int]:
    """Read so many ids in this process: CPU seconds and bytes of growth, an id."""
    asyncio.run(_read(kind, 1_000, _Pages()))  # what is made once is made
    before = resident_bytes()
    pages = _Pages()
    times = max(1, LEAST // ids)

    def work() -> None:
        for _ in range(times):
            asyncio.run(_read(kind, ids, pages))

    _, cost = cost_of(work)
    return (cost.cpu - pages.cpu) / (ids * times), peak_bytes() - before


def run(size: Size) -> Iterator[Result]:
    """Read ten times as many again and again."""
    steps = [ids for ids in (10**power for power in range(3, 8)) if ids <= size.most]
    past: dict[tuple[str, int], list[tuple[float, int]]] = {}
    for repeat in range(min(size.repeats, 3)):
        for ids in steps:
            for kind in (READ, STREAM, BARE)[: 3 if ids <= BARE_MOST else 2]:
                if repeat == 0 or ids * repeat <= 1_000_000:  # the longest are read less often
                    past.setdefault((kind, ids), []).append(call_apart(grow, kind, ids))
    rows = []
    cpu: dict[str, list[tuple[float, float]]] = {READ: [], STREAM: [], BARE: []}
    memory: dict[str, list[tuple[float, float]]] = {READ: [], STREAM: [], BARE: []}
    for (kind, ids), found in past.items():
        spent = [seconds * 1e6 for seconds, _ in found]
        grown = median(size for _, size in found)
        cpu[kind].append((ids, median(spent)))
        memory[kind].append((ids, grown / ids))
        rows.append(
            (
                f"{kind}: {ids:,}",
                spread(spent),
                f"{grown / 2**20:,.0f}",
                f"{grown / ids:,.0f}",
            )
        )
    rows.sort(key=lambda row: row[0].partition(":")[0])
    yield Table(
        "Growth: reads of typical pages from memory",
        ("how, ids", "CPU µs / id", "peak MiB over the start", "peak bytes / id"),
        rows,
        "The start is after a read of 1,000 ids, so what is made once is not counted. What is kept"
        " costs more the more there is: look-ups miss the caches, fresh memory is to be had, and"
        " the garbage collector goes over it. The bare loop shows how much, with nothing of ours.",
    )
    for kind, points in cpu.items():
        by_ids = dict(points)
        last = max(by_ids)
        over = by_ids[last] / by_ids.get(BASE, points[0][1])
        if kind != BARE:
            yield Aim(f"CPU an id at {last:,} ids over that at {BASE:,}, {kind}", 1.1, over)
    yield Lines("growth-cpu", "CPU an id as reads grow", "ids", "µs an id", cpu)
    yield Lines("growth-memory", "Peak memory an id as reads grow", "ids", "bytes an id", memory)

"""Sync: CPU an edge and memory of planning and diffing, from a thousand edges to ten million.

Answers come from memory, not from a socket; the CPU of putting them together is measured and left
out. One desired edge in a hundred is another one than is there. Each run is a process.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.child import call_apart, cost_of, peak_bytes
from benchmarks.measure import Aim, Lines, Result, Size, Table
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs import diff, plan_sync
from hubassoc_async.model import Association, AssociationType, ObjectAssociations
from hubassoc_async.protocol.message import Request, Response

FIRST, COMPANY, EACH = 10_000_001, 20_000_000_001, 4
"""The first record, the first company, and how many companies a record has."""
PLAIN = AssociationType("HUBSPOT_DEFINED", 279)
BILLING = AssociationType("USER_DEFINED", 28, "Billing")
KINDS = ((PLAIN,), (BILLING, PLAIN))
MOST_MIB = 300
LINEAR = 1.3
"""CPU an edge of ten times as many, at the most."""
_WIRE = [
    [{"category": one.category, "typeId": one.type_id, "label": one.label} for one in kinds]
    for kinds in KINDS
]
_LABELS = msgspec.json.encode({"results": [*_WIRE[1]]})


class _Portal:
    """A transport that answers at once, and knows what that took."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self._decode = msgspec.json.Decoder(dict[str, list[dict[str, str]]]).decode

    async def send(self, request: Request) -> Response:
        """Answer a read, or say which labels there are."""
        if request.method == "GET":
            return Response(
                200, {}, _LABELS if "contacts/companies" in request.path else b'{"results":[]}'
            )
        started = time.process_time()
        assert request.body is not None
        results = [
            {
                "from": {"id": one["id"]},
                "to": [
                    {"toObjectId": to, "associationTypes": _WIRE[to % 2]}
                    for to in _companies(int(one["id"]))
                ],
            }
            for one in self._decode(request.body)["inputs"]
        ]
        body = msgspec.json.encode({"status": "COMPLETE", "results": results})
        self.cpu += time.process_time() - started
        await asyncio.sleep(0)
        return Response(200, {}, body)

    async def aclose(self) -> None:
        """Nothing is open."""


def _companies(record: int) -> range:
    start = COMPANY + record * 7
    return range(start, start + EACH)


def _desired(records: int) -> Iterator[tuple[int, int, tuple[AssociationType, ...]]]:
    for record in range(FIRST, FIRST + records):
        for to in _companies(record):
            other = (record + to) % 100 == 0
            yield record, to + EACH if other else to, KINDS[to % 2]


def plan(edges: int) -> tuple[float, int]:
    """Plan so many edges in this process: CPU seconds an edge, and its most bytes."""
    portal = _Portal()

    async def work() -> None:
        async with AssociationsClient(transport=portal, quota=None) as client:
            desired = _desired(edges // EACH)
            with TemporaryDirectory() as folder:
                path = Path(folder) / "plan"
                with await plan_sync(client, "contacts", "companies", desired, path=path) as made:
                    assert made.info.there == edges // EACH * EACH
                    assert 0 < made.counts(client.api_version).archive < edges / 50

    _, cost = cost_of(lambda: asyncio.run(work()))
    return (cost.cpu - portal.cpu) / edges, peak_bytes()


def compare(edges: int) -> tuple[float, int]:
    """Diff two exports of so many edges: CPU seconds an edge of both, and the most bytes."""
    with TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("old.ndjson", "new.ndjson")]
        for number, name in enumerate(names):
            _export(name, edges // EACH, changed=bool(number))

        def work() -> int:
            with diff(*names) as changes:
                return sum(1 for _ in changes)

        found, cost = cost_of(work)
    assert 0 < found < edges / 25
    return cost.cpu / edges, peak_bytes()


def _export(path: Path, records: int, *, changed: bool) -> None:
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for record in range(FIRST, FIRST + records):
            to = tuple(
                Association(
                    str(one + EACH * (changed and (record + one) % 100 == 0)), KINDS[one % 2]
                )
                for one in _companies(record)
            )
            file.write(encode(ObjectAssociations(str(record), to)) + b"\n")


def run(size: Size) -> Iterator[Result]:
    """Ten times as many, again and again."""
    steps = [edges for edges in (10**power for power in range(3, 8)) if edges <= size.most]
    points: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}
    rows = []
    for name, work in (("plan a sync", plan), ("diff two exports", compare)):
        for edges in steps:
            cpu, most = call_apart(work, edges)
            points.setdefault(name, []).append((edges, cpu * 1e6))
            memory.setdefault(name, []).append((edges, most / 2**20))
            rows.append((name, f"{edges:,}", f"{cpu * 1e6:.1f} µs", f"{most / 2**20:,.0f} MiB"))
        yield Aim(f"{name}: MiB of {steps[-1]:,} edges", MOST_MIB, memory[name][-1][1])
        if len(steps) > 2:
            ratio = points[name][-1][1] / points[name][-2][1]
            yield Aim(f"{name}: CPU an edge, {steps[-1]:,} over {steps[-2]:,}", LINEAR, ratio)
    yield Table("Sync and diff", ("what", "edges", "CPU an edge", "memory"), rows)
    yield Lines("sync-cpu", "CPU an edge", "edges", "µs", points)
    yield Lines("sync-memory", "Memory", "edges", "MiB", memory)

"""The one table of peers, and what a process of its own does with one of them."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from benchmarks import ours, rivals
from benchmarks.child import cost_of, peak_bytes, resident_bytes
from benchmarks.ours import Counted
from benchmarks.pages import SHAPES, Shape

Way = Callable[[str, Shape, list[str]], Awaitable[Any] | Any]

FLOOR, RAW, SDK, JSON = "bare msgspec loop", "raw reads", "hubspot-api-client", "aiohttp + json"
READ, BATCHES = "ours: read", "ours: stream_read, lists"

PEERS: dict[str, Way] = {
    FLOOR: rivals.bare,
    READ: ours.read,
    "ours: stream_read": ours.stream,
    BATCHES: ours.batches,
    "ours: read to NDJSON": ours.command_read,
    "ours: export to NDJSON": ours.export_ndjson,
    "ours: export to Parquet": ours.export_parquet,
    RAW: rivals.raw,
    JSON: rivals.aiohttp_json,
    "httpx + json": rivals.httpx_json,
    "httpx + pydantic": rivals.httpx_pydantic,
    SDK: rivals.sdk,
}
"""By name."""

UVLOOP = " (uvloop)"
"""What is added to the name of a peer that runs on uvloop."""


def on_uvloop() -> list[str]:
    """Name the peers that can run on uvloop: none where it is not installed, as on Windows."""
    if not find_spec("uvloop"):
        return []
    return [name + UVLOOP for name, way in PEERS.items() if iscoroutinefunction(way)]


class Round(NamedTuple):
    """What one round of a peer took, and what it got."""

    cpu: float
    wall: float
    ids: int
    associations: int


class Memory(NamedTuple):
    """What one round of a peer had in memory, in bytes."""

    peak: int
    """More than before, at the most."""
    held: int
    """By all that was found, while it is held."""
    associations: int


def run(name: str, url: str, shape: Shape, ids: list[str]) -> Any:
    """Run one round of a peer and give what it holds or has counted."""
    outcome = PEERS[name.removesuffix(UVLOOP)](url, shape, ids)
    if not isinstance(outcome, Awaitable):
        return outcome
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if name.endswith(UVLOOP):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_await(outcome))


async def _await(outcome: Awaitable[Any]) -> Any:
    return await outcome


def counted(name: str, outcome: Any, ids: int) -> int:
    """Count the associations that a peer got. Every peer that decodes must have every id."""
    if name.removesuffix(UVLOOP) == RAW:
        return 0
    got = outcome
    if not isinstance(got, Counted):
        got = Counted(len(outcome), sum(map(len, outcome.values())))
    assert got.ids == ids, f"{name} has {got.ids} of {ids} ids"
    return got.associations


def measure(name: str, url: str, shape_name: str, share: float) -> Round:
    """Run one round of a peer in this process."""
    shape = SHAPES[shape_name]
    ids = shape.id_list(share)
    outcome, cost = cost_of(lambda: run(name, url, shape, ids))
    return Round(*cost, len(ids), counted(name, outcome, len(ids)))


def memory(name: str, url: str, shape_name: str, share: float) -> Memory:
    """Run one round of a peer in this process, which must be fresh, for its memory.

    The peak is the process's own growth; what is held is what tracemalloc counts, in another
    round, since freed memory that a process keeps would be in the way.
    """
    shape = SHAPES[shape_name]
    ids = shape.id_list(share)
    run(name, url, shape, ids[:100])
    gc.collect()
    before = resident_bytes()
    run(name, url, shape, ids)
    peak = peak_bytes() - before
    tracemalloc.start()
    outcome = run(name, url, shape, ids)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    return Memory(peak, held, counted(name, outcome, len(ids)))

"""Lag: the longest time that reading keeps everybody else on the event loop waiting.

A task that sleeps a millisecond again and again is the probe: the CPU that the process, all its
threads, spends between two of its turns is how long the loop was held up, on a machine that has
nothing else to do. On a busy one the time by the clock is longer, and says little.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks.child import Child
from benchmarks.measure import Aim, Bars, Result, Size, Table, spread
from benchmarks.pages import SHAPES
from benchmarks.peers import BATCHES, FLOOR, JSON, PEERS, READ
from benchmarks.responder import Responder, responding

PROBED = (FLOOR, READ, BATCHES, JSON)
LARGE = ("giant", "dense", "full")
"""Shapes of page: 0.3, 12 and 60 MB."""
MILLISECOND = 0.001


def lag(name: str, url: str, shape_name: str, share: float) -> float:
    """Read in this process; the longest CPU seconds between two turns of the probe."""
    shape = SHAPES[shape_name]
    return asyncio.run(_probed(name, url, shape_name, shape.id_list(share)))


async def _probed(name: str, url: str, shape_name: str, ids: list[str]) -> float:
    longest = 0.0

    async def probe() -> None:
        nonlocal longest
        while True:
            before = time.process_time()
            await asyncio.sleep(MILLISECOND)
            longest = max(longest, time.process_time() - before)

    async with asyncio.TaskGroup() as tasks:
        probing = tasks.create_task(probe())
        outcome = PEERS[name](url, SHAPES[shape_name], ids)
        assert not isinstance(outcome, int)
        await outcome
        probing.cancel()
    return longest


def run(size: Size) -> Iterator[Result]:
    """Probe every way at every shape of large pages."""
    rows, bars = [], {}
    with responding() as responder, ExitStack() as stack:
        children = {name: stack.enter_context(Child(__name__)) for name in PROBED}
        for name, child in children.items():
            child.call("lag", name, responder.plain, "typical", size.ids)  # a warm-up
        for shape_name in LARGE if size.ids == 1 else LARGE[:1]:
            for encoding, url in zip(Responder._fields, responder, strict=True):
                past: dict[str, list[float]] = {name: [] for name in PROBED}
                for _ in range(min(size.repeats, 3)):
                    for name, child in children.items():
                        longest = child.call("lag", name, url, shape_name, size.ids)
                        past[name].append(longest * 1e3)
                rows.append(
                    (f"{shape_name}, {encoding}", *(spread(past[name], 1) for name in PROBED))
                )
                for name in (READ, BATCHES):
                    where = f"{name.removeprefix('ours: ')}, {shape_name}, {encoding}"
                    yield Aim(f"ms the loop was held up: {where}", 20, median(past[name]))
                bars[encoding] = {name: median(past[name]) for name in PROBED}
    yield Table("Longest hold-up of the event loop, ms of CPU", ("pages", *PROBED), rows)
    title = f"Longest hold-up of the event loop, {shape_name} pages"
    yield Bars("lag", title, "ms", bars["plain"])

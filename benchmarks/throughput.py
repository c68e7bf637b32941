"""Reading, side by side: what every peer spends, at every shape of page.

Every peer runs in a process of its own against the same responder, for the same ids, in turns, so
that a machine that slows down slows all of them alike. Every other repeat goes in the opposite
order. The first round of each, of a few ids, is a warm-up and does not count.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks.child import Child, call_apart
from benchmarks.measure import Aim, Bars, Result, Size, Table, spread
from benchmarks.pages import SHAPES, Shape
from benchmarks.peers import (
    BATCHES,
    FLOOR,
    JSON,
    PEERS,
    RAW,
    READ,
    SDK,
    UVLOOP,
    Memory,
    Round,
    memory,
    on_uvloop,
)
from benchmarks.responder import Responder, responding

SDK_EVERY = 3
"""Repeats of the others for one of the SDK, which takes twenty times as long."""
HOLD = 0.25
"""Share of the ids whose memory is measured, which tracemalloc makes slow."""
WARM_UP = 0.02
"""Share of a shape's ids."""
Rounds = dict[str, list[Round]]


def compare(names: list[str], urls: list[str], shape: Shape, size: Size) -> list[Rounds]:
    """Run every peer at every URL in turns; by URL, the rounds of each."""
    repeats = size.repeats if shape.name == "typical" else (size.repeats + 1) // 2
    past: list[Rounds] = [{name: [] for name in names} for _ in urls]
    with ExitStack() as stack:
        children = {name: stack.enter_context(Child("benchmarks.peers")) for name in names}
        for url in urls:
            children[RAW].call("measure", RAW, url, shape.name, size.ids)  # has it all rendered
            for name in names:
                children[name].call("measure", name, url, shape.name, WARM_UP * size.ids)
        for repeat in range(repeats):
            for url, rounds in zip(urls, past, strict=True):
                for name in names if repeat % 2 == 0 else reversed(names):
                    if name != SDK or repeat % SDK_EVERY == 0:
                        cost = children[name].call("measure", name, url, shape.name, size.ids)
                        rounds[name].append(Round(*cost))
    return past


def ratios(above: list[Round], below: list[Round]) -> list[float]:
    """Divide CPU an id by another's, repeat by repeat; the SDK has every third."""
    if len(above) < len(below):
        below = below[::SDK_EVERY]
    elif len(above) > len(below):
        above = above[::SDK_EVERY]
    pairs = zip(above, below, strict=True)
    return [(one.cpu / one.ids) / (other.cpu / other.ids) for one, other in pairs]


def table(title: str, rounds: Rounds) -> Table:
    """Write what every peer spent, beside the floor on its loop, the plain way and the SDK."""
    rows: list[tuple[str, ...]] = []
    for name, past in rounds.items():
        loop = UVLOOP if name.endswith(UVLOOP) else ""
        seconds = median(one.wall for one in past)
        rows.append(
            (
                name,
                f"{past[0].ids / seconds:,.0f}",
                f"{past[0].associations / seconds:,.0f}" if past[0].associations else "",
                f"{median(one.cpu / one.ids for one in past) * 1e6:,.2f}",
                spread(ratios(past, rounds[FLOOR + loop])),
                spread(ratios(rounds[JSON + loop], past)),
                spread(ratios(rounds[SDK], past), 1) if SDK in rounds else "",
            )
        )
    columns = ["peer", "ids/s", "associations/s", "CPU s / million ids", "CPU / floor's"]
    columns += [f"{JSON}'s CPU / its", "SDK's CPU / its"]
    if SDK not in rounds:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(title, columns, rows)


def capacity(responder: Responder, size: Size) -> Table:
    """Say how busy the responder is while the quickest client asks it for all it can."""
    rows = []
    with Child("benchmarks.peers") as child:
        for shape in map(SHAPES.__getitem__, size.shapes):
            for encoding, url in zip(Responder._fields, responder, strict=True):
                child.call("measure", RAW, url, shape.name, size.ids)  # has it all rendered
                before = responder.usage()
                raw = Round(*child.call("measure", RAW, url, shape.name, size.ids))
                after = responder.usage()
                cpu, requests = after.cpu - before.cpu, after.requests - before.requests
                rows.append(
                    (
                        f"{shape.name}, {encoding}",
                        f"{cpu / requests * 1e3:.2f}",
                        f"{raw.ids / cpu:,.0f}",
                        f"{raw.ids / raw.wall:,.0f}",
                        f"{cpu / raw.wall:.0%}",
                        f"{raw.cpu / raw.wall:.0%}",
                    )
                )
    columns = ("pages", "CPU ms / request", "ids/s it can serve", f"ids/s to {RAW}")
    return Table(
        "What the responder can serve",
        (*columns, "its core busy", "the client's core busy"),
        rows,
        f"{RAW} is the quickest client there can be on aiohttp: it looks at nothing."
        " Where the client's core is the busier one, the responder is not the bottleneck.",
    )


def memories(responder: Responder, shape: Shape, size: Size) -> Iterator[Result]:
    """Measure what a read has in memory, each peer in a fresh process."""
    rows, held = [], {}
    for name in PEERS:
        found = Memory(*call_apart(memory, name, responder.plain, shape.name, HOLD * size.ids))
        keeps = name != RAW and found.held > found.associations * 20
        if keeps:
            held[name] = found.held / found.associations
        rows.append(
            (
                name,
                f"{found.peak / 2**20:.0f}",
                f"{found.peak / found.associations:.0f}" if found.associations else "",
                f"{held[name]:.0f}" if keeps else "nothing held",
            )
        )
    yield Table(
        f"Memory, {shape.name} pages: {round(shape.ids * HOLD * size.ids):,} ids",
        ("peer", "peak MiB over the start", "peak bytes / association", "held / association"),
        rows,
        "Peak: how far the process grew, network buffers and bodies on their way included. Held:"
        " allocations that stay while the answers are held, an id's share included.",
    )
    yield Aim(f"bytes an association held by `read`, {shape.name}", 150, held[READ])
    if shape.name == "typical":
        yield Bars("memory", "Memory that an association is held in, typical pages", "bytes", held)


def run(size: Size) -> Iterator[Result]:
    """Run every comparison."""
    with responding() as responder:
        yield capacity(responder, size)
        for shape in map(SHAPES.__getitem__, size.shapes):
            past = compare(list(PEERS), list(responder), shape, size)
            for encoding, rounds in zip(Responder._fields, past, strict=True):
                title = f"Reading {shape.name} pages, {encoding}: {shape.associations:g}"
                yield table(f"{title} associations an id", rounds)
                if shape.name == "typical":
                    yield from _aims(rounds, encoding)
            if shape.name == "typical":
                yield _bars(past[0])
        for name in ("typical", "dense"):
            if name in size.shapes:
                yield from memories(responder, SHAPES[name], size)
        if names := on_uvloop():
            names = [FLOOR, JSON, RAW, BATCHES, *names]
            past = compare(names, [responder.plain], SHAPES["typical"], size)
            title = "Reading typical pages on uvloop, plain: ratios to the floor on the same loop"
            yield table(title, past[0])


def _aims(rounds: Rounds, encoding: str) -> Iterator[Aim]:
    for name in (READ, BATCHES):
        where = f"`{name.removeprefix('ours: ')}`, typical, {encoding}"
        over = {other: ratios(rounds[other], rounds[name]) for other in (JSON, SDK)}
        floor = median(ratios(rounds[name], rounds[FLOOR]))
        yield Aim(f"CPU over the {FLOOR}'s, {where}", 1.0, floor)
        yield Aim(f"CPU of {JSON} over that of {where}", 2.5, median(over[JSON]), at_least=True)
        yield Aim(f"CPU of {SDK} over that of {where}", 25, median(over[SDK]), at_least=True)


def _bars(rounds: Rounds) -> Bars:
    seconds = {
        name: median(one.cpu / one.ids for one in past) * 1e6
        for name, past in rounds.items()
        if past
    }
    return Bars("cpu", "CPU to read a million ids with 3.3 associations each", "s", seconds)

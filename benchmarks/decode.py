"""What decoding one page costs, in CPU and in memory: ``python -m benchmarks.decode``.

Ours is what the client does with a body: from bytes to the outcomes a caller holds. Beside it
``json.loads`` and plain msgspec structs, which leave JSON's own shape to the caller. Memory is what
stays while only the answers are held: allocations as tracemalloc counts them, and the growth of the
process, each in a process of its own.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measure import Table, machine, spread
from benchmarks.pages import SHAPES, Shape, batches, cursor, page_of, renderer
from benchmarks.typed import Page
from hubassoc_async.model import ReadResult
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.problem import Problem
from hubassoc_async.protocol.versions import api_version

Decode = Callable[[list[str], bytes], Any]
REPEATS = 15
FLOOR = "msgspec structs"


def _json(_ids: list[str], body: bytes) -> Any:
    return json.loads(body)["results"]


_decode_typed = msgspec.json.Decoder(Page).decode


def _typed(_ids: list[str], body: bytes) -> Any:
    return _decode_typed(body).results


def _ours(ids: list[str], body: bytes) -> Any:
    exchange = ReadExchange(api_version("2026-03"), "contacts", "companies")
    exchange.feed(ids)
    outcomes = exchange.receive(exchange.next_batch(), Response(200, {}, body))
    assert not isinstance(outcomes, Problem)
    return ReadResult(outcomes)


_skip = msgspec.json.Decoder(msgspec.Raw).decode

DECODERS: dict[str, Decode] = {
    "scan only": lambda _ids, body: _skip(body),
    FLOOR: _typed,
    "ours": _ours,
    "json.loads": _json,
}


def milliseconds(decode: Decode, ids: list[str], body: bytes) -> float:
    """Time one decode, of at least 50 ms worth of them, in CPU milliseconds."""
    count = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < 0.05:
        decode(ids, body)
        count += 1
    return spent / count * 1e3


def speed(shape: Shape, repeats: int) -> Table:
    """Decode one page of a shape by each decoder, in turns."""
    ids = shape.id_list()[:1000]
    body = page_of(shape)
    if shape.pages > 1:  # the last page, which completes its ids for us
        body = renderer(shape)([(each, cursor(shape.pages - 1)) for each in ids])
    past: dict[str, list[float]] = {name: [] for name in DECODERS}
    for _ in range(repeats):
        for name, decode in DECODERS.items():
            past[name].append(milliseconds(decode, ids, body))
    rows = [
        (
            name,
            spread(times, 3),
            spread(mine / floor for mine, floor in zip(times, past[FLOOR], strict=True)),
            spread(theirs / mine for mine, theirs in zip(times, past["json.loads"], strict=True)),
        )
        for name, times in past.items()
    ]
    title = f"Decoding a page, {shape.name}: {len(ids)} ids, {len(body):,} bytes"
    return Table(title, ("decoder", "CPU ms", f"CPU / {FLOOR}", "json.loads' CPU / its"), rows)


def _resident() -> int:
    """Give the bytes this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def hold(name: str, shape: Shape) -> tuple[float, float]:
    """Hold a shape's ids decoded; bytes an association by tracemalloc and by the process."""
    decode, render = DECODERS[name], renderer(shape)
    sets = batches(shape.id_list())
    bodies = [render([(each, None) for each in ids]) for ids in sets]
    total = sum(body.count(b'"toObjectId"') for body in bodies)
    decode(sets[0], bodies[0])
    gc.collect()
    before = _resident()
    held = [decode(ids, body) for ids, body in zip(sets, bodies, strict=True)]
    resident = _resident() - before
    del held
    gc.collect()
    tracemalloc.start()
    held = [decode(ids, body) for ids, body in zip(sets, bodies, strict=True)]
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    assert held
    return traced / total, resident / total


def hold_apart(name: str, shape: Shape) -> tuple[float, float]:
    """Do ``hold`` in a process of its own: what else a process keeps would count."""
    command = [sys.executable, "-m", "benchmarks.decode", "--hold", name, shape.name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    traced, resident = json.loads(done.stdout)
    return traced, resident


def memory() -> Table:
    """Measure what an association takes, by each decoder, in fresh processes."""
    rows = []
    for shape in (SHAPES["typical"], SHAPES["dense"]):
        for name in (FLOOR, "ours", "json.loads"):
            traced, resident = hold_apart(name, shape)
            rows.append((f"{shape.name}, {name}", f"{traced:.0f}", f"{resident:.0f}"))
    return Table(
        "Bytes an association held, its share of its id included",
        ("answers held as", "tracemalloc", "resident"),
        rows,
    )


def tables(repeats: int = REPEATS, shapes: Iterable[str] = SHAPES) -> Iterator[Table]:
    """Run every comparison."""
    for name in shapes:
        yield speed(SHAPES[name], repeats)
    yield memory()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--hold", nargs=2, metavar=("DECODER", "SHAPE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        name, shape = options.hold
        json.dump(hold(name, SHAPES[shape]), sys.stdout)
        return
    print(machine(), end="\n\n")
    for table in tables(options.repeats):
        print(table.text(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

"""ids per CPU second of whole pipelines, side by side: ``python -m benchmarks.throughput``.

Every peer runs in a process of its own against the same responder, for the same ids, in turns, so
that a machine that slows down slows all of them alike. CPU is the client's own (user and system),
after a warm-up round.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from benchmarks.measure import Table, machine, spread
from benchmarks.pages import SHAPES, Shape
from benchmarks.peers import CONCURRENCY, FLOOR, PEERS, Cost
from benchmarks.responder import Responder, responding

SDK = "hubspot-api-client"
ROUNDS = 5
"""Rounds of a shape's ids a measurement; one for the SDK, which takes 20 times as long for each."""
REPEATS = 5


def run_peer(name: str, url: str, shape: Shape) -> Cost:
    """Measure a peer in its own process."""
    rounds = 1 if name == SDK else ROUNDS
    command = [sys.executable, "-m", "benchmarks.peers", name, url, shape.name, str(rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Cost(*json.loads(done.stdout))


def compare(url: str, shape: Shape, repeats: int, title: str, responder: Responder) -> Table:
    """Run every peer ``repeats`` times in turns and set its CPU beside the floor's."""
    costs: dict[str, list[Cost]] = {name: [] for name in PEERS}
    wall = 0.0
    before = responder.usage()
    for _ in range(repeats):
        for name, past in costs.items():
            past.append(run_peer(name, url, shape))
            wall += past[-1].wall
    used = responder.usage()
    served = (used.cpu - before.cpu) / (used.requests - before.requests)
    rows = [_row(name, costs[name], costs) for name in costs]
    return Table(
        title,
        ("peer", "ids / CPU s", "CPU µs / id", "CPU / floor's", "SDK's CPU / its", "peak MiB"),
        rows,
        f"The floor is the {FLOOR}. The responder spent {served * 1e3:.2f} ms of its own CPU a"
        " request.",
    )


def _row(name: str, past: list[Cost], costs: dict[str, list[Cost]]) -> tuple[str, ...]:
    def ratios(above: list[Cost], below: list[Cost]) -> Iterator[float]:
        for one, other in zip(above, below, strict=True):
            yield (one.cpu / one.ids) / (other.cpu / other.ids)

    an_id = median(cost.cpu / cost.ids for cost in past)
    return (
        name,
        f"{1 / an_id:,.0f}",
        f"{an_id * 1e6:,.1f}",
        spread(ratios(past, costs[FLOOR])),
        spread(ratios(costs[SDK], past), 1),
        f"{max(cost.peak_bytes for cost in past) / 2**20:.0f}",
    )


def capacity(responder: Responder) -> Table:
    """Say how much the responder could serve: what its answers cost it with nobody decoding."""
    rows = []
    for shape in SHAPES.values():
        for encoding, url in (("plain", responder.plain), ("gzip", responder.gzip)):
            run_peer("raw reads", url, shape)  # renders, and compresses what is then kept
            before = responder.usage()
            cost = run_peer("raw reads", url, shape)
            used = responder.usage()
            requests = used.requests - before.requests
            cpu = (used.cpu - before.cpu) / requests
            ids = shape.ids * (ROUNDS + 1) / requests
            rows.append(
                (
                    f"{shape.name}, {encoding}",
                    f"{cpu * 1e3:.2f}",
                    f"{ids / cpu:,.0f}",
                    f"{cost.ids / cost.wall:,.0f}",
                )
            )
    return Table(
        "What the responder can serve",
        ("pages", "CPU ms / request", "ids/s of one core", "ids/s to raw reads"),
        rows,
    )


def tables(repeats: int = REPEATS, shapes: tuple[str, ...] = tuple(SHAPES)) -> Iterator[Table]:
    """Run every comparison."""
    with responding() as responder:
        yield capacity(responder)
        for name in shapes:
            shape = SHAPES[name]
            for encoding, url in (("plain", responder.plain), ("gzip", responder.gzip)):
                if encoding == "gzip" and name != "typical":
                    continue
                title = (
                    f"Throughput, {name} pages, {encoding}: {shape.associations:g} associations"
                    f" an id, {CONCURRENCY} requests at once"
                )
                yield compare(url, shape, repeats, title, responder)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--shape", action="append", choices=SHAPES, help="default: all")
    options = parser.parse_args()
    print(machine(), end="\n\n")
    for table in tables(options.repeats, tuple(options.shape or SHAPES)):
        print(table.text(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

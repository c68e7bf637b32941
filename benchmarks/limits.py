"""Under HubSpot's limits: time, requests and 429s, beside the plain ways to do it.

Simulated with the emulator on virtual time: see ``benchmarks/world.py`` for what takes how long.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.child import call_apart
from benchmarks.measure import Aim, Bars, Result, Size, Table
from benchmarks.world import OURS, WAYS, Outcome, least_seconds, simulate


def outcomes(jobs: list[tuple[str, int, int, float]]) -> list[Outcome]:
    """Run simulations side by side: how long they really take is not what they measure."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return [Outcome(*one) for one in threads.map(lambda job: call_apart(simulate, *job), jobs)]


def row(outcome: Outcome, ids: int) -> tuple[str, ...]:
    """Write what a simulation came to, after its name."""
    return (
        f"{outcome.seconds:,.1f}",
        f"{outcome.requests:,}",
        f"{outcome.requests / outcome.fewest:.3f}",
        f"{outcome.used:.1%}",
        f"{outcome.rejected:,}",
        f"{outcome.done / ids:.2%}",
    )


COLUMNS = ("seconds", "requests", "/ fewest", "quota used", "429s", "ids whole")


def run(size: Size) -> Iterator[Result]:
    """Read every portal in every way."""
    for ids, limit in size.portals:
        found = dict(zip(WAYS, outcomes([(way, ids, limit, 0.0) for way in WAYS]), strict=True))
        fewest = found[OURS].fewest
        yield Table(
            f"Reading {ids:,} ids at {limit} requests per 10 s",
            ("way", *COLUMNS),
            [(way, *row(outcome, ids)) for way, outcome in found.items()],
            f"The fewest requests, which no client can do without, are {fewest:,} and take at least"
            f" {least_seconds(fewest, limit):g} s: each page needs a place in a batch, and a"
            " record's pages come one after another, those of the last ids at the very end.",
        )
        ours = found[OURS].requests / fewest
        yield Aim(f"requests over the fewest, {ids:,} ids, {limit} per 10 s", 1.02, ours)
    yield Bars(
        "limits",
        f"Requests to read {ids:,} ids, 0.3 % of them with four pages",
        "",
        {"the fewest possible": fewest} | {way: found[way].requests for way in WAYS},
    )

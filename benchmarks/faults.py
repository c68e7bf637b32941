"""Faults: throughput and completeness while a share of the requests fails.

Simulated as under limits; what fails is answered 500, 502, 503, 504 or CANCELED, cut off, or never.
"""

from collections.abc import Iterator

from benchmarks.limits import COLUMNS, outcomes, row
from benchmarks.measure import Aim, Result, Size, Table
from benchmarks.world import OURS, SEMAPHORE

FAILING = (0.0, 0.01, 0.05, 0.2)


def run(size: Size) -> Iterator[Result]:
    """Read one portal at every share of failing requests, our way and the plain one."""
    ids, limit = size.portals[0]
    jobs = [(way, ids, limit, failing) for failing in FAILING for way in (OURS, SEMAPHORE)]
    rows = []
    for (way, _, _, failing), found in zip(jobs, outcomes(jobs), strict=True):
        rate = f"{found.done / found.seconds:,.0f}"
        rows.append((f"{failing:.0%} fail: {way}", rate, *row(found, ids)))
        if way == OURS:
            yield Aim(f"share of ids whole with {failing:.0%} failing", 1.0, found.done / ids, True)
    yield Table(
        f"Reading {ids:,} ids at {limit} requests per 10 s while requests fail",
        ("requests that", "whole ids/s", *COLUMNS),
        rows,
        f"The plain way, {SEMAPHORE}, asks again after a 429 only; what else fails is lost.",
    )

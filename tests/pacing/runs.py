"""Runs of a pacer against the counting server, on virtual time."""

import asyncio
from collections.abc import Callable, Iterable

from benchmarks.pacing_world import NETWORKS, Others, Result, Server, Way, use
from hubassoc_async.pacing import Mode, Pacer, Quota
from tests.virtual_time import DECEMBER, Lag, run_virtual

Change = tuple[float, Callable[[Server], object]]
"""After so many seconds something happens to the server."""


def run(
    quota: Quota = Quota(100, 10),
    *,
    mode: Mode = "adaptive",
    network: str | tuple[Way, Way] = "50 ms jitter",
    seconds: float = 1_000,
    others: Others | None = None,
    headers: bool = True,
    rejected_count: bool = False,
    configured: Quota | None = None,
    filled: int = 0,
    changes: Iterable[Change] = (),
    lost: float = 0.0,
    lag: Lag | None = None,
    seed: int = 0,
) -> Result:
    """``filled``: requests of others that arrived just before we start."""

    async def main() -> Result:
        loop = asyncio.get_running_loop()
        server = Server(quota, headers=headers, rejected_count=rejected_count)
        for _ in range(filled):
            server.arrive(loop.time(), ours=False)
        return await use(
            Pacer(configured or quota, loop, mode=mode),
            server,
            NETWORKS[network] if isinstance(network, str) else network,
            seconds=seconds,
            seed=seed,
            others=others,
            lost=lost,
            tasks=64,
            events=[(after, lambda c=change: c(server)) for after, change in changes],  # type: ignore[misc]
        )

    return run_virtual(main(), lag=lag)


def admitted(result: Result, start: float, end: float) -> int:
    """How many of ours were admitted between two times since the start."""
    times = (when - DECEMBER for when, ours, ok in result.server.log if ours and ok)
    return sum(1 for when in times if start < when <= end)


def rejected(result: Result, end: float) -> int:
    """How many of ours were refused up to a time since the start."""
    times = (when - DECEMBER for when, ours, ok in result.server.log if ours and not ok)
    return sum(1 for when in times if when <= end)

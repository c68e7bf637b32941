"""Pacing simulated at a server that counts exactly: 429s and use of the quota, by mode.

``python -m benchmarks.pacing`` prints the tables in Markdown; ``--plot FILE.svg`` draws how full
the server's window is over time. On virtual time twenty minutes pass in each of a dozen runs a
cell, which takes some ten minutes in all.
"""

import argparse
import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.pacing_bound import Bound, Mean, bound, seeing_bound
from benchmarks.pacing_world import (
    NETWORKS,
    Others,
    Result,
    Server,
    bursts,
    poisson,
    ramp,
    use,
)
from hubassoc_async.emulator.virtual import run_virtual
from hubassoc_async.pacing import Mode, Pacer, Quota

SECONDS = 1_200.0
SEEDS = 12
COMPANY: dict[str, Others] = {
    "others 30 % at random": poisson(0.3),
    "others 60 % at random": poisson(0.6),
    "bursts of 30 %": bursts(0.3, 8),
    "up to 60 % and back": ramp(0.6, 10),
}
MEANS: dict[str, Mean] = {
    "others 30 % at random": lambda _now: 3.0,
    "others 60 % at random": lambda _now: 6.0,
    "up to 60 % and back": lambda now: max(0.02, 6 * (1 - abs(2 * (now % 200) / 200 - 1))),
}
"""Requests a second of those of them whose mean says anything."""
JITTERS = {"50 ms jitter": 0.05, "20-400 ms": 0.38}
"""Seconds between the shortest way and the longest."""
ROUND_TRIPS = {"50 ms jitter": 0.2, "20-400 ms": 0.42}
"""Seconds, on average."""
COLOURS = {"strict": "#2a78b5", "adaptive": "#c8553d"}


def simulate(
    mode: Mode,
    limit: int,
    network: str,
    *,
    others: Others | None = None,
    headers: bool = True,
    rejected_count: bool = False,
    seconds: float = SECONDS,
    seed: int = 0,
) -> Result:
    """Run one pacer at one server."""

    async def main() -> Result:
        quota = Quota(limit, 10)
        server = Server(quota, headers=headers, rejected_count=rejected_count)
        pacer = Pacer(quota, asyncio.get_running_loop(), mode=mode)
        way = NETWORKS[network]
        return await use(pacer, server, way, seconds=seconds, others=others, tasks=64, seed=seed)

    return run_virtual(main())


ROWS: dict[str, dict[str, Any]] = {
    "strict": {"mode": "strict"},
    "adaptive, headers": {},
    "adaptive, no headers": {"headers": False},
    "adaptive, headers, refused count": {"rejected_count": True},
}


def cell(limit: int, network: str, others: str | None, row: str) -> str:
    """Our 429s and how much of the limit everyone used: one run differs from another."""
    with ProcessPoolExecutor() as pool:
        runs = pool.map(partial(_one_of_many, limit, network, others, row), range(SEEDS))
        rejected, used = (sum(shares) / SEEDS for shares in zip(*runs, strict=True))
    return f"{rejected:.2%} / {used:.1%}"


def _one_of_many(
    limit: int, network: str, others: str | None, row: str, seed: int
) -> tuple[float, float]:
    asking = COMPANY[others] if others is not None else None
    options = {"mode": "adaptive", **ROWS[row]}
    result = simulate(limit=limit, network=network, others=asking, seed=seed, **options)
    return result.rejected_share, result.used


def alone() -> None:
    """Print what each mode does when nobody else uses the quota."""
    columns = [(limit, network) for limit in (100, 250) for network in NETWORKS]
    _print_head("alone", [f"N={limit}, {network}" for limit, network in columns])
    for row in ROWS:
        _print_row(row, [cell(limit, network, None, row) for limit, network in columns])


def in_company(network: str) -> None:
    """Print what each mode does beside others whose demand is hidden, and the most there is."""
    _print_head(f"beside hidden others, N=100, {network}", list(COMPANY))
    for row in ROWS:
        _print_row(row, [cell(100, network, others, row) for others in COMPANY])
    bounds: list[tuple[str, Callable[[Mean], Bound]]] = [
        ("bound, no headers, under 0.5 %", lambda mean: bound(mean, JITTERS[network])),
        ("the same, under 1 %", lambda mean: bound(mean, JITTERS[network], most=0.01)),
        ("bound, all seen, refused count", lambda mean: seeing_bound(mean, ROUND_TRIPS[network])),
    ]
    for name, find in bounds:
        _print_row(name, [_bound_cell(others, find) for others in COMPANY])


def _bound_cell(others: str, find: Callable[[Mean], Bound]) -> str:
    """What one reaches who knows more than we can, where the others' mean says anything."""
    if others not in MEANS:
        return "-"
    best = find(MEANS[others])
    return f"{best.rejected:.2%} / {best.used:.1%}"


def _print_head(what: str, columns: list[str]) -> None:
    print(f"\n429s of our requests / use of the quota by all, {what}, means of {SEEDS} runs\n")
    _print_row("mode", columns)
    print("|---" * (len(columns) + 1) + "|")


def _print_row(name: str, cells: list[str]) -> None:
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def fullness(result: Result, seconds: float, span: float) -> list[int]:
    """How many admitted requests the server's window holds, each quarter of a second."""
    admitted = [when for when, _, ok in result.server.log if ok]
    start = 0.0
    return [
        sum(1 for when in admitted if at - span < when <= at)
        for at in (start + step / 4 for step in range(int(seconds * 4)))
    ]


def plot(path: Path) -> None:
    """Draw the first two minutes of both modes, with a burst of others in the middle."""
    seconds, width, height = 120.0, 860, 260

    def points(mode: Mode) -> str:
        result = simulate(mode, 100, "20-400 ms", seconds=seconds, others=bursts(0.3, 6))
        full = fullness(result, seconds, 10.0)
        return " ".join(
            f"{50 + 8 * width / 9 * step / len(full):.1f},{height - 40 - 2 * count:.1f}"
            for step, count in enumerate(full)
        )

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<line x1="50" y1="{height - 240}" x2="820" y2="{height - 240}" stroke="#888"'
        ' stroke-dasharray="4"/>',
        f'<text x="10" y="{height - 236}">100</text><text x="22" y="{height - 36}">0</text>',
        f'<text x="50" y="{height - 18}">0 s</text><text x="790" y="{height - 18}">120 s</text>',
    ]
    modes: list[Mode] = ["strict", "adaptive"]
    for number, mode in enumerate(modes):
        lines.append(
            f'<polyline fill="none" stroke="{COLOURS[mode]}" stroke-width="1.5"'
            f' points="{points(mode)}"/>'
            f'<text x="{300 + 130 * number}" y="{height - 18}" fill="{COLOURS[mode]}">{mode}</text>'
        )
    path.write_text("\n".join([*lines, "</svg>\n"]))


def main() -> None:
    """Print the tables, or draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    arguments = parser.parse_args()
    if arguments.plot is not None:
        plot(arguments.plot)
    else:
        alone()
        for network in JITTERS:
            in_company(network)


if __name__ == "__main__":
    main()

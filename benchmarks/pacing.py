"""Pacing simulated at a server that counts exactly: 429s and use of the quota, by mode.

``python -m benchmarks.pacing`` prints the tables in Markdown; ``--plot FILE.svg`` draws how full
the server's window is over time. Virtual time: some twenty minutes pass in each row.
"""

import argparse
import asyncio
from pathlib import Path

from benchmarks.pacing_bound import Mean, bound
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
SEEDS = 5
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


def cell(result: Result) -> str:
    """429s, their share of our requests, and how much of the limit was used by everyone."""
    return f"{result.rejected} ({result.rejected_share:.2%}) / {result.used:.1%}"


def alone() -> None:
    """Print what each mode does when nobody else uses the quota."""
    print("\n429s (of our requests) / use of the quota, alone, 20 minutes\n")
    columns = [(limit, network) for limit in (100, 250) for network in NETWORKS]
    print("| mode | " + " | ".join(f"N={limit}, {network}" for limit, network in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    rows: list[tuple[str, Mode, bool, bool]] = [
        ("strict", "strict", True, False),
        ("adaptive, headers", "adaptive", True, False),
        ("adaptive, no headers", "adaptive", False, False),
        ("adaptive, headers, refused count", "adaptive", True, True),
    ]
    for name, mode, headers, counted in rows:
        cells = [
            cell(simulate(mode, limit, network, headers=headers, rejected_count=counted))
            for limit, network in columns
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def in_company(network: str) -> None:
    """Print what each mode does beside others whose demand is hidden, and the most there is."""
    print(f"\nBeside hidden others, N=100, {network}: total use of the quota\n")
    print("| mode | " + " | ".join(COMPANY) + " |")
    print("|---" * (len(COMPANY) + 1) + "|")
    rows: list[tuple[str, Mode, bool, bool]] = [
        ("strict", "strict", True, False),
        ("adaptive, headers", "adaptive", True, False),
        ("adaptive, no headers", "adaptive", False, False),
        ("adaptive, headers, refused count", "adaptive", True, True),
    ]
    for name, mode, headers, counted in rows:
        cells = [
            cell(
                simulate(mode, 100, network, others=others, headers=headers, rejected_count=counted)
            )
            for others in COMPANY.values()
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    for name, counted in (("headers", False), ("headers, refused count", True)):
        cells = [mean_cell(others, network, counted) for others in COMPANY.values()]
        print(f"| {name}, mean of {SEEDS} seeds | {' | '.join(cells)} |")
    for name, most in (("bound, no headers, under 0.5 %", 0.005), ("the same, under 1 %", 0.01)):
        print(f"| {name} | {' | '.join(bound_cell(others, network, most) for others in COMPANY)} |")


def mean_cell(others: Others, network: str, counted: bool) -> str:
    """The adaptive mode with headers, over several seeds: one run differs from another."""
    results = [
        simulate("adaptive", 100, network, others=others, rejected_count=counted, seed=seed)
        for seed in range(SEEDS)
    ]
    rejected = sum(result.rejected_share for result in results) / SEEDS
    return f"({rejected:.2%}) / {sum(result.used for result in results) / SEEDS:.1%}"


def bound_cell(others: str, network: str, most: float) -> str:
    """What one reaches who knows the others' mean but sees no headers."""
    if others not in MEANS:
        return "-"
    best = bound(MEANS[others], JITTERS[network], most=most)
    return f"({best.rejected:.2%}) / {best.used:.1%}"


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

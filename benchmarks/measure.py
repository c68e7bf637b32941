"""What a benchmark gives: tables, aims and plots, of ratios with min, median and max.

Knows: numbers and how they are written. Does not know: what they are of.
"""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import NamedTuple

LIBRARIES = (
    *("hubassoc_async", "aiohttp", "msgspec", "aiolimiter", "uvloop", "hubspot-api-client"),
    *("httpx", "pydantic", "pyarrow"),
)


class Size(NamedTuple):
    """How much is measured."""

    repeats: int
    """Of each comparison."""
    ids: float
    """Share of a shape's ids that one round reads."""
    most: int
    """Ids of the longest read of the growth curve."""
    portals: tuple[tuple[int, int], ...]
    """Ids of the portals that are read under HubSpot's limits, with requests in ten seconds."""
    shapes: tuple[str, ...] = ("typical", "dense", "giant", "empty")
    """Of the pages that are read."""

    @property
    def largest(self) -> int:
        """Ids of the largest portal."""
        return max(ids for ids, _ in self.portals)


QUICK = Size(1, 0.05, 4_000, ((3_000, 100),), ("typical",))
"""Only shows that everything runs."""
_SMALL = ((100_000, 100), (100_000, 150))
USUAL = Size(5, 1.0, 1_000_000, (*_SMALL, (1_000_000, 100)))
FULL = Size(9, 1.0, 10_000_000, (*_SMALL, (1_000_000, 100), (1_000_000, 150)))


class Table(NamedTuple):
    """One table of results."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: str = ""

    def text(self) -> str:
        """Lay the table out for a terminal; as it is also good Markdown, for a file too."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]

        def lay(line: Sequence[str]) -> str:
            first, *rest = zip(line, widths, strict=True)
            cells = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in rest)]
            return f"| {' | '.join(cells)} |"

        first, *rest = widths
        rule = f"|{'-' * (first + 2)}|" + "".join(f"{'-' * (width + 1)}:|" for width in rest)
        body = [lay(self.columns), rule, *map(lay, self.rows)]
        return "\n".join(
            [f"### {self.title}", "", *body, *(["", self.notes] if self.notes else [])]
        )


class Aim(NamedTuple):
    """What was aimed at, and what came out."""

    what: str
    aim: float
    measured: float
    at_least: bool = False
    """Whether more is better; otherwise less is."""

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.measured >= self.aim if self.at_least else self.measured <= self.aim

    def row(self) -> tuple[str, ...]:
        """Write it for a table."""
        bound = "at least" if self.at_least else "at most"
        met = "met" if self.met else "**not met**"
        return self.what, f"{bound} {self.aim:g}", f"{self.measured:.3g}", met


def table_of(aims: Iterable[Aim]) -> Table:
    """Set every aim beside what was measured."""
    columns = ("aim", "wanted", "measured (median)", "")
    return Table("Aims", columns, [aim.row() for aim in aims])


class Bars(NamedTuple):
    """A plot of one number a name, least first; names that start with "ours" stand out."""

    file: str
    title: str
    unit: str
    values: Mapping[str, float]


class Lines(NamedTuple):
    """A plot of named lines through (x, y) points, on log axes."""

    file: str
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


Result = Table | Aim | Bars | Lines


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Write min, median and max, the median first: ``1.10 (1.05-1.21)``."""
    ordered = sorted(values)
    return f"{median(ordered):.{digits}f} ({ordered[0]:.{digits}f}-{ordered[-1]:.{digits}f})"


def machine() -> str:
    """Say on what this was measured."""
    return "; ".join(
        [
            f"{_processor()}, {platform.system()} {platform.machine()}",
            f"{platform.python_implementation()} {platform.python_version()}",
            *(f"{name} {_version(name)}" for name in LIBRARIES),
            f"{datetime.now(UTC):%Y-%m-%d}",
            f"load average {_load():.1f}",
        ]
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else "unknown processor"


def _load() -> float:
    """How busy the machine was with this and all else: above 1 or 2, ratios spread."""
    return os.getloadavg()[2] if hasattr(os, "getloadavg") else float("nan")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"

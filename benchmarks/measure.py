"""Figures and tables: ratios with min, median and max, printed plainly.

Knows: numbers. Does not know: what they are of.
"""

import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import NamedTuple

LIBRARIES = ("hubassoc_async", "aiohttp", "msgspec", "aiolimiter", "hubspot-api-client")


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
        ]
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else "unknown processor"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"

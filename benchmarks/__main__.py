"""Run every comparison, print its tables, and write them and their plots beside this file.

python -m benchmarks                 all of it, in some minutes
python -m benchmarks --full          with more repeats, and up to ten million ids
python -m benchmarks decode packing  only these parts, printed
"""

import argparse
import sys
import time
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import (
    FULL,
    QUICK,
    USUAL,
    Aim,
    Bars,
    Lines,
    Size,
    Table,
    machine,
    table_of,
)

PARTS = (
    *("throughput", "imports", "limits", "growth", "faults", "lag"),
    *("decode", "packing", "create", "emulator", "jobs", "sync"),
)
HERE = Path(__file__).parent
NEEDED = ("hubspot", "httpx", "pydantic", "matplotlib", "pyarrow", "duckdb", "click")
"""Modules of the extra, without which some part would fail after minutes."""


class Report:
    """What the parts give, gathered."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.aims: list[Aim] = []
        self.plots: list[Bars | Lines] = []
        self.failed: list[str] = []

    def measure(self, part: str, size: Size) -> None:
        """Run a part. One that fails is reported and leaves the others be."""
        started = time.monotonic()
        try:
            module = import_module(f"benchmarks.{part}")
            self.texts.append(f"## {(module.__doc__ or '').splitlines()[0]}")
            for result in module.run(size):
                if isinstance(result, Table):
                    self.texts.append(result.text())
                    print(result.text(), end="\n\n", flush=True)
                elif isinstance(result, Aim):
                    self.aims.append(result)
                else:
                    self.plots.append(result)
        except Exception:
            traceback.print_exc()
            self.failed.append(part)
            self.texts.append(f"The part {part} failed: what it measured before is above.")
        print(f"({part}: {time.monotonic() - started:.0f} s)\n", file=sys.stderr, flush=True)

    def text(self) -> str:
        """The whole report in Markdown."""
        head = [
            "# Benchmark results",
            "Written by `python -m benchmarks`. CPU is the client process's own, user and system;"
            " a figure with a range is the median of the repeats, their least and their most."
            " Ratios hold on other machines, absolutes do not.",
            f"Measured on: {machine()}",
            table_of(self.aims).text().replace("###", "##"),
        ]
        shown = [f"![{plot.title}]({plot.file}.svg)" for plot in self.plots]
        return "\n\n".join([*head, *shown, *self.texts]) + "\n"

    def write(self, folder: Path) -> None:
        """Write the report and its plots."""
        folder.mkdir(parents=True, exist_ok=True)
        there = folder / "RESULTS.md"
        there.write_text(self.text(), encoding="utf-8")
        print(f"written: {there}", file=sys.stderr)
        from benchmarks.plots import draw  # matplotlib is an extra: what was measured is safe

        for plot in self.plots:
            draw(plot, folder)


def main(arguments: list[str]) -> int:
    """Measure what is asked for. Returns the exit status: 1 when a part failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_const", dest="size", const=QUICK)
    sizes.add_argument("--full", action="store_const", dest="size", const=FULL)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part is named {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        parser.error(f"missing: {', '.join(missing)}; pip install -e '.[bench]'")
    report = Report()
    for part in options.parts or PARTS:
        report.measure(part, options.size or USUAL)
    print(table_of(report.aims).text(), end="\n\n")
    whole = not options.parts and options.size is not QUICK
    if folder := options.output or (HERE if whole else None):
        report.write(folder)
    if report.failed:
        print(f"failed: {', '.join(report.failed)}", file=sys.stderr)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run every benchmark, print its tables, and write them to ``benchmarks/RESULTS.md``."""

from pathlib import Path

from benchmarks import create, decode, packing, throughput
from benchmarks.measure import machine

RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    """Run all, which takes some minutes."""
    parts = [
        "# Benchmark results",
        "Written by `python -m benchmarks`. Ratios hold on other machines, absolutes do not.",
        f"Measured on: {machine()}",
    ]
    for script in (decode, packing, throughput, create):
        parts.append(f"## {(script.__doc__ or '').splitlines()[0]}")
        for table in script.tables():
            print(table.text(), end="\n\n", flush=True)
            parts.append(table.text())
    RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"written: {RESULTS}")


if __name__ == "__main__":
    main()

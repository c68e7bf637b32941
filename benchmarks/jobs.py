"""Exports: their CPU over that of the reading alone, and their memory over time.

A million ids of 3.3 associations each, from a file, and ten million edges with ``--full``. The
server is a process of its own; each figure is of a process that does nothing else.
"""

import asyncio
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks.child import call_apart, cost_of, peak_bytes, resident_bytes
from benchmarks.measure import Aim, Lines, Result, Size, Table, spread
from benchmarks.pages import FIRST_ID, SHAPES
from benchmarks.responder import responding
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import DeadLetters, Origin
from hubassoc_async.jobs.export import ExportJob
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import JobSpec, Journal
from hubassoc_async.jobs.sources import open_ids

READ = "stream_read, in batches"
TARGETS = {
    "Parquet parts": "{}/out/",
    "Parquet file": "{}/out.parquet",
    "NDJSON": "{}/out.ndjson",
    "CSV": "{}/out.csv",
    "SQLite": "sqlite:///{}/out.db",
    "DuckDB": "duckdb:///{}/out.db",
}
COMPARED = ("Parquet parts", "Parquet file")
"""Those that are read and written again and again."""
IDS = 3_200_000
"""With rather more than ten million edges."""
MOST_CPU = 1.5
MOST_MIB = 300
FROM, TO, VERSION = "contacts", SHAPES["typical"].to_object_type, "2026-03"
_SAMPLES = 200


def write_ids(path: Path, count: int, *, shuffled: bool = False) -> None:
    """Write a file of ids, ascending as exports have them, or in no order."""
    ids = [str(FIRST_ID + number) for number in range(count)]
    if shuffled:
        random.Random(1).shuffle(ids)
    path.write_text("\n".join(ids))


def read(url: str, ids: str) -> tuple[float, int]:
    """Read in this process; the CPU that it took, and the associations there were."""

    async def work() -> int:
        async with AssociationsClient("token", base_url=url, quota=None) as client:
            stream = client.stream_read(FROM, TO, open_ids(ids))
            async with stream:
                async for _ in stream.batches():
                    pass
            return stream.counts.associations

    edges, cost = cost_of(lambda: asyncio.run(work()))
    return cost.cpu, edges


class Exported(NamedTuple):
    """What an export took."""

    cpu: float
    edges: int
    peak: int
    """Bytes resident, at the most."""
    samples: list[tuple[int, int]]
    """Ids done and bytes resident, over time."""


def export(url: str, ids: str, target: str, folder: str) -> Exported:
    """Export in this process."""

    async def work() -> int:
        place = Path(folder)
        ends = {"from_object_type": FROM, "to_object_type": TO, "api_version": VERSION}
        known = {"kind": "export", "source": ids, "fingerprint": "the same", "target": target}
        spec = msgspec.convert({**ends, **known, "base_url": url}, JobSpec)
        journal = Journal.create("export", spec, directory=place)
        origin = msgspec.convert({**ends, "operation": "read"}, Origin)
        letters = DeadLetters(place / "failures.ndjson", origin.letter, job=journal.key)
        sink = open_job_sink(target, FROM, TO, job="export")
        async with AssociationsClient("token", base_url=url, quota=None) as client:
            job = ExportJob(client, journal, open_ids(ids), sink, letters=letters)
            threading.Thread(target=watch, args=(job,), daemon=True).start()
            await job.run()
        assert job.complete
        journal.close()
        return job.progress().associations

    samples: list[tuple[int, int]] = []

    def watch(job: ExportJob) -> None:
        while not job.complete:
            samples.append((job.progress().done, resident_bytes()))
            time.sleep(0.5)

    edges, cost = cost_of(lambda: asyncio.run(work()))
    step = -(-len(samples) // _SAMPLES)
    return Exported(cost.cpu, edges, peak_bytes(), samples[:: step or 1])


def run(size: Size) -> Iterator[Result]:
    """Compare, and then let one export run long."""
    with responding() as server, tempfile.TemporaryDirectory() as folder:
        yield from _compare(server.plain, Path(folder), size)
        yield from _sinks(server.plain, Path(folder), size)
        yield from _long(server.plain, Path(folder), size)


def _compare(url: str, folder: Path, size: Size) -> Iterator[Result]:
    """Read and export in turns."""
    count = min(size.most, 1_000_000)
    rows = []
    for order in ("ascending", "shuffled"):
        ids = folder / f"{order}.txt"
        write_ids(ids, count, shuffled=order == "shuffled")
        ratios: dict[str, list[float]] = {name: [] for name in COMPARED}
        for _ in range(min(size.repeats, 3)):
            reading, edges = call_apart(read, url, str(ids))
            for name, past in ratios.items():
                found = _export(url, ids, name, folder)
                assert found.edges == edges
                past.append(found.cpu / reading)
        rows += [(f"{name}, {order} ids", spread(past)) for name, past in ratios.items()]
        for name, past in ratios.items():
            what = f"CPU of an export of {count:,} {order} ids to {name} over that of {READ}"
            yield Aim(what, MOST_CPU, median(past))
    yield Table(f"Exports of {count:,} ids", (f"to, of {count:,} ids", f"CPU / {READ}'s"), rows)


def _sinks(url: str, folder: Path, size: Size) -> Iterator[Result]:
    """Export to each sink once."""
    count = min(size.most, 100_000)
    ids = folder / "some.txt"
    write_ids(ids, count)
    rows = []
    for name in TARGETS:
        found = _export(url, ids, name, folder)
        peak = found.peak / 2**20
        rows.append((name, f"{found.cpu / count * 1e6:.1f}", f"{peak:.0f}"))
    yield Table(f"Sinks, {count:,} ids", ("to", "CPU µs / id", "peak MiB"), rows)


def _long(url: str, folder: Path, size: Size) -> Iterator[Result]:
    """Export ten million edges, where so many are wanted."""
    count = min(size.most, IDS)
    ids = folder / "many.txt"
    write_ids(ids, count, shuffled=True)
    lines, rows = {}, []
    for name in COMPARED:
        found = _export(url, ids, name, folder)
        samples = [(done, resident / 2**20) for done, resident in found.samples if done]
        lines[name] = samples
        for done, mib in samples[:: -(-len(samples) // 10) or 1]:
            rows.append((f"{name}, {done:,} ids done", f"{mib:.0f}"))
        peak = found.peak / 2**20
        rows.append((f"{name}, {found.edges:,} edges, at the most", f"{peak:.0f}"))
        yield Aim(f"peak MiB of an export of {found.edges:,} edges to {name}", MOST_MIB, peak)
    yield Table("Memory of a long export", ("when", "MiB resident"), rows)
    yield Lines("jobs-memory", "Memory as an export goes on", "ids done", "MiB", lines)


def _export(url: str, ids: Path, name: str, folder: Path) -> Exported:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return Exported(*call_apart(export, url, str(ids), TARGETS[name].format(place), place))

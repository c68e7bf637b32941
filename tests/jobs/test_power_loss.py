"""An export that loses the power at any instant, and goes on, leaves what it would have left."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, build_portal
from hubassoc_async.jobs import Job, find_job
from hubassoc_async.jobs.journal import has_job
from hubassoc_async.jobs.lines_file import LinesFile
from hubassoc_async.jobs.parts import PartsFolder
from tests.jobs.power import LUCK, Disk, Luck
from tests.jobs.sync_worlds import IN_MEMORY

ENDS = ("contacts", "companies")
EARLIER = b"an earlier export"
TARGETS = ("out.csv.gz", "out.parquet", "out/")
IDS = [*range(1001, 1013), "no id", *range(1013, 1018), "none either", *range(1018, 1024)]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where nothing takes long, with the input; chunks are of ten ids."""
    monkeypatch.setattr(LinesFile, "chunk_ids", 10)
    monkeypatch.setattr(PartsFolder, "chunk_ids", 10)
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        Path(folder, "ids.csv").write_text("id\n" + "".join(f"{one}\n" for one in IDS))
        yield Path(folder)


class Exports:
    """Exports of one portal to targets of one name, each in a folder of its own."""

    def __init__(self, place: Path, target: str) -> None:
        self._portal = build_portal(contacts=30, companies=5)
        self._place, self._target = place, target
        self._numbers = count()

    async def until(self, at: int | None) -> tuple[Path, Disk]:
        """Run one until the power is lost at an instant; None is to its end."""
        number = next(self._numbers)
        folder, store = self._place / f"export-{number}", self._place / f"store-{number}"
        folder.mkdir()
        store.mkdir()
        self._write_earlier(folder / self._target)
        disk = Disk(folder, store, at)
        with disk.powered():
            await self.go_on(folder)
        return folder, disk

    async def go_on(self, folder: Path) -> None:
        """Begin it or go on with it, unless its journal says that it is complete."""
        journals, name = self._place / "jobs", folder.name
        if has_job(name, journals) and find_job(name, journals).state == "complete":
            return
        transport = MemoryTransport(self._portal)
        async with AssociationsClient(transport=transport, quota=None, linger=0.0) as client:
            ids, to = self._place / "ids.csv", f"{folder}/{self._target}"
            with Job.export(client, *ENDS, ids=ids, to=to, name=name, directory=journals) as job:
                await job.run()

    def _write_earlier(self, path: Path) -> None:
        """Let there be something under its name, which the export will replace."""
        if self._target.endswith("/"):
            path.mkdir()
            path /= "part-000000.parquet"
        path.write_bytes(EARLIER)

    def output(self, folder: Path) -> list[bytes]:
        """What is under the target's name: the content of each file."""
        path = folder / self._target
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [one.read_bytes() for one in files if one.exists()]

    def all(self, folder: Path) -> object:
        """The output, what failed, and the names of what is there."""
        (failures,) = folder.glob("*.failures.ndjson")
        failed = [json.loads(line)["from_object_id"] for line in failures.read_text().splitlines()]
        return self.output(folder), failed, sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("luck", LUCK)
@pytest.mark.parametrize("target", TARGETS)
async def test_power_is_lost(target: str, luck: Luck, place: Path) -> None:
    """At every instant there is under its name what was there or all of it; in the end, all."""
    exports = Exports(place, target)
    calm, disk = await exports.until(None)
    expected = exports.all(calm)
    assert disk.instants >= 30
    possible = [[EARLIER], exports.output(calm)]
    if target.endswith("/"):
        possible.append([])  # no folder can replace another one in one step
    for at in range(disk.instants):
        folder, lost = await exports.until(at)
        lost.come_back(luck)
        assert exports.output(folder) in possible, f"lost at {at}"
        await exports.go_on(folder)
        assert exports.all(folder) == expected, f"lost at {at}"

"""Jobs as a program has them: begun, killed, gone on with, refused; inputs and sinks of its own."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, Portal, Unknowns, build_portal
from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs import (
    Job,
    JournalError,
    Mark,
    Parked,
    Sink,
    Source,
    SourceError,
    find_job,
    forget,
    job,
)
from hubassoc_async.jobs.job_sinks import SINKS, open_job_sink
from hubassoc_async.jobs.lines_file import LinesFile
from hubassoc_async.jobs.parts import PartsFolder
from hubassoc_async.jobs.tables import TableSink
from hubassoc_async.model import ObjectAssociations

ENDS = ("contacts", "companies")
IDS = [str(one) for one in range(1001, 4001)]


@pytest.fixture
def portal() -> Portal:
    return build_portal(contacts=3_000, companies=20)


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals of the test's own, beside its files."""
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LinesFile, "chunk_ids", 250)
    Path("ids.csv").write_text("id\n" + "\n".join(IDS))
    return tmp_path / "jobs"


def client_of(portal: Portal, **more: Any) -> AssociationsClient:
    return AssociationsClient(
        transport=MemoryTransport(portal), quota=None, linger=0.01, concurrency=1, **more
    )


class Numbers:
    """A source of a program's own: numbers from a place on."""

    name = "numbers"
    path: Path | None = None
    fraction: float | None = None
    blocks = False
    skipped = 0

    def __iter__(self) -> Iterator[str]:
        return iter(IDS)

    def close(self) -> None:
        """Nothing is open."""


class Lines:
    """A sink of a program's own: ids, a line each."""

    chunk_ids, chunk_rows = 500, 100_000

    def __init__(self, path: Path) -> None:
        self._path = path
        self.discarded = False

    def resume(self, mark: Mark) -> Mark:
        """Cut off what the mark does not have."""
        self._file = self._path.open("ab")
        self._file.truncate(mark.positions.get("sink", 0))
        return mark

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Write ids."""
        self._file.write("".join(f"{one.from_object_id}\n" for one in outcomes).encode())

    def commit(self, mark: Mark) -> None:
        """Flush them."""
        self._file.flush()
        mark.positions["sink"] = self._file.tell()

    def finish(self) -> str:
        """It has its name already."""
        return self._path.name

    def abandon(self) -> None:
        """Close it."""
        self._file.close()

    def discard(self) -> None:
        """Remember it."""
        self.discarded = True


async def die_after(running: "Job[Any]", done: int) -> None:
    """Run a job, and let go of it at once when so much is committed."""
    task = asyncio.create_task(running.run())
    while running.progress().done < done:
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not running.complete


async def test_an_export_goes_on_by_its_name(portal: Portal) -> None:
    """Killed on the way, it is taken up by name alone, and asks for what it does not have."""
    async with client_of(portal) as client:
        with Job.export(client, *ENDS, ids="ids.csv", to="x.ndjson", name="nightly") as begun:
            await die_after(begun, 1_000)
        assert not Path("x.ndjson").exists()
        assert find_job("nightly").reason == "it was told to stop"
        before = find_job("nightly").mark.items
        assert 1_000 <= before < len(IDS)
        portal.log.clear()
        with Job.resume(client, "nightly") as resumed:
            done = await resumed.run()
        assert (done.before, done.done) == (before, len(IDS))
        assert portal.log.inputs == len(IDS) - before
        assert (resumed.complete, resumed.output) == (True, str(Path("x.ndjson").resolve()))
        with pytest.raises(JournalError, match="'nightly' is complete"):
            Job.export(client, *ENDS, ids="ids.csv", to="x.ndjson", name="nightly")
    lines = [json.loads(line) for line in Path("x.ndjson").read_text().splitlines()]
    assert [line["from_object_id"] for line in lines] == IDS


async def test_it_goes_on_by_the_same_call(portal: Portal) -> None:
    """Stopped and run again, in hand or by the call that began it, it comes to the same."""
    async with client_of(portal) as client:

        def again() -> "Job[Any]":
            return Job.export(client, *ENDS, ids=IDS, to="x.ndjson", name="again")

        with again() as one:
            await die_after(one, 1_000)
        with again() as one:
            await die_after(one, 2_000)
            await one.run()
            assert one.complete
    lines = [json.loads(line) for line in Path("x.ndjson").read_text().splitlines()]
    assert [line["from_object_id"] for line in lines] == IDS


async def test_columns_have_what_lines_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and labels too; killed and gone on with, Parquet is the same byte by byte."""
    monkeypatch.setattr(PartsFolder, "chunk_ids", 250)
    portal = build_portal(contacts=3_000, companies=20, unknowns=Unknowns(page_size=2))
    async with client_of(portal) as client:
        for target in ("x.ndjson", "x.parquet", "killed.parquet"):
            with Job.export(client, *ENDS, ids="ids.csv", to=target, name=target) as one:
                if target == "killed.parquet":
                    await die_after(one, 1_000)
                await one.run()
    lines = [json.loads(line) for line in Path("x.ndjson").read_text().splitlines()]
    edges = [
        (int(line["from_object_id"]), int(to["to_object_id"]), *kind.values())
        for line in lines
        for to in line["to"]
        for kind in to["association_types"]
    ]
    table = pq.read_table("x.parquet").drop_columns(["from_object_type", "to_object_type"])
    assert list(zip(*table.to_pydict().values(), strict=True)) == edges
    assert any(len(line["to"]) > 2 for line in lines)
    assert not all(line["to"] for line in lines)
    assert Path("killed.parquet").read_bytes() == Path("x.parquet").read_bytes()


async def test_another_input_version_or_target_is_refused(portal: Portal) -> None:
    """What differs is said, and nothing is asked."""
    async with client_of(portal) as client:
        with Job.export(client, *ENDS, ids="ids.csv", to="x.csv", name="one"):
            with pytest.raises(JournalError, match="another process"):
                Job.resume(client, "one")
        with pytest.raises(JournalError, match="target was"):
            Job.export(client, *ENDS, ids="ids.csv", to="y.csv", name="one")
        with pytest.raises(JournalError, match="target was"):
            Job.resume(client, "one", to="y.csv")
        Path("ids.csv").write_text("id\n1001\n")
        with pytest.raises(JournalError, match="the content of the input has changed"):
            Job.resume(client, "one")
        Path("ids.csv").unlink()
        with pytest.raises(SourceError, match="cannot read"):
            Job.resume(client, "one")
    with pytest.raises(JournalError, match="there is no job 'two'"):
        Job.resume(client, "two")
    assert not portal.requests


@pytest.mark.parametrize(
    ("more", "complaint"),
    [({"api_version": "v3"}, "api version was"), ({"base_url": "https://eu"}, "base url was")],
)
async def test_a_client_of_another_api_is_refused(more: Any, complaint: str) -> None:
    """A job is for one version of the API at one address."""
    async with AssociationsClient("t") as client, AssociationsClient("t", **more) as other:
        Job.export(client, *ENDS, ids="ids.csv", to="x.csv", name="one").close()
        with pytest.raises(JournalError, match=complaint):
            Job.resume(other, "one")


async def test_sources_and_sinks_of_ones_own(portal: Portal, tmp_path: Path) -> None:
    """Two small classes do; given again, the job goes on, and its journal says what is missing."""
    source: Source = Numbers()
    path = tmp_path / "lines"
    sink: Sink = Lines(path)
    async with client_of(portal) as client:
        with Job.export(client, *ENDS, ids=source, to=sink, name="own") as begun:
            await die_after(begun, 1_000)
        with pytest.raises(JournalError, match="Lines, a sink of the program that began it"):
            Job.resume(client, "own")
        with Job.resume(client, "own", source=Numbers(), to=Lines(path)) as resumed:
            await resumed.run()
    assert path.read_text().split() == IDS
    assert (find_job("own").spec.source, resumed.output) == ("numbers", "lines")


async def test_every_record(portal: Portal, jobs: Path) -> None:
    """No ids are all ids; a job that is forgotten leaves nothing."""
    async with client_of(portal) as client:
        with Job.export(client, *ENDS, ids=None, to="x.csv", name="all") as begun:
            await die_after(begun, 1)
            hidden = [one.name for one in Path().iterdir() if one.name.startswith(".x.csv")]
            assert len(hidden) == 1
        with Job.resume(client, "all") as resumed:
            assert (await resumed.run()).done == len(IDS)
        with Job.export(client, *ENDS, ids=None, to="y.csv", name="left") as begun:
            await die_after(begun, 1)
        with Job.export(client, *ENDS, ids=None, to=Lines(Path("z")), name="own"):
            pass
    for name in ("left", "own", "all"):
        forget(name)
    assert list(jobs.iterdir()) == []
    assert sorted(one.name for one in Path().iterdir()) == ["ids.csv", "jobs", "x.csv"]


@pytest.mark.parametrize("to", ["gone/x.csv", "gone/", "sqlite:///gone/x.db"])
async def test_a_job_whose_place_is_gone_is_forgotten(to: str, portal: Portal, jobs: Path) -> None:
    """It is said why nothing was removed, if anything may be left, and nothing is made anew."""
    Path("gone").mkdir()
    async with client_of(portal) as client:
        with Job.export(client, *ENDS, ids="ids.csv", to=to, name="left") as begun:
            await die_after(begun, 1)
    shutil.rmtree("gone")
    left = forget("left")
    assert left is None or "no directory" in left
    assert list(jobs.iterdir()) == []
    assert not Path("gone").exists()


async def test_an_import(portal: Portal) -> None:
    """Links that a program has in hand are written once, those that fail are listed."""
    links = [(one, 20_000_000_001 + number % 3) for number, one in enumerate(IDS[:300])]
    async with client_of(portal) as client:
        with Job.import_links(
            *(client, "contacts", "companies"),
            links=[*links, *links, ("no id", 20_000_000_001)],
            operation="create_default",
            name="writing",
            failures=Path("failed.ndjson"),
        ) as writing:
            done = await writing.run()
            assert (done.done, done.written, done.failed) == (301, 300, 1)
            asked = len(portal.requests)
            assert (await writing.run()).done == 301
            assert len(portal.requests) == asked
    (line,) = Path("failed.ndjson").read_text().splitlines()
    assert json.loads(line)["from_object_id"] == "no id"


async def test_links_that_had_not_all_come(portal: Portal) -> None:
    """They are wanted again, and nothing was written before; nothing else is to be given."""
    async with client_of(portal) as client:
        order: Any = {"operation": "archive", "name": "writing"}
        Job.import_links(client, *ENDS, links=[(1001, 20_000_000_001)], **order).close()
        with pytest.raises(JournalError, match="links of a program and had not all come"):
            Job.resume(client, "writing")
        with pytest.raises(JournalError, match="writes to HubSpot"):
            Job.resume(client, "writing", to="x.csv")
        again = [(1002, 20_000_000_001), (1003, 20_000_000_002)]
        with Job.resume(client, "writing", source=again) as writing:
            assert (await writing.run()).done == 2


async def test_it_rests_until_the_quota_is_new(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``wait`` it says until when; with it, it sleeps and goes on with the same client."""
    slept: list[float] = []

    def next_look(moment: float, now: float) -> float:
        slept.append(moment - now)
        portal.heal()
        return 0.0

    monkeypatch.setattr(job, "next_look", next_look)
    async with client_of(portal) as client:
        with Job.export(client, *ENDS, ids="ids.csv", to=Lines(Path("x")), name="rests") as resting:
            portal.fail("daily", nth=range(2, 100))
            with pytest.raises(Parked) as parked:
                await resting.run(time_zone="Europe/Berlin")
            assert isinstance(parked.value, DailyQuotaSpent)
            assert (resting.info.state, not slept) == ("parked", True)
            assert (await resting.run(wait=True)).done == len(IDS)
    assert len(slept) == 1
    assert Path("x").read_text().split() == IDS


async def test_no_password_is_kept(jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the target nor of the input."""
    monkeypatch.setattr(TableSink, "check", lambda _: None)  # there is no such server
    async with AssociationsClient("t") as client:
        to = "postgresql://me:s3cret@localhost/crm?table=links"
        Job.export(client, *ENDS, ids="ids.csv", to=to, name="one").close()
    assert find_job("one").arguments["to"] == "postgresql://me@localhost/crm?table=links"
    assert not [one for one in jobs.iterdir() if b"s3cret" in one.read_bytes()]


async def test_a_scheme_of_a_programs_own(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row more of ``SINKS`` makes a URL a target like any other."""

    def mine(_target: object) -> Any:
        return open_job_sink(str(tmp_path / "mine.csv"), *ENDS, job="mine")

    monkeypatch.setitem(SINKS, "s3://", mine)
    async with client_of(portal) as client:
        report = await Job.export(client, *ENDS, ids=IDS[:300], to="s3://bucket/x").run()
    assert report.done == 300
    assert len((tmp_path / "mine.csv").read_text().splitlines()) > 300

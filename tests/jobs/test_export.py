"""An export: whatever stops it and when, it comes to what an undisturbed one leaves."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, Portal, build_portal
from hubassoc_async.errors import DailyQuotaSpent, HubAssocError
from hubassoc_async.jobs import SourceError
from hubassoc_async.jobs.dead_letters import DeadLetters, Origin
from hubassoc_async.jobs.export import ExportJob
from hubassoc_async.jobs.job_sink import JobSink
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import JobSpec, Journal, Mark
from hubassoc_async.jobs.sinks import SinkError
from hubassoc_async.protocol.message import Request, Response
from tests.jobs.test_reading import Listed

ENDS: Any = {"from_object_type": "contacts", "to_object_type": "companies"}
ORIGIN = Origin(operation="read", **ENDS, api_version="v4")
PORTAL = build_portal(contacts=2_500, companies=20)
FIRST = 1_001
IDS = [str(one) for one in range(FIRST, FIRST + 2_500)]
GIVEN = [*IDS[:1_200], "no id", *IDS[:50], "00", *reversed(IDS[1_100:]), " 1001 ", "no id"]
"""With repeats near and far, and twice what is no id."""

How = Literal["stop", "cancel", "disk", "sink", "daily"]


class Interruption(NamedTuple):
    """What happens with the nth commit of a run, or its nth request for ``daily``."""

    how: How
    at: int


class Tripping:
    """A sink that does something with one of its commits."""

    def __init__(self, sink: JobSink, at: int, trip: Callable[[], None]) -> None:
        self._sink = sink
        self.chunk_ids, self.chunk_rows = 250, 1_000
        self._left = at
        self._trip = trip
        self.resume, self.write, self.finish = sink.resume, sink.write, sink.finish
        self.abandon, self.discard = sink.abandon, sink.discard

    def commit(self, mark: Mark) -> None:
        """Trip before or within it."""
        self._left -= 1
        if self._left == 0:
            self._trip()
        self._sink.commit(mark)


class World:
    """The files of one job."""

    def __init__(self, place: Path, *, spooled: bool = False) -> None:
        self.output = place / "out.ndjson"
        self.failures = place / "failures.ndjson"
        self.journals = place / "jobs"
        spec = JobSpec(
            kind="export",
            **ENDS,
            api_version="v4",
            base_url="",
            source="a list",
            fingerprint="" if spooled else "the same each time",
            target=str(self.output),
        )
        Journal.create("job", spec, directory=self.journals).close()
        self.mark = Mark()
        self.state = ""

    async def run(
        self, source: Listed | None, trip: Interruption | None = None, portal: Portal = PORTAL
    ) -> ExportJob:
        """Run the job from wherever it is, and raise what stopped it."""
        portal.heal()
        portal.log.clear()
        journal = Journal.open("job", directory=self.journals)
        loop = asyncio.get_running_loop()
        if trip is not None and trip.how == "daily":
            portal.fail("daily", nth=range(trip.at, 100))

        def happen() -> None:
            assert trip is not None
            match trip.how:
                case "stop":
                    loop.call_soon_threadsafe(job.stop)
                case "cancel":
                    loop.call_soon_threadsafe(task.cancel)
                case "disk":
                    raise OSError(28, "No space left on device")
                case "sink":
                    raise SinkError("it cannot hold that")

        lines = open_job_sink(str(self.output), **ENDS, job="job")
        sink = Tripping(lines, 0 if trip is None else trip.at, happen)
        try:
            async with AssociationsClient(
                transport=MemoryTransport(portal), quota=None, api_version="v4", linger=0.01
            ) as client:
                letters = DeadLetters(self.failures, ORIGIN.letter, job="job")
                job = ExportJob(client, journal, source, sink, letters=letters)
                task = asyncio.create_task(job.run())
                await task
                return job
        finally:
            self.mark, self.state = journal.mark, journal.state
            journal.close()

    def left(self) -> tuple[list[Any], list[str], dict[str, int]]:
        """Ids with what they have, failures, counts."""
        lines = [json.loads(line) for line in self.output.read_text().splitlines()]
        failed = self.failures.read_text().splitlines() if self.failures.exists() else []
        return lines, [json.loads(line)["from_object_id"] for line in failed], self.mark.counts


CALM: list[tuple[list[Any], list[str], dict[str, int]]] = []
"""What an undisturbed job leaves, once it has run."""
INTERRUPTIONS = st.lists(
    st.builds(
        Interruption,
        st.sampled_from(["stop", "cancel", "disk", "sink", "daily"]),
        st.integers(1, 8),
    ),
    max_size=3,
)


@settings(max_examples=10, deadline=None)
@given(trips=INTERRUPTIONS, spooled=st.booleans())
async def test_whatever_stops_it(
    tmp_path_factory: pytest.TempPathFactory, trips: list[Interruption], spooled: bool
) -> None:
    """Each id comes out once and in order, as if nothing had happened; so do the failures."""
    if not CALM:
        calm = World(tmp_path_factory.mktemp("calm"))
        await calm.run(Listed(GIVEN))
        CALM.append(calm.left())
    world = World(tmp_path_factory.mktemp("job"), spooled=spooled)
    for trip in trips:
        done = world.mark.items
        with contextlib.suppress(HubAssocError, OSError, asyncio.CancelledError):
            job = await world.run(Listed(GIVEN), trip)
            assert job.complete is (world.state == "complete")
            assert job.complete or trip.how == "stop"
        assert world.mark.items >= done
        assert world.output.exists() is (world.state == "complete")
    await world.run(Listed(GIVEN))
    assert world.state == "complete"
    assert world.left() == CALM[0]
    lines, failed, counts = world.left()
    order = list(dict.fromkeys(one for one in GIVEN if one in set(IDS)))
    assert [line["from_object_id"] for line in lines] == order
    assert failed == ["no id", "00"]
    assert sum(counts[name] for name in ("found", "none", "failed")) == len(IDS) + 2


@pytest.mark.parametrize("spooled", [False, True])
async def test_what_is_done_is_not_asked_again(tmp_path: Path, spooled: bool) -> None:
    """A job that goes on asks for the ids that its journal does not have, each once."""
    world = World(tmp_path, spooled=spooled)
    job = await world.run(Listed(IDS), Interruption("stop", 3))
    assert not job.complete
    assert 3 * 250 <= world.mark.items < len(IDS)
    done = world.mark.items
    job = await world.run(Listed(IDS))
    assert PORTAL.log.inputs == len(IDS) - done
    assert job.progress().before == done
    assert job.progress().done == job.progress().total == len(IDS)


async def test_a_complete_job_does_nothing(tmp_path: Path) -> None:
    """Run again, it asks nothing and leaves its output alone."""
    world = World(tmp_path)
    await world.run(Listed(IDS))
    before = world.left()
    job = await world.run(Listed(IDS))
    assert job.complete
    assert PORTAL.log.inputs == 0
    assert world.left() == before


async def test_the_daily_quota_keeps_what_there_was(tmp_path: Path) -> None:
    """What had come before the quota was spent is committed, and the job is parked."""
    world = World(tmp_path)
    with pytest.raises(DailyQuotaSpent):
        await world.run(Listed(IDS), Interruption("daily", 2))
    assert (world.state, world.mark.items) == ("parked", 1_000)


async def test_a_source_that_breaks_off(tmp_path: Path) -> None:
    """What came before is exported; given again, it goes on; given another, it refuses."""
    world = World(tmp_path, spooled=True)
    with pytest.raises(SourceError, match="breaks off"):
        await world.run(Listed(IDS[:700], breaks=True))
    assert (world.state, world.mark.items) == ("stopped", 700)
    with pytest.raises(SourceError, match="200 of the 700 ids that had come"):
        await world.run(Listed(IDS[200:]))
    assert world.state == "stopped"
    await world.run(Listed(list(reversed(IDS))))
    order = [line["from_object_id"] for line in world.left()[0]]
    assert sorted(order) == sorted(IDS)
    assert order[:700] == IDS[:700]


async def test_all_records(tmp_path: Path) -> None:
    """Every record is listed and read once; a list that was stopped goes on where it was."""
    world = World(tmp_path, spooled=True)
    portal = build_portal(contacts=2_500, companies=20)
    asked: list[str] = []
    for trip in (Interruption("daily", 6), Interruption("stop", 1), None):
        with contextlib.suppress(DailyQuotaSpent):
            await world.run(None, trip, portal)
        pages = [one for one in portal.requests if one.operation == "objects" and one.status == 200]
        asked += [one.path for one in pages]
    assert [line["from_object_id"] for line in world.left()[0]] == IDS
    assert len(asked) <= 25 + 2  # a page whose answer was not noted is asked for again


class Never(MemoryTransport):
    """A server that answers two requests and no more."""

    def __init__(self) -> None:
        super().__init__(PORTAL)
        self.silent = asyncio.Event()
        self._answers = 2

    async def send(self, request: Request) -> Response:
        """Wait for ever."""
        self._answers -= 1
        if self._answers < 0:
            self.silent.set()
            await asyncio.Event().wait()
        return await super().send(request)


async def test_a_stop_waits_for_nobody_for_long(tmp_path: Path) -> None:
    """What does not come in within the time it has is left, and what had come is kept."""
    world = World(tmp_path)
    journal = Journal.open("job", directory=world.journals)
    transport = Never()
    async with AssociationsClient(transport=transport, quota=None, concurrency=3) as client:
        letters = DeadLetters(world.failures, ORIGIN.letter, job="job")
        sink = open_job_sink(str(world.output), **ENDS, job="job")
        job = ExportJob(client, journal, Listed(IDS), sink, letters=letters)
        task = asyncio.create_task(job.run())
        await transport.silent.wait()
        job.stop(grace=0.01)
        await task
    assert (journal.state, journal.mark.items) == ("stopped", 2_000)
    journal.close()
    await world.run(Listed(IDS))
    assert [line["from_object_id"] for line in world.left()[0]] == IDS


class Ends(Listed):
    """Ids without end."""

    def __init__(self) -> None:
        super().__init__([])

    def __iter__(self) -> Iterator[str]:
        yield from map(str, range(FIRST, FIRST + 10_000_000))


class Late(MemoryTransport):
    """A server whose first answer is late by as many requests as are sent at all."""

    def __init__(self) -> None:
        super().__init__(PORTAL)
        self.sent = 0
        self._first = asyncio.Event()

    async def send(self, request: Request) -> Response:
        """Count it, and let the first one wait until nothing more is sent."""
        self.sent += 1
        number = self.sent
        if number == 1:
            while self.sent != number:
                number = self.sent
                await asyncio.sleep(0.3)
        return await super().send(request)


async def test_a_late_answer_holds_up_the_ids_behind_it(tmp_path: Path) -> None:
    """While the first id has no outcome, only so many ids are read ahead of it."""
    world = World(tmp_path)
    journal = Journal.open("job", directory=world.journals)
    transport = Late()
    async with AssociationsClient(transport=transport, quota=None) as client:
        letters = DeadLetters(world.failures, ORIGIN.letter, job="job")
        sink = open_job_sink(str(world.output), **ENDS, job="job")
        job = ExportJob(client, journal, Ends(), sink, letters=letters)
        task = asyncio.create_task(job.run())
        while journal.mark.items == 0:
            await asyncio.sleep(0.01)
            before = transport.sent
        job.stop()
        await task
    assert before * 1_000 <= 4 * sink.chunk_ids + 16_000
    journal.close()

"""A read job: whatever stops it, what it leaves is together what there was."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, Portal, build_portal
from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs import FailureSink, Progress, ReadJob, SourceError
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.model import ObjectAssociations
from tests.virtual_time import VirtualTimeLoop

LINE = Origin(
    operation="read", from_object_type="contacts", to_object_type="companies", api_version="v4"
).letter

PORTAL = build_portal(contacts=6_000, companies=20)


class Listed:
    """A source in memory, that may break off."""

    def __init__(self, ids: Sequence[str], *, blocks: bool = False, breaks: bool = False) -> None:
        self.name = "a list"
        self.path: Path | None = None
        self.ids = ids
        self.blocks = blocks
        self.skipped = 0
        self.fraction: float | None = None
        self._breaks = breaks

    def __iter__(self) -> Iterator[str]:
        for number, one in enumerate(self.ids, 1):
            self.fraction = number / len(self.ids)
            yield one
        if self._breaks:
            raise SourceError("it breaks off")

    def close(self) -> None:
        """Nothing is open."""


class Kept:
    """A sink in memory."""

    blocks = False

    def __init__(self) -> None:
        self.written: list[ObjectAssociations] = []
        self.complete: bool | None = None
        self.aborted = False

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Keep them."""
        self.written += outcomes

    def commit(self, *, complete: bool = True) -> None:
        """Say how it ended."""
        self.complete = complete

    def abort(self) -> None:
        """Only a sink that was not committed is aborted."""
        self.aborted = True


class Broken(Kept):
    """A sink whose disk is full."""

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Fail."""
        raise OSError(28, "No space left on device")


class Left:
    """What a read left."""

    def __init__(self, source: Listed, sink: Kept) -> None:
        self.source, self.sink = source, sink
        self.stop: BaseException | None = None
        self.unread: list[str] | None = None
        self.progress: Progress

    @property
    def ids(self) -> list[str]:
        """Ids that were written."""
        return [one.from_object_id for one in self.sink.written]


async def run(left: Left, portal: Portal, concurrency: int, cancel_after: float | None) -> None:
    """Run a job until it ends or is cancelled."""
    with TemporaryDirectory() as directory:
        unread = Path(directory) / "unread"
        transport = MemoryTransport(portal, latency=lambda random: random.uniform(0.1, 0.5))
        async with AssociationsClient(
            transport=transport, quota=None, concurrency=concurrency
        ) as client:
            job = ReadJob(
                *(client, "contacts", "companies", left.source, left.sink),
                failures=FailureSink(None, LINE),
                unread=unread,
            )
            task = asyncio.create_task(job.run())
            await asyncio.wait([task], timeout=cancel_after)
            task.cancel()
            with contextlib.suppress(BaseException):
                await task
            left.stop = None if task.cancelled() else task.exception()
            if task.cancelled():
                left.stop = asyncio.CancelledError()
            left.progress = job.progress()
        if job.unread is not None:
            left.unread = unread.read_text().split()
            assert job.unread.count == len(left.unread)


def read(
    left: Left, portal: Portal, *, concurrency: int = 4, cancel_after: float | None = None
) -> None:
    """Run a job on virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run(left, portal, concurrency, cancel_after))


@pytest.fixture
def portal() -> Portal:
    """A portal that nothing is wrong with."""
    PORTAL.heal()
    return PORTAL


@settings(max_examples=40, deadline=None)
@given(
    count=st.sampled_from([0, 1, 1_000, 2_500, 6_000]),
    daily=st.sampled_from([None, 1, 2, 3, 4]),
    cancel_after=st.sampled_from([None, 0.0, 0.6, 1.0, 1.5, 2.5]),
    concurrency=st.integers(1, 3),
)
def test_nothing_is_lost(
    count: int, daily: int | None, cancel_after: float | None, concurrency: int
) -> None:
    """Each id is written once or listed as unread once, whatever stopped the read and when."""
    PORTAL.heal()
    if daily is not None:
        PORTAL.fail("daily", nth=range(daily, 100))
    ids = [str(one) for one in range(1_001, 1_001 + count)]
    left = Left(Listed(ids), Kept())
    read(left, PORTAL, concurrency=concurrency, cancel_after=cancel_after)
    assert left.progress.ids == len(left.ids)
    assert left.progress.associations == sum(len(one.to) for one in left.sink.written)
    if left.stop is None:
        assert left.sink.complete is True
        assert (sorted(left.ids), left.unread) == (ids, None)
        assert (left.progress.total, left.progress.exact) == (count, True)
        return
    assert isinstance(left.stop, DailyQuotaSpent | asyncio.CancelledError)
    if left.ids:
        assert left.sink.complete is False
        assert sorted([*left.ids, *(left.unread or ())]) == ids
    else:
        assert (left.sink.complete, left.unread) == (None, None)


def test_source_that_breaks_off(portal: Portal) -> None:
    """Where a source breaks off, what came before is read, and then it is an error."""
    left = Left(Listed(["1001", "1002", "1003"], breaks=True), Kept())
    read(left, portal)
    assert isinstance(left.stop, SourceError)
    assert sorted(left.ids) == ["1001", "1002", "1003"]
    assert (left.sink.complete, left.unread) == (False, [])


def test_sink_that_fails(portal: Portal) -> None:
    """When the sink fails nothing of it is kept: what is in it is anybody's guess."""
    left = Left(Listed(["1001"]), Broken())
    read(left, portal)
    assert isinstance(left.stop, OSError)
    assert (left.sink.complete, left.sink.aborted, left.unread) == (None, True, None)


def test_failures_and_repeats_are_counted_once(portal: Portal) -> None:
    """An id that is there again is neither written nor counted again, and failures count."""
    left = Left(Listed(["1001", "abc", "1001", "abc", "1002"]), Kept())
    read(left, portal)
    assert sorted(left.ids) == ["1001", "1002"]
    assert (left.progress.ids, left.progress.failed, left.progress.total) == (3, 1, 3)

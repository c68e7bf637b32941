"""A read job whose sink has stalled: it can be stopped, and loses nothing."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, build_portal
from hubassoc_async.jobs import FailureSink, ReadJob
from hubassoc_async.model import ObjectAssociations
from tests.jobs.test_reading import LINE, Kept, Listed


class Stalled(Kept):
    """A pipe whose reader takes some, and then no more."""

    blocks = True

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        self._takes = takes

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Write, or stand still in the thread that writes."""
        if len(self.written) >= self._takes:
            self.stalled.set()
            self.go_on.wait()
            return
        super().write(outcomes)

    def commit(self, *, complete: bool = True) -> None:
        """Flush, which a stalled pipe never ends."""
        assert not self.stalled.is_set(), "the sink is held by a thread that stands still"
        super().commit(complete=complete)


@pytest.mark.parametrize("takes", [0, 2_000])
async def test_what_a_stalled_sink_did_not_take_is_among_what_remains(
    takes: int, tmp_path: Path
) -> None:
    """A job that is cancelled then ends at once; every id is written or listed as unread."""
    ids = [str(one) for one in range(1_001, 6_001)]
    sink = Stalled(takes)
    transport = MemoryTransport(build_portal(contacts=6_000, companies=20))
    async with AssociationsClient(transport=transport, quota=None) as client:
        job = ReadJob(
            client,
            "contacts",
            "companies",
            Listed(ids),
            sink,
            failures=FailureSink(tmp_path / "failures", LINE),
            unread=tmp_path / "unread",
        )
        running = asyncio.create_task(job.run())
        while not sink.stalled.is_set():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    sink.go_on.set()
    written = {one.from_object_id for one in sink.written}
    unread = (tmp_path / "unread").read_text().split()
    assert len(written) == takes
    assert sorted([*written, *unread]) == sorted(ids)

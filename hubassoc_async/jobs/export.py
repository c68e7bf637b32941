"""A read that can die at any instant: ids from a source, outcomes to a sink, in chunks, journalled.

A chunk is committed part by part, and the journal last: failures, then what was read, then how far
the job is. What was written of a chunk that the journal does not have is cut off, or rolled back,
when the job goes on, and the chunk is read again.

Knows: journals, sinks, the client. Does not know: terminals, exit codes, HTTP.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import HubAssocError
from hubassoc_async.jobs.dead_letters import FAILURES, DeadLetters
from hubassoc_async.jobs.feed import whole_in_thread
from hubassoc_async.jobs.file_ids import FileIds
from hubassoc_async.jobs.in_order import InOrder
from hubassoc_async.jobs.job_sink import JobSink
from hubassoc_async.jobs.journal import Journal, Mark
from hubassoc_async.jobs.sources import Source
from hubassoc_async.jobs.spool import JobIds, Spool, SpooledIds
from hubassoc_async.jobs.work import Work
from hubassoc_async.model import Failure, ObjectAssociations
from hubassoc_async.outcome_stream import Blocks

if TYPE_CHECKING:
    from hubassoc_async.stream import ReadStream

_AHEAD_CHUNKS: Final = 4  # most chunks of ids that are out or wait for one before them
_AHEAD_ROWS: Final = 300_000  # most associations held


class ExportProgress(Struct, frozen=True, kw_only=True):
    """How far an export is. At its end, its summary."""

    total: int | None
    """Ids in all; None when that cannot be told."""
    exact: bool
    """Whether ``total`` is counted rather than estimated."""
    done: int
    """Ids that are committed, in earlier runs too."""
    before: int
    """Those that were when this run began."""
    found: int
    none: int
    failed: int
    associations: int
    requests: int
    """Of this run, as all that follow."""
    retries: int
    rate_limited: int
    """Answers that said 429."""
    quota_share: float
    """Share of the quota in use now, 0 to 1."""
    seconds: float


class ExportJob(Work[ExportProgress]):
    """Reads the associations of every id of a source into a sink, each distinct id once."""

    def __init__(
        self,
        client: AssociationsClient,
        journal: Journal,
        source: Source | None,
        sink: JobSink,
        *,
        letters: DeadLetters,
    ) -> None:
        """Begin the job of a journal, or go on with it; nothing is opened before ``run``.

        ``source``: None is every record of the from-type. ``letters``: where failures go.
        """
        super().__init__(journal, letters)
        self._client = client
        self._spec = journal.spec
        self._source = source
        self._sink = sink
        self._order = InOrder(sink.chunk_ids, sink.chunk_rows)
        self._next = self._mark
        self._failed: list[Failure] = []
        self._ids: JobIds | None = None
        self._gate: _Gate | None = None
        self._stream: ReadStream | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hurrying: asyncio.Task[None] | None = None
        self._broken = False

    def stop(self, *, grace: float = 3.0) -> None:
        """Take no more ids, and end when what is out has come in, within ``grace`` seconds."""
        if self.stopping:
            return
        self.stopping = True
        if self._ids is not None and self._gate is not None:
            self._ids.close()
            self._gate.changed()
            self._timer = asyncio.get_running_loop().call_later(grace, self._hurry)

    def progress(self) -> ExportProgress:
        """How far it is now."""
        counters, counts = self._client.counters, self._mark.counts
        total, exact = self._ids.total() if self._ids is not None else (None, False)
        if self.complete:
            total, exact = self._mark.items, True
        return ExportProgress(
            total=total,
            exact=exact,
            done=self._mark.items,
            before=self._before,
            found=counts.get("found", 0),
            none=counts.get("none", 0),
            failed=counts.get("failed", 0),
            associations=counts.get("associations", 0),
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            quota_share=self._client.quota_share,
            seconds=self._elapsed(),
        )

    async def _work(self) -> None:
        """Read, from where every part is."""
        self._journal.set_state("running")
        await self._resume()
        await self._read()

    async def _finish(self) -> None:
        """Give the output and the failures their names."""
        self.output = await whole_in_thread(self._sink.finish)
        await whole_in_thread(self._letters.finish)

    def _let_go(self) -> None:
        self._sink.abandon()
        super()._let_go()

    async def _resume(self) -> None:
        """Bring every part back to one mark, and the ids to the first that is not done."""
        known = self._journal.mark
        mark = self._mark = self._next = await whole_in_thread(self._sink.resume, known)
        if mark.items != known.items:  # the sink had committed a chunk more
            self._journal.commit(mark)
        self._letters.resume(mark.positions.get(FAILURES, 0))
        self._before = mark.items
        if self._spec.fingerprint and self._source is not None:
            self._ids = FileIds(self._source, mark.items)
        else:
            spool = Spool(self._journal)
            listed = self._source is None and not spool.complete
            source = (
                self._client.list_ids(self._spec.from_object_type, after=spool.after)
                if listed
                else self._source
            )
            self._ids = SpooledIds(spool, source, mark.items)
        if self.stopping:
            self._ids.close()

    async def _read(self) -> None:
        """Read from the first id that is not done to the last, and commit in chunks."""
        assert self._ids is not None
        gate = self._gate = _Gate(self._ids, self._order, _AHEAD_CHUNKS * self._sink.chunk_ids)
        ends = self._spec.from_object_type, self._spec.to_object_type
        stream = self._stream = self._client.stream_read(
            *ends, gate, packed=getattr(self._sink, "packed", False)
        )
        try:
            async with stream:
                async for outcomes in stream.batches():
                    self._order.put(outcomes)
                    await self._write()
                    gate.changed()
            await self._commit()
        except HubAssocError:
            if self._broken:
                raise
            await self._commit()
            if not self.stopping:
                raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._hurrying is not None:
                await self._hurrying
            await self._ids.aclose()
        if self._ids.error is not None and not self.stopping:
            raise self._ids.error

    async def _write(self) -> None:
        """Give the sink all that is next, while it is at hand, and commit each chunk that ends."""
        while some := self._order.take():
            # isinstance() takes seven times as long where the answer is no
            whole = cast("list[ObjectAssociations]", some)
            failed = cast("list[Failure]", [one for one in some if one.__class__ is Failure])
            if failed:
                whole = [one for one in some if isinstance(one, ObjectAssociations)]
            self._broken = True  # while it is written, and for good if that fails
            self._sink.write(whole)
            self._broken = False
            self._failed += failed
            self._next = _after(self._next, whole, failed)
            if self._order.whole:
                await self._commit()

    async def _commit(self) -> None:
        """Make what was written durable, and then that it is."""
        mark, failed = self._next, self._failed
        if mark is self._mark:
            return

        def commit() -> None:
            mark.positions[FAILURES] = self._letters.write(failed)
            self._sink.commit(mark)
            self._journal.commit(mark)

        self._broken = True
        await whole_in_thread(commit)
        self._broken = False
        self._mark, self._failed = mark, []

    def _hurry(self) -> None:
        """Wait no longer for what is out."""
        assert self._stream is not None
        reason = HubAssocError("the job was told to stop")
        self._hurrying = asyncio.get_running_loop().create_task(self._stream.aclose(reason))


class _Gate(Blocks[str]):
    """Gives ids to the read as long as not too much waits for an outcome that is late.

    It never waits for nothing: when no id is out, at most the beginning of one chunk is held.
    """

    def __init__(self, ids: JobIds, order: InOrder, most_ids: int) -> None:
        self._ids = ids
        self._order = order
        self._most_ids = most_ids
        self._changed = asyncio.Event()

    async def take(self, most: int) -> Sequence[str]:
        """Wait for room, and then for ids."""
        order = self._order
        while order.waiting >= self._most_ids or (order.waiting and order.held >= _AHEAD_ROWS):
            self._changed.clear()
            await self._changed.wait()
        ids = await self._ids.take(most)
        order.expect(ids)
        return ids

    def changed(self) -> None:
        """Look again whether there is room."""
        self._changed.set()


def _after(mark: Mark, whole: Sequence[ObjectAssociations], failed: Sequence[Failure]) -> Mark:
    """The mark after some more outcomes."""
    sizes = [len(one.to) for one in whole]
    none = sizes.count(0)
    more = {
        "found": len(whole) - none,
        "none": none,
        "failed": len(failed),
        "associations": sum(sizes),
    }
    counts = {name: mark.counts.get(name, 0) + number for name, number in more.items()}
    return Mark(
        items=mark.items + len(whole) + len(failed), counts=counts, positions={**mark.positions}
    )

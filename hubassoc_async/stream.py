"""A read of any length: its outcomes, as they come.

Knows: what is counted and what is left of a read. Does not know: tasks, JSON, HTTP, retries.
"""

from collections.abc import AsyncIterable, Iterable

from msgspec import Struct

from hubassoc_async.errors import HubAssocError
from hubassoc_async.model import Failure, Outcome, ReadResult
from hubassoc_async.outcome_stream import OutcomeStream
from hubassoc_async.pacing import Places, Priority
from hubassoc_async.protocol.batching import Batch
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.sender import Sender

Ids = Iterable[str | int] | AsyncIterable[str | int]


class ReadCounts(Struct):
    """What a read has done so far; live."""

    taken: int = 0
    """Distinct ids taken from the caller's iterable."""
    found: int = 0
    none: int = 0
    failed: int = 0
    associations: int = 0


class ReadStream(OutcomeStream[str | int, Outcome, Batch]):
    """The outcomes of one read, as they come. Made by ``AssociationsClient.stream_read``.

    Use it as ``async with … as outcomes: async for outcome in outcomes: …``. Leaving the block,
    however it is left, ends every task; ``unread`` then has the ids that were taken from the
    iterable and whose outcome was not handed over. An error that stops the read is raised by the
    iteration after every outcome that was there has been handed over.
    """

    operation = "read"

    def __init__(
        self,
        exchange: ReadExchange,
        ids: Ids,
        sender: Sender,
        places: Places,
        *,
        linger: float,
        deadline: float | None,
        priority: Priority = "bulk",
        into: ReadResult | None = None,
    ) -> None:
        """``into`` takes every outcome as soon as it is there, before it is handed over."""
        super().__init__(
            exchange, ids, sender, places, linger=linger, deadline=deadline, priority=priority
        )
        self.counts = ReadCounts()
        self._read = exchange
        self._into = into

    @property
    def unread(self) -> tuple[str, ...]:
        """Ids taken from the iterable whose outcome has not been handed over."""
        waiting = (self._current, *self._outcomes)
        ahead = [outcome.from_object_id for batch in waiting for outcome in batch]
        return (*ahead, *self._read.unread)

    def __repr__(self) -> str:
        counts = self.counts
        state = "ended" if self._ended else "running" if self._driver else "not started"
        read = self._read
        return (
            f"<ReadStream {read.from_object_type}→{read.to_object_type} {state}:"
            f" {counts.found} found, {counts.none} none, {counts.failed} failed"
            f" of {counts.taken} ids taken, {read.in_flight} batches out>"
        )

    def _count(self, outcomes: list[Outcome]) -> None:
        counts = self.counts
        counts.taken = self._read.taken
        if self._into is not None:
            self._into.add(outcomes)
        sizes = [
            len(one.to)  # type: ignore[union-attr]
            for one in outcomes
            if one.__class__ is not Failure  # isinstance() takes seven times as long for a subclass
        ]
        none = sizes.count(0)
        counts.none += none
        counts.found += len(sizes) - none
        counts.associations += sum(sizes)
        counts.failed += len(outcomes) - len(sizes)

    def _tell(self, error: HubAssocError) -> None:
        error.unread = self._read.unread

    def _done(self) -> str:
        counts = self.counts
        return f"{counts.found + counts.none + counts.failed} ids"

    def _left(self) -> str:
        left = len(self._read.unread)
        return f"{left} more were taken and are not read" if left else ""

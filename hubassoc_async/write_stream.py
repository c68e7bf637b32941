"""A write of any length: its outcomes, as they come.

Knows: what is counted and what is left of a write; that types are looked up before it starts. Does
not know: tasks, JSON, HTTP, retries.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

from msgspec import Struct

from hubassoc_async.errors import HubAssocError
from hubassoc_async.model import Failure, Link, LinkGiven, WriteOutcome, Written
from hubassoc_async.outcome_stream import OutcomeStream
from hubassoc_async.pacing import Places, Priority
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.writing import Step, Writing
from hubassoc_async.sender import Sender

Links = Iterable[LinkGiven] | AsyncIterable[LinkGiven]


class WriteCounts(Struct):
    """What a write has done so far; live."""

    taken: int = 0
    """Distinct links taken from the caller's iterable."""
    written: int = 0
    unchanged: int = 0
    failed: int = 0


class WriteStream(OutcomeStream[LinkGiven, WriteOutcome, Step]):
    """The outcomes of one write, as they come. Made by ``AssociationsClient.stream_create`` etc.

    Use it as ``async with … as outcomes: async for outcome in outcomes: …``. Leaving the block,
    however it is left, ends every task; ``unwritten`` then has the links that were taken from the
    iterable and have no outcome: they can be written again. An error that stops the write is
    raised by the iteration after every outcome that was there has been handed over.
    """

    operation = "write"

    def __init__(
        self,
        make: Callable[[LabelTypes | None], Writing],
        label_types: Callable[[], Awaitable[LabelTypes]] | None,
        links: Links,
        sender: Sender,
        places: Places,
        *,
        linger: float,
        deadline: float | None,
        priority: Priority,
    ) -> None:
        """``label_types`` looks up the types there are; None when none are needed."""
        self._writing = make(None)
        super().__init__(
            self._writing,
            links,
            sender,
            places,
            linger=linger,
            deadline=deadline,
            priority=priority,
        )
        self.counts = WriteCounts()
        self._make = make
        self._label_types = label_types

    @property
    def unwritten(self) -> tuple[Link, ...]:
        """Links taken from the iterable that have no outcome."""
        return self._writing.unwritten

    def __repr__(self) -> str:
        counts = self.counts
        state = "ended" if self._ended else "running" if self._driver else "not started"
        writing = self._writing
        return (
            f"<WriteStream {writing.operation}"
            f" {writing.from_object_type}→{writing.to_object_type} {state}:"
            f" {counts.written} written, {counts.unchanged} unchanged, {counts.failed} failed"
            f" of {counts.taken} links taken, {writing.in_flight} batches out>"
        )

    async def _prepare(self) -> None:
        if self._label_types is not None:
            self._exchange = self._writing = self._make(await self._label_types())

    def _count(self, outcomes: list[WriteOutcome]) -> None:
        counts = self.counts
        counts.taken = self._writing.taken
        for outcome in outcomes:
            if isinstance(outcome, Written):
                counts.written += 1
            elif isinstance(outcome, Failure):
                counts.failed += 1
            else:
                counts.unchanged += 1

    def _tell(self, error: HubAssocError) -> None:
        error.unwritten = self._writing.unwritten

    def _done(self) -> str:
        counts = self.counts
        return f"{counts.written + counts.unchanged + counts.failed} links"

    def _left(self) -> str:
        left = len(self._writing.unwritten)
        return f"{left} more were taken and have no outcome" if left else ""

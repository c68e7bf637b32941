"""One operation of any length: ids are pulled, batches sent, outcomes handed over as they come.

Knows: tasks, order of pulling and sending, bounds on memory. Does not know: JSON, HTTP, retries.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Self

from msgspec import Struct

from hubassoc_async.errors import DeadlineExceeded, HubAssocError, UsageError
from hubassoc_async.model import ObjectAssociations, Outcome
from hubassoc_async.pacing import TimerHandle, Turn
from hubassoc_async.protocol.batching import Batch
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.sender import Sender

Ids = Iterable[str | int] | AsyncIterable[str | int]

_log = logging.getLogger("hubassoc_async")
# Batches of outcomes that may wait for a slow consumer before no more requests are sent.
_BATCHES_AHEAD = 4


class ReadCounts(Struct):
    """What a read has done so far; live."""

    taken: int = 0
    """Distinct ids taken from the caller's iterable."""
    found: int = 0
    none: int = 0
    failed: int = 0
    associations: int = 0


class ReadStream:
    """The outcomes of one read, as they come. Made by ``AssociationsClient.stream_read``.

    Use it as ``async with … as outcomes: async for outcome in outcomes: …``. Leaving the block,
    however it is left, ends every task; ``unread`` then has the ids that were taken from the
    iterable and whose outcome was not handed over. An error that stops the read is raised by the
    iteration after every outcome that was there has been handed over.
    """

    def __init__(
        self,
        exchange: ReadExchange,
        ids: Ids,
        sender: Sender,
        places: asyncio.Semaphore,
        *,
        linger: float,
        deadline: float | None,
    ) -> None:
        self.counts = ReadCounts()
        self._exchange = exchange
        self._ids = ids
        self._sender = sender
        self._places = places
        self._linger = linger
        self._deadline = deadline
        self._outcomes: deque[list[Outcome]] = deque()
        self._current: deque[Outcome] = deque()
        self._arrived = asyncio.Event()  # for the consumer: outcomes, or the end
        self._changed = asyncio.Event()  # for the driver: something it decides on
        self._pull_on = asyncio.Event()  # for an asynchronous iterable: room for more ids
        self._lingered = False
        self._linger_timer: TimerHandle | None = None
        self._driver: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._ended = False

    @property
    def running(self) -> bool:
        """Whether it has been entered and has not ended."""
        return self._driver is not None and not self._ended

    @property
    def unread(self) -> tuple[str, ...]:
        """Ids taken from the iterable whose outcome has not been handed over."""
        waiting = (self._current, *self._outcomes)
        ahead = [outcome.from_object_id for batch in waiting for outcome in batch]
        return (*ahead, *self._exchange.unread)

    def __repr__(self) -> str:
        counts = self.counts
        state = "ended" if self._ended else "running" if self._driver else "not started"
        exchange = self._exchange
        return (
            f"<ReadStream {exchange.from_object_type}→{exchange.to_object_type} {state}:"
            f" {counts.found} found, {counts.none} none, {counts.failed} failed"
            f" of {counts.taken} ids taken, {exchange.in_flight} batches out>"
        )

    async def __aenter__(self) -> Self:
        if self._driver is not None:
            raise UsageError("a read stream is used once: call stream_read again")
        self._driver = asyncio.create_task(self._drive(), name="hubassoc read")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self, reason: HubAssocError | None = None) -> None:
        """End every task. With a reason, the iteration raises it."""
        if self._driver is None or self._ended:
            return
        self._error = self._error or reason
        self._driver.cancel()
        await asyncio.wait([self._driver])
        if self._exchange.unread:
            _log.info("%r was left: %d ids taken and not read", self, len(self.unread))

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        while not self._current:
            self._current = deque(await self.next_batch())
        return self._current.popleft()

    def batches(self) -> "AsyncIterator[list[Outcome]]":
        """Iterate over the same outcomes in lists, as they come: cheaper for a bulk consumer."""
        return _Batches(self)

    async def next_batch(self) -> list[Outcome]:
        """Wait for the next outcomes. Raises ``StopAsyncIteration`` after the last."""
        if self._driver is None:
            raise UsageError("enter the read stream first: async with client.stream_read(…) as …")
        while not self._outcomes:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._changed.set()
        self._pull_on.set()
        return self._outcomes.popleft()

    async def _drive(self) -> None:
        """Run the read; whatever ends it is kept for the consumer."""
        deadline = self._start_deadline()
        try:
            async with asyncio.TaskGroup() as tasks:
                if isinstance(self._ids, AsyncIterable):
                    tasks.create_task(self._pull(self._ids))
                    await self._send_all(tasks, None)
                else:
                    await self._send_all(tasks, iter(self._ids))
        except BaseExceptionGroup as group:
            self._error = self._error or group.exceptions[0]
        except asyncio.CancelledError:
            self._error = self._error or HubAssocError("the read was left before its end")
        finally:
            self._end_linger()
            if deadline is not None:
                deadline.cancel()
            if self._error is None and not self._exchange.finished:
                self._error = HubAssocError("the read ended before its end")
            if isinstance(self._error, HubAssocError):
                self._error.unread = self._exchange.unread
            self._ended = True
            self._arrived.set()

    async def _send_all(self, tasks: asyncio.TaskGroup, ids: Iterator[str | int] | None) -> None:
        """Pull ids and send batches until every id is out. Without ``ids``, ``_pull`` pulls."""
        exchange = self._exchange
        while not exchange.finished:
            self._changed.clear()
            room = len(self._outcomes) < _BATCHES_AHEAD
            if room and ids is not None and exchange.wanted:
                chunk = list(islice(ids, exchange.wanted))
                exchange.more_ids = bool(chunk)
                self._deliver(exchange.feed(chunk))
                await asyncio.sleep(0)  # a long run of repeated ids must not block the loop
            elif room and exchange.ready(eager=self._lingered):
                await self._send_one(tasks)
            else:
                if room:
                    self._start_linger()
                await self._changed.wait()

    async def _send_one(self, tasks: asyncio.TaskGroup) -> None:
        """Wait for a place and a turn, and only then choose the batch.

        While we wait, answers may bring cursors that share it.
        """
        exchange = self._exchange
        await self._places.acquire()
        try:
            turn = await self._sender.pacer.acquire()
        except BaseException:
            self._places.release()
            raise
        if not exchange.ready(eager=self._lingered):
            turn.give_back()
            self._places.release()
            return
        self._end_linger()
        batch = exchange.next_batch()
        self._pull_on.set()
        task = tasks.create_task(self._ask(batch, turn))

        def end(_: "asyncio.Task[None]") -> None:
            # not in _ask itself: a task that is cancelled before its first step never enters it
            turn.give_back()
            self._places.release()

        task.add_done_callback(end)

    async def _ask(self, batch: Batch, turn: Turn) -> None:
        self._deliver(await self._sender.ask(self._exchange, batch, turn))
        self._changed.set()

    async def _pull(self, ids: AsyncIterable[str | int]) -> None:
        """Pull ids for the next batch, and no more, from an asynchronous iterable."""
        exchange = self._exchange
        async for given in ids:
            self._deliver(exchange.feed((given,)))
            self._changed.set()
            while not exchange.wanted or len(self._outcomes) >= _BATCHES_AHEAD:
                self._pull_on.clear()
                await self._pull_on.wait()
        exchange.more_ids = False
        self._changed.set()

    def _deliver(self, outcomes: list[Outcome]) -> None:
        counts = self.counts
        counts.taken = self._exchange.taken
        if not outcomes:
            return
        for outcome in outcomes:
            if not isinstance(outcome, ObjectAssociations):
                counts.failed += 1
            elif outcome.to:
                counts.found += 1
                counts.associations += len(outcome.to)
            else:
                counts.none += 1
        self._outcomes.append(outcomes)
        self._arrived.set()

    def _start_linger(self) -> None:
        """Let a batch that is not full wait no longer than ``linger`` for more to share it."""
        if self._linger_timer is None and not self._lingered and self._exchange.packer.waiting:
            clock = self._sender.clock
            self._linger_timer = clock.call_at(clock.time() + self._linger, self._linger_over)

    def _linger_over(self) -> None:
        self._lingered = True
        self._linger_timer = None
        self._changed.set()

    def _end_linger(self) -> None:
        self._lingered = False
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _start_deadline(self) -> TimerHandle | None:
        if self._deadline is None:
            return None
        clock = self._sender.clock
        return clock.call_at(clock.time() + self._deadline, self._expire)

    def _expire(self) -> None:
        if self._driver is not None and not self._ended:
            counts = self.counts
            done = counts.found + counts.none + counts.failed
            self._error = self._error or DeadlineExceeded(
                f"the deadline of {self._deadline:g} s passed after {done} ids;"
                f" {len(self._exchange.unread)} more were taken and are not read"
            )
            self._driver.cancel()


class _Batches:
    """An iterator rather than a generator: nothing to finalise when a loop is left early."""

    def __init__(self, stream: ReadStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Outcome]:
        return await self._stream.next_batch()

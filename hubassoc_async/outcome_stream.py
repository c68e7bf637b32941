"""One operation of any length: items are pulled, batches sent, outcomes handed over as they come.

Knows: tasks, order of pulling and sending, bounds on memory. Does not know: JSON, HTTP, retries,
or which operation it is.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from hubassoc_async.errors import DeadlineExceeded, HubAssocError, UsageError
from hubassoc_async.pacing import Places, Priority, TimerHandle, Turn
from hubassoc_async.sender import Exchange, Inputs, Sender

I = TypeVar("I")  # noqa: E741  what is pulled: an id, a link
O = TypeVar("O")  # noqa: E741  an outcome
B = TypeVar("B", bound=Inputs)
I_contra = TypeVar("I_contra", contravariant=True)

_log = logging.getLogger("hubassoc_async")
# Batches of outcomes that may wait for a slow consumer before no more requests are sent.
_BATCHES_AHEAD = 4


class StreamExchange(Exchange[O, B], Protocol[I_contra, O, B]):
    """What an operation is to the stream that drives it; see ``ReadExchange``."""

    more_ids: bool
    """Whether ``feed`` may be called again."""

    @property
    def wanted(self) -> int:
        """How many more items fill the next batch."""

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send, were it not for a fuller batch."""

    @property
    def finished(self) -> bool:
        """Whether every item is out and no more will come."""

    def feed(self, items: Iterable[I_contra], /) -> list[O]:
        """Take items; returns the failures of those that cannot be sent."""

    def ready(self, *, eager: bool = False) -> bool:
        """Say whether a batch should go now; ``eager`` ends the wait for a fuller one."""

    def next_batch(self) -> B:
        """Take the next batch to send."""


class Blocks(AsyncIterator[I]):
    """An asynchronous iterable that gives what it has in lists: much cheaper, item by item."""

    @abstractmethod
    async def take(self, most: int) -> Sequence[I]:
        """Wait for the next items and give what is there, at most so many. None is the end."""

    async def __anext__(self) -> I:
        for item in await self.take(1):
            return item
        raise StopAsyncIteration


class OutcomeStream(ABC, Generic[I, O, B]):
    """The outcomes of one operation, as they come.

    Use it as ``async with … as outcomes: async for outcome in outcomes: …``. Leaving the block,
    however it is left, ends every task. An error that stops the operation is raised by the
    iteration after every outcome that was there has been handed over.
    """

    operation: ClassVar[str]
    """What it does, as a noun."""

    def __init__(
        self,
        exchange: StreamExchange[I, O, B],
        items: Iterable[I] | AsyncIterable[I],
        sender: Sender,
        places: Places,
        *,
        linger: float,
        deadline: float | None,
        priority: Priority = "bulk",
    ) -> None:
        self._exchange = exchange
        self._items = items
        self._sender = sender
        self._places = places
        self._linger = linger
        self._deadline = deadline
        self._priority = priority
        self._outcomes: deque[list[O]] = deque()
        self._current: deque[O] = deque()
        self._arrived = asyncio.Event()  # for the consumer: outcomes, or the end
        self._changed = asyncio.Event()  # for the driver: something it decides on
        self._pull_on = asyncio.Event()  # for an asynchronous iterable: room for more
        self._lingered = False
        self._linger_timer: TimerHandle | None = None
        self._driver: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._ended = False

    @property
    def running(self) -> bool:
        """Whether it has been entered and has not ended."""
        return self._driver is not None and not self._ended

    async def __aenter__(self) -> Self:
        if self._driver is not None:
            raise UsageError(f"a {self.operation} stream is used once: ask the client for another")
        self._driver = asyncio.create_task(self._drive(), name=f"hubassoc {self.operation}")
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
        if not self._ended:  # it was cancelled before its first step
            self._end()
        if left := self._left():
            _log.info("%r was left: %s", self, left)

    def __aiter__(self) -> AsyncIterator[O]:
        return self

    async def __anext__(self) -> O:
        while not self._current:
            self._current = deque(await self.next_batch())
        return self._current.popleft()

    def batches(self) -> "AsyncIterator[list[O]]":
        """Iterate over the same outcomes in lists, as they come: cheaper for a bulk consumer."""
        return _Batches(self)

    async def next_batch(self) -> list[O]:
        """Wait for the next outcomes. Raises ``StopAsyncIteration`` after the last."""
        if self._driver is None:
            raise UsageError("enter the stream first: async with client.stream_…(…) as outcomes")
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

    async def _prepare(self) -> None:
        """Get ready, within the deadline, before anything is pulled."""

    @abstractmethod
    def _count(self, outcomes: list[O]) -> None:
        """Count outcomes that are about to be handed over."""

    @abstractmethod
    def _tell(self, error: HubAssocError) -> None:
        """Put into an error what was taken and has no outcome."""

    @abstractmethod
    def _done(self) -> str:
        """Say how much is done."""

    @abstractmethod
    def _left(self) -> str:
        """Say how much was taken and has no outcome; nothing if there is none."""

    async def _drive(self) -> None:
        """Run the operation; whatever ends it is kept for the consumer."""
        deadline = self._start_deadline()
        try:
            await self._prepare()
            async with asyncio.TaskGroup() as tasks:
                if isinstance(self._items, AsyncIterable):
                    tasks.create_task(self._pull(self._items))
                    await self._send_all(tasks, None)
                else:
                    await self._send_all(tasks, iter(self._items))
        except BaseExceptionGroup as group:
            self._error = self._error or group.exceptions[0]
        except asyncio.CancelledError:
            left = f"the {self.operation} was left before its end"
            self._error = self._error or HubAssocError(left)
        except Exception as error:  # of the preparation
            self._error = self._error or error
        finally:
            self._end_linger()
            if deadline is not None:
                deadline.cancel()
            self._end()

    def _end(self) -> None:
        if self._error is None and not self._exchange.finished:
            self._error = HubAssocError(f"the {self.operation} was left before its end")
        if isinstance(self._error, HubAssocError):
            self._tell(self._error)
        self._ended = True
        self._arrived.set()

    async def _send_all(self, tasks: asyncio.TaskGroup, items: Iterator[I] | None) -> None:
        """Pull items and send batches until all are out. Without ``items``, ``_pull`` pulls."""
        exchange = self._exchange
        while not exchange.finished:
            self._changed.clear()
            room = len(self._outcomes) < _BATCHES_AHEAD
            if room and items is not None and exchange.wanted:
                self._pull_some(items)
                await asyncio.sleep(0)  # a long run of repeats must not block the loop
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
        await self._places.acquire(self._priority)
        try:
            turn = await self._sender.pacer.acquire(self._priority)
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

    async def _ask(self, batch: B, turn: Turn) -> None:
        self._deliver(await self._sender.ask(self._exchange, batch, turn))
        self._changed.set()

    def _pull_some(self, items: Iterator[I]) -> None:
        """Pull items for the next batch. What came before an error of theirs is taken, too."""
        exchange = self._exchange
        chunk: list[I] = []
        try:
            chunk.extend(islice(items, exchange.wanted))  # list() would lose them with the error
        finally:
            exchange.more_ids = bool(chunk)
            self._deliver(exchange.feed(chunk))

    async def _pull(self, items: AsyncIterable[I]) -> None:
        """Pull items for the next batch, and no more, from an asynchronous iterable."""
        exchange = self._exchange
        async for given in self._blocks(items):
            self._deliver(exchange.feed(given))
            self._changed.set()
            while not exchange.wanted or len(self._outcomes) >= _BATCHES_AHEAD:
                self._pull_on.clear()
                await self._pull_on.wait()
        exchange.more_ids = False
        self._changed.set()

    async def _blocks(self, items: AsyncIterable[I]) -> AsyncIterator[Sequence[I]]:
        if isinstance(items, Blocks):
            while block := await items.take(self._exchange.wanted):
                yield block
            return
        async for item in items:
            yield (item,)

    def _deliver(self, outcomes: list[O]) -> None:
        self._count(outcomes)
        if not outcomes:
            return
        self._outcomes.append(outcomes)
        self._arrived.set()

    def _start_linger(self) -> None:
        """Let a batch that is not full wait no longer than ``linger`` for more to share it."""
        if self._linger_timer is None and not self._lingered and self._exchange.waiting:
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
            self._error = self._error or DeadlineExceeded(
                f"the deadline of {self._deadline:g} s passed after {self._done()};"
                f" {self._left() or 'nothing else was taken'}"
            )
            self._driver.cancel()


class _Batches(Generic[O]):
    """An iterator rather than a generator: nothing to finalise when a loop is left early."""

    def __init__(self, stream: "OutcomeStream[Any, O, Any]") -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[O]:
        return await self._stream.next_batch()

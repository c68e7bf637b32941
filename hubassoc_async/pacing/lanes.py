"""Who is next: interactive before bulk, but bulk never starves.

Knows: futures in two queues. Does not know: what they wait for.
"""

import asyncio
from collections import deque
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Priority = Literal["interactive", "bulk"]

_INTERACTIVE_RUN = 9  # grants in a row before one goes to bulk that waits: bulk keeps a tenth


class Lanes(Generic[T]):
    """Two queues of waiters, each first come first served."""

    def __init__(self) -> None:
        self._interactive: deque[asyncio.Future[T]] = deque()
        self._bulk: deque[asyncio.Future[T]] = deque()
        self._run = 0  # interactive grants since one of bulk

    def add(self, priority: Priority) -> "asyncio.Future[T]":
        """Queue up."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        (self._interactive if priority == "interactive" else self._bulk).append(waiter)
        return waiter

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return _waits(self._interactive) or _waits(self._bulk)

    def pop(self) -> "asyncio.Future[T] | None":
        """Take out whose turn it is; None: nobody waits."""
        bulk = _waits(self._bulk)
        if _waits(self._interactive) and not (bulk and self._run >= _INTERACTIVE_RUN):
            self._run = self._run + 1 if bulk else 0
            return self._interactive.popleft()
        self._run = 0
        return self._bulk.popleft() if bulk else None

    def fail(self, error: Exception) -> None:
        """Wake everyone with an error."""
        while waiter := self.pop():
            waiter.set_exception(error)


def _waits(lane: "deque[asyncio.Future[T]]") -> bool:
    """Whether anybody waits in a lane; those who were cancelled are passed over."""
    while lane and lane[0].done():
        lane.popleft()
    return bool(lane)


class Places:
    """A semaphore with lanes: so many hold a place at once.

    Interactive work may take one place more: bulk that waits for its turn holds places too.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._lanes: Lanes[None] = Lanes()

    async def acquire(self, priority: Priority) -> None:
        """Wait for a place."""
        if self._free > (-1 if priority == "interactive" else 0):
            self._free -= 1
            return
        waiter = self._lanes.add(priority)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()  # it was handed over in the moment of the cancellation
            raise

    def release(self) -> None:
        """Give a place back."""
        self._free += 1
        if self._free > 0 and (waiter := self._lanes.pop()):
            self._free -= 1
            waiter.set_result(None)

"""Files that make one wait, and a loop that must not: blocking calls in threads of their own.

The threads are daemons, unlike those of an executor: a read of a pipe whose writer sleeps, or a
write to a pipe whose reader does, cannot be interrupted and must not hold the process back when it
wants to end.

Knows: threads. Does not know: what is read or written.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from hubassoc_async.outcome_stream import Blocks

T = TypeVar("T")

_AHEAD: Final = 10_000  # most items read before they are asked for


class Feed(Blocks[T]):
    """An iterable that may block, read ahead in a thread and given to an event loop.

    What has come is given at once, however long the next item takes. At most 10,000 items are
    held. Ends as the iterable ends, with its exception if it has one. Nothing is read before the
    first item is asked for.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self._held: deque[T] = deque()
        self._room = threading.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None  # set by the loop only
        self._woken: asyncio.Future[None] | None = None  # set by the thread only
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._fill, name="hubassoc ids", daemon=True)

    async def take(self, most: int) -> list[T]:
        """Wait for the next items and give what has come, at most so many. None is the end."""
        if self._thread.ident is None:
            self._thread.start()
        while not self._held:
            if self._ended and not self._held:
                if self._error is not None:
                    raise self._error
                return []
            waiter = self._waiter = self._loop.create_future()
            if not self._held and not self._ended:  # else the thread looked before it was there
                await waiter
            self._waiter = None
        items = [self._held.popleft() for _ in range(min(most, len(self._held)))]
        if len(self._held) < _AHEAD // 2:
            self._room.set()
        return items

    @property
    def exhausted(self) -> bool:
        """Whether everything has been read, though not all of it may be given out."""
        return self._ended

    @property
    def ended(self) -> bool:
        """Whether everything has been given out."""
        return self._ended and not self._held

    def held(self) -> list[T]:
        """Items that were read and not given out."""
        return list(self._held)

    def _fill(self) -> None:
        try:
            for item in self._items:
                self._held.append(item)
                self._wake()
                if len(self._held) >= _AHEAD:
                    self._room.clear()
                    if len(self._held) >= _AHEAD // 2:
                        self._room.wait()
        except BaseException as error:
            self._error = error
        finally:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and waiter is not self._woken:
            self._woken = waiter
            _call(self._loop, _release, waiter)


async def in_thread(call: Callable[..., T], *args: object) -> T:
    """Make a blocking call in a daemon thread and wait for it.

    Cancelling stops the wait, not the call.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            outcome = call(*args), None
        except BaseException as error:
            outcome = None, error  # type: ignore[assignment]
        _call(loop, settle, *outcome)

    threading.Thread(target=run, name="hubassoc file", daemon=True).start()
    return await done


async def whole_in_thread(call: Callable[..., T], *args: object) -> T:
    """Make a blocking call in a thread and wait for it to end, even when cancelled meanwhile."""
    running = asyncio.ensure_future(in_thread(call, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _call(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
        loop.call_soon_threadsafe(call, *args)

"""What pacing needs of a clock.

Knows: nothing else of this package.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol


class TimerHandle(Protocol):
    """What a clock's ``call_at`` returns."""

    def cancel(self) -> None:
        """Call it off."""


class Clock(Protocol):
    """Time in seconds, and calls at a time: what an asyncio event loop has, and the default."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> TimerHandle:
        """Call back at that time."""


async def sleep(clock: Clock, seconds: float) -> None:
    """Sleep on a given clock."""
    done = asyncio.Event()
    timer = clock.call_at(clock.time() + seconds, done.set)
    try:
        await done.wait()
    finally:
        timer.cancel()

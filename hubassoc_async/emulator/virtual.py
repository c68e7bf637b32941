"""Virtual time: run a coroutine on a loop whose clock jumps to the next timer.

Hours of pacing and retries against a portal in memory pass in milliseconds, and the same every
time. There is no outside on such a loop: no sockets, no threads.

Knows: asyncio's selector. Does not know: portals.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

TICK = 1e-9
"""Seconds by which time moves at the least, for code that waits until the clock has moved."""


class _Jumping(selectors.SelectSelector):
    """Instead of waiting, it lets time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("virtual time has stopped: everything waits and no timer is set")
            self.now += max(timeout, TICK)
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, jumping: _Jumping) -> None:
        super().__init__(jumping)
        self._jumping = jumping

    def time(self) -> float:
        return self._jumping.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on virtual time, which starts at 0.

    Raises ``RuntimeError`` when nothing can ever happen again.
    """
    with asyncio.Runner(loop_factory=lambda: _VirtualLoop(_Jumping())) as runner:
        return runner.run(main)

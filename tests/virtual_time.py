"""An event loop whose clock is a number: hours of pacing and retries run in milliseconds.

``run_virtual(main())`` runs a coroutine on it; ``@on_virtual_time`` does so for a test. ``time()``
stands still while anything is ready and jumps to the next timer when nothing is. Waiting for the
outside (sockets, subprocesses, names) is an error, and so is a state that can never change: both
say what was waiting. When the coroutine returns, no task may be left and no error unseen.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, NoReturn, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
Lag = Callable[[], float]

TICK = 1e-9
"""How far the clock moves each turn: a limiter that compares a time of its own with the loop's
(aiolimiter does) would spin for ever on a clock that stands quite still."""
MOST_TURNS_AT_ONE_TIME = 1_000_000
"""Turns without a timer after which a program counts as spinning: about five seconds of CPU."""
DECEMBER = 1_000.0
"""Where the clock starts: not at 0, so that code taking 0 for *never* or *now* shows."""


class VirtualTimeError(RuntimeError):
    """What a coroutine did cannot be run on virtual time."""


class Deadlock(VirtualTimeError):
    """Nothing is ready and no timer is set: the program would wait for ever."""


class Livelock(VirtualTimeError):
    """The program keeps turning without ever letting the clock go on."""


class LeftBehind(AssertionError):
    """The program ended with tasks still running, or with an error nobody looked at."""


class _VirtualSelector(selectors.BaseSelector):
    """Waits for time only. The one registration it takes is the loop's own wake-up pipe."""

    def __init__(self, lag: Lag | None) -> None:
        self.now = DECEMBER
        self.loop: asyncio.AbstractEventLoop | None = None
        self._lag = lag
        self._turns = 0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += TICK
        if timeout is None:
            raise Deadlock(f"nothing is ready and no timer is set; waiting: {_waiting(self.loop)}")
        if timeout > 0:
            self._turns = 0
            self.now += timeout + (self._lag() if self._lag is not None else 0.0)
            return []
        self._turns += 1
        if self._turns > MOST_TURNS_AT_ONE_TIME:
            raise Livelock(f"{self._turns} turns without a timer; running: {_waiting(self.loop)}")
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._keys:
            raise VirtualTimeError(f"real I/O ({fileobj!r}) cannot be waited for on virtual time")
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[fileobj]  # KeyError is how the loop learns that it is not registered

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys

    def close(self) -> None:
        self._keys.clear()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose ``time()`` jumps. ``lag()`` is how late, in seconds, each jump wakes it up."""

    def __init__(self, lag: Lag | None = None) -> None:
        self._virtual = _VirtualSelector(lag)
        super().__init__(self._virtual)
        self._virtual.loop = self
        self.unseen: list[str] = []
        self.set_exception_handler(self._note_unseen)

    def time(self) -> float:
        """Virtual seconds."""
        return self._virtual.now

    def _note_unseen(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unseen.append(describe_unseen(context))

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run ``func`` here and now: a thread's work takes no virtual time and keeps its order."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # as a thread does: its waiter gets it
            future.set_exception(error)
        return future

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: names are resolved by the outside."""
        raise VirtualTimeError(f"looking up {args!r} cannot be waited for on virtual time")


def describe_unseen(context: dict[str, Any]) -> str:
    """Say what an event loop's exception handler was told."""
    return f"{context.get('message')}: {context.get('exception')!r} {context.get('task', '')}"


def _waiting(loop: asyncio.AbstractEventLoop | None) -> str:
    tasks = asyncio.all_tasks(loop) if loop is not None else set()
    return "; ".join(sorted(map(describe_task, tasks))) or "no task"


def describe_task(task: "asyncio.Task[Any]") -> str:
    """Name a task and the coroutines it waits in, outermost first, each with its line."""
    chain = []
    awaited: Any = task.get_coro()
    while hasattr(awaited, "cr_frame"):
        line = f":{awaited.cr_frame.f_lineno}" if awaited.cr_frame is not None else ""
        chain.append(f"{awaited.__qualname__}{line}")
        awaited = awaited.cr_await
    return f"{task.get_name()} in {' > '.join(chain)}"


def run_virtual(main: Coroutine[Any, Any, T], *, lag: Lag | None = None) -> T:
    """Run ``main`` to its end on a new loop with virtual time and give its result.

    Raises ``LeftBehind`` if ``main`` returns while a task it started is not done, or if an error
    reached nobody. An exception of ``main`` itself goes first.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(lag)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        result = runner.run(_and_leave_nothing(main))
    if loop.unseen:
        raise LeftBehind("; ".join(loop.unseen))
    return result


async def _and_leave_nothing(main: Coroutine[Any, Any, T]) -> T:
    result = await main
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        raise LeftBehind(f"left running: {'; '.join(sorted(map(describe_task, left)))}")
    return result


def on_virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an ``async def`` test an ordinary one that runs on virtual time.

    Under hypothesis it stands below ``@given``. Fixtures work, as long as none needs a loop.
    """

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run

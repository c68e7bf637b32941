"""One batch to its outcomes: retry( pace( send ) ).

Knows: turns, waits, attempts. Does not know: what is in a batch, JSON, who wants the outcomes.
"""

import asyncio
import logging
from collections.abc import Callable, Sized
from itertools import count
from types import coroutine
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from hubassoc_async.errors import TransportError
from hubassoc_async.pacing import Clock, Pacer, Pacers, Turn
from hubassoc_async.pacing.clock import sleep
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.problem import Problem, Remedy, transport_problem
from hubassoc_async.protocol.quota import bucket_of, signal_of
from hubassoc_async.protocol.retry import RetryBudget, RetryPolicy, Silence
from hubassoc_async.protocol.steps import Steps
from hubassoc_async.transport import Transport

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741  an outcome


class Inputs(Protocol):
    """A batch, as far as a sender looks into it."""

    @property
    def inputs(self) -> Sized:
        """The inputs of one request."""

    @property
    def split(self) -> object:
        """What it was cut from, if it is a part."""


B = TypeVar("B", bound=Inputs)
B_contra = TypeVar("B_contra", bound=Inputs, contravariant=True)

_TOO_MANY = 429
_log = logging.getLogger("hubassoc_async")


class Exchange(Protocol[O, B_contra]):
    """What an operation is to those who send for it; see ``ReadExchange``."""

    def request(self, batch: B_contra, /) -> Request:
        """Spell a batch as a request."""

    def receive(self, batch: B_contra, response: Response, /) -> "Steps[list[O] | Problem]":
        """Take a response, in steps: outcomes, or why it is no answer."""

    def give_up(self, batch: B_contra, problem: Problem, /) -> list[O]:
        """Take back a batch that has no answer."""


class Counters(Struct):
    """What a client has done so far; live."""

    requests: int = 0
    """Requests sent, repeats included."""
    retries: int = 0
    rate_limited: int = 0
    """Requests that were answered 429."""
    halvings: int = 0
    """Batches cut in two because of a problem."""
    in_flight: int = 0
    """Requests that are out now."""
    bytes_received: int = 0
    """Bytes of bodies, decompressed."""
    batches: int = 0
    """Those of the requests that draw on the associations quota: all but lists of records and what
    is asked of one record or pair."""
    inputs: int = 0
    """Inputs of batches sent, repeats included."""
    answered: int = 0
    """Requests that an answer came to, whatever it says."""
    waited: float = 0.0
    """Seconds that answers took, added up."""


class Sender:
    """Sends the batches of every operation of one client."""

    def __init__(
        self,
        transport: Transport,
        pacers: Pacers,
        *,
        retry: RetryPolicy,
        clock: Clock,
        random: Callable[[], float],
        counters: Counters,
    ) -> None:
        self.pacers = pacers
        self.clock = clock
        self.counters = counters
        self._transport = transport
        self._retry = retry
        self._budget = RetryBudget(retry)
        self._random = random
        self._silence = Silence()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._large = asyncio.Lock()  # of this loop

    @property
    def pacer(self) -> Pacer:
        """The pacer of batch operations."""
        return self.pacers.of("associations")

    async def ask(
        self, exchange: Exchange[O, B], batch: B, turn: Turn, *, repeatable: bool = True
    ) -> list[O]:
        """Send a batch, its first time in the caller's turn, until it is answered or given up.

        Where it is not ``repeatable``, it is sent again only if it cannot have been acted on.

        Raises the ``HubAssocError`` that stops the whole operation.
        """
        request = exchange.request(batch)
        pacer = self.pacers.of(bucket_of(request))
        if turn.bucket != pacer.bucket:
            turn.give_back()
            turn = await pacer.acquire(turn.priority)
        self._silence.begin(self.clock.time())
        try:
            return await self._ask(exchange, batch, request, turn, repeatable)
        finally:
            self._silence.end(self.clock.time())

    async def _ask(
        self, exchange: Exchange[O, B], batch: B, request: Request, turn: Turn, repeatable: bool
    ) -> list[O]:
        started = self.clock.time()
        for attempt in count(1):
            problem = await self._send(exchange, batch, request, turn)
            if isinstance(problem, list):
                return problem
            inputs = len(batch.inputs)
            elapsed = self.clock.time() - started
            delay = self._retry.delay(
                problem, attempt=attempt, elapsed=elapsed, inputs=inputs, jitter=self._random()
            )
            acted = problem.remedy is Remedy.RETRY  # or may have, for all we know
            if delay is None or (acted and not repeatable):
                return self._give_up(exchange, batch, problem, attempt)
            await self._wait(problem, delay, attempt, f"{request.path}, {inputs} inputs")
            turn = await self.pacers.of(turn.bucket).acquire(turn.priority)
            self.counters.retries += 1
        raise AssertionError("count() does not end")

    async def _send(
        self, exchange: Exchange[O, B], batch: B, request: Request, turn: Turn
    ) -> "list[O] | Problem":
        """Send once, and end the turn."""
        counters, sent_at = self.counters, self.clock.time()
        counters.requests += 1
        if turn.bucket == "associations":
            counters.batches += 1
            counters.inputs += len(batch.inputs)
        counters.in_flight += 1
        try:
            response = await self._transport.send(request)
            turn.release(answered=True, signal=signal_of(response))
        except TransportError as error:
            return transport_problem(error)
        finally:
            counters.in_flight -= 1
            turn.release(answered=False)  # unless it was
        counters.answered += 1
        counters.waited += self.clock.time() - sent_at
        counters.bytes_received += len(response.body)
        result = await self._in_turns(exchange.receive(batch, response))
        if isinstance(result, Problem):
            counters.rate_limited += result.status == 429
        else:
            self._budget.earn()
            self._silence.broken()
        return result

    async def _in_turns(self, steps: Steps[T]) -> T:
        """Take the steps of an answer, the loop's other work in between.

        One large answer at a time: were many taken side by side, a step of each would hold up the
        loop in one go.
        """
        try:
            next(steps)
        except StopIteration as end:  # nearly all answers are one step
            result: T = end.value
            return result
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a client may be used in one asyncio.run after another
            self._loop, self._large = loop, asyncio.Lock()
        async with self._large:
            return await _taken(steps)

    async def _wait(self, problem: Problem, delay: float, attempt: int, what: str) -> None:
        """Wait before a repeat takes its turn."""
        now = self.clock.time()
        self._silence.failed(now)
        earned = self._budget.spend(now)
        delay = max(delay, earned)
        if problem.status == _TOO_MANY:  # the pacer knows and has stopped for as long as it takes
            _log.warning("pausing everything %.2f s: %s", self.pacers.paused, problem.message)
            await sleep(self.clock, earned)
        elif problem.pauses_all:
            self.pacers.pause(delay)
            _log.warning("pausing everything %.2f s: %s", delay, problem.message)
        else:
            named = problem.correlation_id
            which = f"{problem.message} (correlation id {named})" if named else problem.message
            _log.info("retry %d in %.2f s: %s: %s", attempt, delay, what, which)
            await sleep(self.clock, delay)

    def _give_up(
        self, exchange: Exchange[O, B], batch: B, problem: Problem, attempts: int
    ) -> list[O]:
        inputs = len(batch.inputs)
        # A whole batch may be its own problem: it is halved before anyone speaks of an outage.
        silent = inputs == 1 or batch.split is not None
        silent = silent and self._silence.seconds(self.clock.time()) > self._retry.total
        outage = problem.remedy is Remedy.RETRY and silent
        if problem.remedy in (Remedy.STOP, Remedy.WAIT) or outage:
            raise problem.exception()
        outcomes = exchange.give_up(batch, replace(problem, attempts=attempts))
        if inputs > 1:
            self.counters.halvings += 1
            _log.warning(
                "halving a batch of %d after %d attempts: %s", inputs, attempts, problem.message
            )
        return outcomes


@coroutine
def _taken(steps: Steps[T]) -> Steps[T]:
    """Take steps as a coroutine: each goes to the event loop, as with ``asyncio.sleep(0)``."""
    return (yield from steps)

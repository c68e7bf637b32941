"""Runs a ``ReadExchange`` against a portal without a loop: any order of answers, any faults."""

from collections.abc import Callable, Iterable
from itertools import islice
from random import Random

from benchmarks.steps import at_once
from hubassoc_async.emulator import Portal
from hubassoc_async.errors import TransportError
from hubassoc_async.model import Failure, ObjectAssociations, Outcome
from hubassoc_async.protocol.associations import unpacked
from hubassoc_async.protocol.batching import Batch
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.problem import Problem, Remedy, transport_problem

Spoil = Callable[[Batch, Response], Response | TransportError]
"""What becomes of an answer on its way back."""

HEADERS = {"authorization": "Bearer pat-na1-test"}


def as_sent(_batch: Batch, response: Response) -> Response:
    """Bring an answer home as it is."""
    return response


class Drive:
    """One read, its requests kept; ``stopped`` is the problem that ended it, if one did."""

    def __init__(
        self,
        exchange: ReadExchange,
        portal: Portal,
        ids: Iterable[object],
        *,
        concurrency: int = 1,
        random: Random | None = None,
        spoil: Spoil = as_sent,
        attempts: int = 2,
        eager: bool = False,
    ) -> None:
        self.exchange = exchange
        self.portal = portal
        self.sizes: list[int] = []
        self.outcomes: list[Outcome] = []
        self.stopped: Problem | None = None
        self._ids = iter(ids)
        self._concurrency = concurrency
        self._random = random or Random(0)
        self._spoil = spoil
        self._attempts = attempts
        self._eager = eager
        self._out: list[tuple[Batch, int]] = []

    def run(self) -> "Drive":
        """Go on until every id is out or the read is stopped."""
        while not self.exchange.finished and self.stopped is None:
            self._feed()
            while len(self._out) < self._concurrency and self.exchange.ready(eager=self._eager):
                batch = self.exchange.next_batch()
                self._check(batch)
                self._out.append((batch, 1))
                self._feed()
            if self._out:
                self._answer(*self._out.pop(self._random.randrange(len(self._out))))
        return self

    def _feed(self) -> None:
        while wanted := self.exchange.wanted:
            chunk = list(islice(self._ids, wanted))
            self.exchange.more_ids = len(chunk) == wanted
            self.outcomes += self.exchange.feed(chunk)

    def _check(self, batch: Batch) -> None:
        """No id is in flight twice, and no batch is empty or too large."""
        assert 1 <= len(batch.inputs) <= self.exchange.version.read_inputs
        for other, _ in self._out:
            assert not batch.inputs.keys() & other.inputs.keys()

    def _answer(self, batch: Batch, attempt: int) -> None:
        request = self.exchange.request(batch)
        self.sizes.append(len(batch.inputs))
        response = self.portal.handle(request, HEADERS, 0.0).response
        back = self._spoil(batch, response)
        if isinstance(back, TransportError):
            result: list[Outcome] | Problem = transport_problem(back)
        else:
            result = at_once(self.exchange.receive(batch, back))
        if not isinstance(result, Problem):
            self.outcomes += result
        elif result.remedy is Remedy.STOP:
            self.stopped = result
        elif result.remedy is not Remedy.NARROW and attempt < self._attempts:
            self._out.append((batch, attempt + 1))
        else:
            self.outcomes += self.exchange.give_up(batch, result)

    def by_id(self) -> dict[str, Outcome]:
        """Every outcome by its id; fails when an id came out twice."""
        found = {outcome.from_object_id: outcome for outcome in self.outcomes}
        assert len(found) == len(self.outcomes), "an id came out twice"
        return found


def edges(outcome: Outcome) -> dict[str, frozenset[int | None]]:
    """What an outcome says as plain data: to id -> type ids."""
    to = unpacked(outcome) if isinstance(outcome, ObjectAssociations) else outcome.incomplete
    plain = {one.to_object_id: frozenset(t.type_id for t in one.association_types) for one in to}
    assert len(plain) == len(to), "an associated record is listed twice"
    return plain


def failure(outcome: Outcome) -> Failure:
    """Return a failure as one; fails if it is none."""
    assert isinstance(outcome, Failure), outcome
    return outcome

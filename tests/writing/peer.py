"""Runs a ``Writing`` against a portal without a loop: any order of answers, any faults."""

from collections.abc import Callable, Iterable
from itertools import islice
from random import Random

from benchmarks.steps import at_once
from hubassoc_async.emulator import Portal
from hubassoc_async.errors import HubAssocError, TransportError
from hubassoc_async.model import Failure, Pair, WriteOperation, WriteOutcome
from hubassoc_async.protocol.intake import WriteSettings
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.problem import Problem, Remedy, transport_problem
from hubassoc_async.protocol.versions import VERSIONS
from hubassoc_async.protocol.writing import Step, Writing

Spoil = Callable[[Step, Response], Response | TransportError]
"""What becomes of an answer on its way back."""

HEADERS = {"authorization": "Bearer pat-na1-test"}
TYPES = LabelTypes("contacts", "companies")


def as_sent(_step: Step, response: Response) -> Response:
    """Bring an answer home as it is."""
    return response


def writing(
    operation: WriteOperation = "create",
    *,
    version: str = "2026-03",
    types: LabelTypes = TYPES,
    gather: bool = True,
    labels: str = "replace",
    **settings: bool,
) -> Writing:
    """A write between the two types of ``types``."""
    chosen = WriteSettings(gather=gather, labels=labels, **settings)  # type: ignore[arg-type]
    ends = types.from_object_type, types.to_object_type
    return Writing(VERSIONS[version], operation, *ends, types, chosen)


class Drive:
    """One write, its requests kept; ``stopped`` is what ended it, if anything did."""

    def __init__(
        self,
        exchange: Writing,
        portal: Portal,
        links: Iterable[object],
        *,
        concurrency: int = 1,
        random: Random | None = None,
        spoil: Spoil = as_sent,
        attempts: int = 2,
        eager: bool = False,
        most_at_a_time: int = 10_000,
        lazy: float = 0.0,
    ) -> None:
        """``lazy``: how often links are not fed although there is room, while batches are out."""
        self.exchange = exchange
        self.portal = portal
        self.requests: list[Request] = []
        self.outcomes: list[WriteOutcome] = []
        self.stopped: Problem | HubAssocError | None = None
        self._links = iter(links)
        self._concurrency = concurrency
        self._random = random or Random(0)
        self._spoil = spoil
        self._attempts = attempts
        self._eager = eager
        self._most = most_at_a_time
        self._lazy = lazy
        self._out: list[tuple[Step, int]] = []

    def run(self) -> "Drive":
        """Go on until every link is out or the write is stopped."""
        idle = 0
        while not self.exchange.finished and self.stopped is None:
            try:
                idle = 0 if self._turn() else idle + 1
            except HubAssocError as error:
                self.stopped = error
            assert idle < 3, f"nothing is out and nothing is ready: {self.exchange.unwritten}"
        return self

    def _turn(self) -> bool:
        self._feed()
        while len(self._out) < self._concurrency and self.exchange.ready(eager=self._eager):
            step = self.exchange.next_batch()
            self._check(step)
            self._out.append((step, 1))
            self._feed()
        if not self._out:
            return self.exchange.more_ids
        self._answer(*self._out.pop(self._random.randrange(len(self._out))))
        return True

    def _feed(self) -> None:
        if self._out and self._random.random() < self._lazy:
            return
        wanted = min(self.exchange.wanted, self._most)
        if wanted:
            chunk = list(islice(self._links, wanted))
            self.outcomes += self.exchange.feed(chunk)
            if len(chunk) < wanted:
                self.exchange.more_ids = False

    def _check(self, step: Step) -> None:
        """No pair is in flight twice, and no batch is empty or too large."""
        assert 1 <= len(step.inputs) <= 2_000
        for other, _ in self._out:
            if other.part == step.part:
                assert not step.inputs.keys() & other.inputs.keys()

    def _answer(self, step: Step, attempt: int) -> None:
        request = self.exchange.request(step)
        self.requests.append(request)
        response = self.portal.handle(request, HEADERS, 0.0).response
        back = self._spoil(step, response)
        if isinstance(back, TransportError):
            result: list[WriteOutcome] | Problem = transport_problem(back)
        else:
            result = at_once(self.exchange.receive(step, back))
        if not isinstance(result, Problem):
            self.outcomes += result
        elif result.remedy is Remedy.STOP:
            self.stopped = result
        elif result.remedy is not Remedy.NARROW and attempt < self._attempts:
            self._out.append((step, attempt + 1))
        else:
            self.outcomes += self.exchange.give_up(step, result)

    def statuses(self) -> dict[Pair, str]:
        """What became of each pair; fails when a pair came out twice."""
        found: dict[Pair, str] = {pair_of(outcome): outcome.status for outcome in self.outcomes}
        assert len(found) == len(self.outcomes), "a pair came out twice"
        return found

    @property
    def failures(self) -> list[Failure]:
        """The failures."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Failure)]


def pair_of(outcome: WriteOutcome) -> Pair:
    """The pair of an outcome."""
    return outcome.from_object_id, outcome.to_object_id or ""


def state(
    portal: Portal, from_type: str = "contact", to_type: str = "company"
) -> dict[tuple[int, int], frozenset[int]]:
    """What a portal stores in one direction: pair -> type ids, negative for its own."""
    relation = portal.graph.relation(from_type, to_type)
    return {
        (from_id, to_id): frozenset(relation.kinds[kind])
        for from_id in relation.froms()
        for to_id, kind in relation.pairs(from_id).items()
    }

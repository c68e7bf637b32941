"""Reads that links wait for: the associations of a from-record, for many links at once.

Knows: who waits for which record, and that an answer to a question asked too early is no answer.
Does not know: what is made of it.
"""

from typing import Generic, TypeVar

from msgspec import Struct

from hubassoc_async.model import Failure, ObjectAssociations, Outcome
from hubassoc_async.protocol.batching import Batch
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.problem import Problem
from hubassoc_async.protocol.steps import Steps

W = TypeVar("W")


class Answered(Struct, Generic[W]):
    """A record that was read, and who waited for it."""

    outcome: ObjectAssociations | Failure
    waiters: list[W]


class Lookups(Generic[W]):
    """Reads records for waiters; each sees a state no older than its asking."""

    def __init__(self, exchange: ReadExchange) -> None:
        self.exchange = exchange
        self.unsent = 0
        """Waiters whose record is still to be asked for."""
        self._now: dict[str, list[W]] = {}
        self._next: dict[str, list[W]] = {}
        self._sent: set[str] = set()

    @property
    def idle(self) -> bool:
        """Whether nobody waits."""
        return not self._now

    def ask(self, from_id: str, waiter: W) -> None:
        """Wait for a record, in the read that is not sent yet or in the one after."""
        self.unsent += 1
        if from_id in self._sent:
            self._next.setdefault(from_id, []).append(waiter)
        else:
            self._now.setdefault(from_id, []).append(waiter)
            self.exchange.feed((from_id,))

    def next_batch(self) -> Batch:
        """Take the next batch to send."""
        batch = self.exchange.next_batch()
        for from_id in batch.inputs:
            if from_id not in self._sent:
                self._sent.add(from_id)
                self.unsent -= len(self._now[from_id])
        return batch

    def receive(self, batch: Batch, response: Response) -> Steps[list[Answered[W]] | Problem]:
        """Take a response, a large one in steps: whoever it answers, or why it is no answer."""
        outcomes = yield from self.exchange.receive(batch, response)
        return outcomes if isinstance(outcomes, Problem) else self._hand_over(outcomes)

    def give_up(self, batch: Batch, problem: Problem) -> list[Answered[W]]:
        """Take back a batch that has no answer."""
        return self._hand_over(self.exchange.give_up(batch, problem))

    def _hand_over(self, outcomes: list[Outcome]) -> list[Answered[W]]:
        answered = []
        for outcome in outcomes:
            from_id = outcome.from_object_id
            waiters = self._now.pop(from_id)
            self._sent.discard(from_id)
            answered.append(Answered(outcome, waiters))
            later = self._next.pop(from_id, None)
            if later:
                self._now[from_id] = later
                self.exchange.feed((from_id,))
        return answered

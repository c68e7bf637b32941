"""A write as a pure object: distinct pairs in, requests out, responses in, one outcome a pair out.

Knows: which pair is owed what. Does not know: where pairs come from, labels, reading back, the HTTP
library, time, retries, quotas.
"""

from typing import Final

import msgspec

from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import NOT_WRITTEN, Pair, WriteOperation, WriteOutcome, Written
from hubassoc_async.protocol.attribution import Attributor
from hubassoc_async.protocol.link_packer import LinkPacker, WriteBatch
from hubassoc_async.protocol.links import Change
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.problem import Problem, Remedy, problem_of, protocol_problem
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.protocol.write_wire import Done, LinkError, WriteAnswer, WriteCodec

_PATHS: Final[dict[WriteOperation, str]] = {
    "create": "create",
    "create_default": "associate/default",
    "archive": "archive",
    "archive_labels": "labels/archive",
}
_ASKS = 3  # how often a link is sent that answers pass over
_LONE_FAILURES = 10  # links refused one by one, with nothing answered, before a write stops


class WriteExchange:
    """Everything about one write of distinct pairs but the sending.

    ``add`` changes, of which no two at a time are of one pair; send what ``next_batch`` and
    ``request`` give, hand what comes back to ``receive``, and what never came to ``give_up``. Each
    comes out of these exactly once.
    """

    def __init__(
        self,
        version: ApiVersion,
        operation: WriteOperation,
        from_object_type: str,
        to_object_type: str,
        codec: WriteCodec,
    ) -> None:
        self.operation: WriteOperation = operation
        self.path = version.batch_path(from_object_type, to_object_type, _PATHS[operation])
        archives = operation in ("archive", "archive_labels")
        sizes = {"create": version.create_inputs, "create_default": version.default_inputs}
        self.packer = LinkPacker(
            sizes.get(operation, version.archive_pairs),
            version.archive_from_ids if archives else None,
        )
        self.in_flight = 0
        """Batches that were taken and neither answered nor given up."""
        self._silent = archives
        """Whether an answer that says nothing of a link says that it is done."""
        self._codec = codec
        self._attributor = Attributor(from_object_type, to_object_type)
        self._any_answer = False
        self._lone_failures = 0

    def add(self, change: Change) -> None:
        """Take a change in, of a pair that is not in here."""
        self.packer.add(change)

    def drop(self, change: Change) -> None:
        """Forget a change that was added and not sent."""
        change.dropped = True
        self.packer.queued -= 1

    def next_batch(self) -> WriteBatch:
        """Take the next batch to send."""
        self.in_flight += 1
        return self.packer.next()

    def request(self, batch: WriteBatch) -> Request:
        """Spell a batch as a request."""
        return Request("POST", self.path, body=self._codec.encode(batch.inputs.values()))

    def receive(self, batch: WriteBatch, response: Response) -> list[WriteOutcome] | Problem:
        """Take a response: the outcomes it completes, or why it is no answer.

        After a problem the batch is still owed: send it again, or ``give_up``.
        """
        problem = problem_of(response)
        if problem is not None:
            return problem
        try:
            answer = self._codec.decode(response.body)
        except ProtocolError as error:
            return protocol_problem(str(error), response)
        if answer.status not in ("COMPLETE", "CANCELED"):
            return protocol_problem(f"batch {self.operation} ended {answer.status!r}", response)
        correlation_id = response.headers.get("x-hubspot-correlation-id")
        nothing = not answer.done and not answer.errors
        if answer.status == "CANCELED" or (nothing and not self._silent):
            return self._nothing_written(batch, answer, response, correlation_id)
        self.in_flight -= 1
        self._any_answer = True
        return self._settle(batch, answer, correlation_id)

    def give_up(self, batch: WriteBatch, problem: Problem) -> list[WriteOutcome]:
        """Take a batch back that has no answer: halve it, or fail its only link.

        Raises the problem's exception where halving cannot help: links were refused one by one
        and nothing was ever answered, so it is the request that is wrong.
        """
        if len(batch.inputs) > 1:
            self.in_flight -= 1
            said_nothing = problem.status is not None and problem.status < 300
            lessons = 0 if said_nothing else problem.lessons
            self.packer.cut(batch, lessons=lessons, probe=not self._any_answer)
            return []
        self._count_lone_failure(problem)
        self.in_flight -= 1
        self.packer.failed(batch)
        (change,) = batch.inputs.values()
        failure = change.failure(
            problem.category, problem.message, problem.sub_category, problem.correlation_id
        )
        return [
            msgspec.structs.replace(failure, attempts=problem.attempts, transient=problem.transient)
        ]

    def _count_lone_failure(self, problem: Problem) -> None:
        if not self._any_answer:
            self._lone_failures += 1
            if self._lone_failures > _LONE_FAILURES:
                raise problem.exception()

    def _nothing_written(
        self,
        batch: WriteBatch,
        answer: WriteAnswer,
        response: Response,
        correlation_id: str | None,
    ) -> list[WriteOutcome] | Problem:
        """Deal with a 2xx that wrote nothing: one bad link spoils the batch, so find it.

        A sibling endpoint of create answered an impossible type so: CANCELED, nothing else.
        """
        named, stray = self._attributor.attribute(answer.errors, batch.inputs)
        if named:
            self.in_flight -= 1
            self._any_answer = True
            self.packer.failed(batch)
            out = [self._fail(batch, pair, error, correlation_id) for pair, error in named.items()]
            for change in batch.inputs.values():
                self.packer.add(change)
            return out
        message = "HubSpot answered with success and wrote nothing"
        if answer.status != "COMPLETE":
            message = f"HubSpot ended the batch {answer.status} and wrote nothing"
        problem = msgspec.structs.replace(
            protocol_problem(message if stray is None else stray.message, response),
            category=NOT_WRITTEN if stray is None else stray.category,
            sub_category=None if stray is None else stray.sub_category,
            remedy=Remedy.NARROW,
        )
        if len(batch.inputs) > 1 or stray is not None:
            return problem
        (change,) = batch.inputs.values()
        if change.asks >= _ASKS:
            return problem
        self.in_flight -= 1
        self.packer.failed(batch)
        change.asks += 1
        self.packer.add(change, alone=True)
        return []

    def _settle(
        self, batch: WriteBatch, answer: WriteAnswer, correlation_id: str | None
    ) -> list[WriteOutcome]:
        """Give every link of an answered batch its outcome or another ask."""
        owed, inputs = batch.inputs, len(batch.inputs)
        named, stray = self._attributor.attribute(answer.errors, owed)
        out: list[WriteOutcome] = [
            self._fail(batch, pair, error, correlation_id) for pair, error in named.items()
        ]
        if self._silent:
            if stray is None and answer.error_count > max(len(answer.errors), len(named)):
                said = f"{answer.error_count} errors, and not all of them are listed"
                stray = LinkError("UNKNOWN", None, said)
            done = {} if stray is not None else {pair: Done(pair) for pair in owed}
        else:
            done = _listed(answer.done, owed)
        if stray is not None and len(done) == len(owed):
            done = {}  # one of them failed all the same
        out += [self._written(owed.pop(pair), result) for pair, result in done.items()]
        if stray is not None and len(owed) > 1:
            self.packer.cut(batch, lessons=0, probe=False)
            return out
        self.packer.answered(batch, inputs)
        for pair, change in list(owed.items()):
            if stray is not None:
                out.append(self._fail(batch, pair, stray, correlation_id))
            else:
                out += self._ask_again(change, correlation_id)
        return out

    def _written(self, change: Change, result: Done) -> WriteOutcome:
        types = change.types or result.types
        return Written(*change.pair, types, result.labels)

    def _fail(
        self, batch: WriteBatch, pair: Pair, error: LinkError, correlation_id: str | None
    ) -> WriteOutcome:
        change = batch.inputs.pop(pair)
        return change.failure(error.category, error.message, error.sub_category, correlation_id)

    def _ask_again(self, change: Change, correlation_id: str | None) -> list[WriteOutcome]:
        if change.asks >= _ASKS:
            message = f"sent {_ASKS} times; no answer lists the link or names it in an error"
            return [change.failure(NOT_WRITTEN, message, None, correlation_id)]
        change.asks += 1
        self.packer.add(change)
        return []


def _listed(results: list[Done], owed: dict[Pair, Change]) -> dict[Pair, Done]:
    """Find the links that an answer lists, once each, where both directions stand for one."""
    found: dict[Pair, Done] = {}
    for done in results:
        pair = done.pair
        if pair in owed:
            found[pair] = done
        elif (turned := (pair[1], pair[0])) in owed:
            found.setdefault(turned, Done(turned))
    return found

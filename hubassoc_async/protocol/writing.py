"""A whole write as a pure object: links in, requests out, responses in, one outcome a link out.

Around the exchange that writes: labels are read first where they are to stay, and what was written
is read back where that is wanted.

Knows: what a link waits for. Does not know: the HTTP library, time, retries, quotas, files.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from hubassoc_async.model import Failure, Link, Unchanged, WriteOperation, WriteOutcome, Written
from hubassoc_async.protocol.batching import Batch, Split
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.ids import check_object_type
from hubassoc_async.protocol.intake import Intake, WriteSettings, check_can_write
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.link_packer import WriteBatch
from hubassoc_async.protocol.links import Change, LinkReader
from hubassoc_async.protocol.lookups import Answered, Lookups
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.pair_state import added_to, judged, types_by_id, unread
from hubassoc_async.protocol.problem import Problem
from hubassoc_async.protocol.steps import Steps
from hubassoc_async.protocol.type_names import type_key
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.protocol.wire import ReadCodec
from hubassoc_async.protocol.write_exchange import WriteExchange
from hubassoc_async.protocol.write_wire import WriteCodec


class Step(Struct, gc=False):
    """One batch of a write, or of a read that it needs."""

    part: Literal["before", "write", "after"]
    batch: Batch | WriteBatch

    @property
    def inputs(self) -> dict[Any, Any]:
        """The inputs of the batch."""
        return self.batch.inputs

    @property
    def split(self) -> Split | None:
        """What the batch was cut from, if it is a part."""
        return self.batch.split


class Writing:
    """Everything about one write but the sending, with the face of a ``ReadExchange``.

    Each distinct (from, to, type) that is fed comes out in exactly one outcome; see ``Intake`` for
    links of the same pair.
    """

    def __init__(
        self,
        version: ApiVersion,
        operation: WriteOperation,
        from_object_type: str,
        to_object_type: str,
        label_types: LabelTypes | None = None,
        settings: WriteSettings | None = None,
        *,
        read_codec: ReadCodec[Any] | None = None,
    ) -> None:
        """``label_types`` are needed by ``create``, ``archive_labels``, and v3.

        Raises ``UsageError`` for what the version cannot do.
        """
        self.settings = settings = settings or WriteSettings()
        check_can_write(version, operation, settings)
        self.operation: WriteOperation = operation
        self.from_object_type = check_object_type(from_object_type)
        self.to_object_type = check_object_type(to_object_type)
        ends = self.from_object_type, self.to_object_type
        self.label_types = label_types or LabelTypes(*ends)
        v3 = not version.labels
        self._version = version
        remove_all = settings.remove_all_labels
        reader = LinkReader(operation, self.label_types, v3=v3, remove_all_labels=remove_all)
        codec = WriteCodec(operation, version.shape, self.label_types.v3_name if v3 else None)
        self._write = WriteExchange(version, operation, *ends, codec)
        self._before = Lookups[Change](ReadExchange(version, *ends, codec=read_codec))
        self._after = Lookups[tuple[Change, Written]](
            ReadExchange(version, *ends, codec=read_codec)
        )
        self._intake = Intake(
            operation,
            reader,
            self.label_types,
            settings,
            start=self._start,
            drop=self._drop,
            labels=version.labels,
        )
        self._more = True
        self._part: Literal["before", "write", "after"] = "write"

    @property
    def more_ids(self) -> bool:
        """Whether ``feed`` may be called again. Set it to False when that is over.

        Raises ``UsageError`` then, if all links have to be valid and are not.
        """
        return self._more

    @more_ids.setter
    def more_ids(self, more: bool) -> None:
        if self._more and not more:
            self._intake.end()
        self._more = more

    @property
    def taken(self) -> int:
        """Outcomes that are owed or out."""
        return self._intake.taken

    @property
    def fed(self) -> int:
        """Links taken in, repeats and invalid ones among them."""
        return self._intake.fed

    @property
    def unwritten(self) -> tuple[Link, ...]:
        """Links fed and not yet out, to be fed again."""
        return self._intake.unwritten

    @property
    def in_flight(self) -> int:
        """Batches that were taken and neither answered nor given up."""
        parts = self._before.exchange, self._write, self._after.exchange
        return sum(part.in_flight for part in parts)

    @property
    def finished(self) -> bool:
        """Whether every link is out and no more will come."""
        return not self._more and not self._intake.open

    @property
    def unsent(self) -> int:
        """Links that wait to be read for, sent, or read back."""
        return self._before.unsent + self._write.packer.queued + self._after.unsent

    @property
    def wanted(self) -> int:
        """How many more links fill the next batch."""
        if not self._more:
            return 0
        size = self._write.packer.size
        return size if self.settings.gathers else max(0, size - self.unsent)

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send, were it not for a fuller batch."""
        if self._more and self.settings.gathers:
            return False
        packers = self._before.exchange.packer, self._write.packer, self._after.exchange.packer
        return any(packer.waiting for packer in packers)

    def feed(self, links: Iterable[object]) -> list[WriteOutcome]:
        """Take links; returns the failures of those that are not valid."""
        return self._intake.feed(links)

    def ready(self, *, eager: bool = False) -> bool:
        """Say whether a batch should go now; ``eager`` ends the wait for a fuller one."""
        if self._more and self.settings.gathers:
            return False
        # the links that wait fill no batch of theirs, and no others can come to fill it
        stuck = self._more and not self.wanted and not self.in_flight
        eager = eager or stuck
        before, after = self._before.exchange, self._after.exchange
        before.more_ids = self._more
        more_writes = self._more or not self._before.idle
        after.more_ids = more_writes or bool(self._write.packer.waiting or self._write.in_flight)
        if after.ready(eager=eager):
            self._part = "after"
        elif self._write.packer.ready(eager=eager, more=more_writes):
            self._part = "write"
        elif before.ready(eager=eager):
            self._part = "before"
        else:
            return False
        return True

    def next_batch(self) -> Step:
        """Take the batch to send that ``ready`` spoke of."""
        if self._part == "write":
            return Step("write", self._write.next_batch())
        lookups = self._before if self._part == "before" else self._after
        return Step(self._part, lookups.next_batch())

    def request(self, step: Step) -> Request:
        """Spell a batch as a request."""
        if isinstance(step.batch, WriteBatch):
            return self._write.request(step.batch)
        return self._before.exchange.request(step.batch)

    def receive(self, step: Step, response: Response) -> Steps[list[WriteOutcome] | Problem]:
        """Take a response, a large one in steps: the outcomes it completes, or why it is none.

        After a problem the batch is still owed: send it again, or ``give_up``.
        """
        batch = step.batch
        if isinstance(batch, WriteBatch):
            outcomes = self._write.receive(batch, response)
            return outcomes if isinstance(outcomes, Problem) else self._after_write(outcomes)
        if step.part == "before":
            read = yield from self._before.receive(batch, response)
            return read if isinstance(read, Problem) else self._after_lookup(read)
        back = yield from self._after.receive(batch, response)
        return back if isinstance(back, Problem) else self._after_reading_back(back)

    def give_up(self, step: Step, problem: Problem) -> list[WriteOutcome]:
        """Take a batch back that has no answer: halve it, or fail its only input."""
        batch = step.batch
        if isinstance(batch, WriteBatch):
            return self._after_write(self._write.give_up(batch, problem))
        if step.part == "before":
            return self._after_lookup(self._before.give_up(batch, problem))
        return self._after_reading_back(self._after.give_up(batch, problem))

    def drain(self) -> tuple[int, int]:
        """Count the requests that all links fed so far take, reads and writes; this ends it.

        Records with more than one page of associations take more reads.
        """
        reads, records = 0, {from_id for from_id, _ in self._intake.open}
        size = self._version.read_inputs
        if not self._before.idle:
            reads += -(
                -len({c.from_object_id for c in self._intake.open.values() if c.append}) // size
            )
            for change in self._intake.open.values():
                if change.append:
                    self._write.add(change)
        if self.settings.verify:
            reads += -(-len(records) // size)
        writes = 0
        while self._write.packer.queued:
            self._write.packer.next()
            writes += 1
        return reads, writes

    def _start(self, change: Change) -> None:
        if change.append:
            self._before.ask(change.from_object_id, change)
        else:
            self._write.add(change)

    def _drop(self, change: Change) -> None:
        if change.append:
            change.dropped = True
        else:
            self._write.drop(change)

    def _after_lookup(self, answered: list[Answered[Change]]) -> list[WriteOutcome]:
        """Add what was asked for to the labels that were read, or say why that cannot be."""
        out: list[WriteOutcome] = []
        for one in answered:
            read = one.outcome
            by_id = types_by_id(read)
            for change in one.waiters:
                if change.dropped:
                    continue
                change.append = False
                if isinstance(read, Failure):
                    message = f"its labels could not be read: {read.message}"
                    failure = change.failure(
                        read.category, message, read.sub_category, read.correlation_id
                    )
                    failure = msgspec.structs.replace(
                        failure, attempts=read.attempts, transient=read.transient
                    )
                    out.append(self._intake.finish(change, failure))
                    continue
                has = by_id.get(change.to_object_id)
                keys = set(map(type_key, has or ()))
                if has is not None and keys.issuperset(map(type_key, change.types)):
                    out.append(self._intake.finish(change, Unchanged(*change.pair, has)))
                    continue
                change.asked = change.types
                change.types = added_to(
                    has or (), change.types, self._intake.moved(change, has or ())
                )
                self._write.add(change)
        return out

    def _after_write(self, outcomes: list[WriteOutcome]) -> list[WriteOutcome]:
        out: list[WriteOutcome] = []
        verify = self.settings.verify
        for outcome in outcomes:
            pair = outcome.from_object_id, outcome.to_object_id or ""
            change = self._intake.open[pair]
            if verify and isinstance(outcome, Written):
                self._after.ask(pair[0], (change, outcome))
            else:
                self._intake.finish(change, outcome)
                out.append(outcome)
        return out

    def _after_reading_back(
        self, answered: list[Answered[tuple[Change, Written]]]
    ) -> list[WriteOutcome]:
        out: list[WriteOutcome] = []
        for one in answered:
            by_id = types_by_id(one.outcome)
            for change, written in one.waiters:
                has = by_id.get(change.to_object_id)
                if isinstance(one.outcome, Failure):
                    outcome: WriteOutcome = unread(change, one.outcome)
                else:
                    outcome = judged(self.operation, change, written, has, self.label_types)
                out.append(self._intake.finish(change, outcome))
        return out

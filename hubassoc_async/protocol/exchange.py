"""A read as a pure object: ids in, requests out, responses in, exactly one outcome an id out.

Knows: which id is owed what. Does not know: the HTTP library, time, retries, quotas, sinks.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec

from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import (
    INVALID_ID,
    NOT_ANSWERED,
    REPEATED_CURSOR,
    TRANSIENT,
    Failure,
    Outcome,
)
from hubassoc_async.protocol.associations import unpacked
from hubassoc_async.protocol.batching import Batch, Packer
from hubassoc_async.protocol.ids import check_object_type, object_ids
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.problem import Problem, Remedy, problem_of, protocol_problem
from hubassoc_async.protocol.progress import Progress
from hubassoc_async.protocol.steps import Steps
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.protocol.wire import (
    NO_ASSOCIATIONS,
    Answer,
    ItemError,
    Page,
    ReadCodec,
    encode_read,
    read_codec,
)

_log = logging.getLogger("hubassoc_async")
_ASKS = 3  # how often an input is sent that answers pass over
_IDLE_PAGES = 3  # pages of one record in a row that bring nothing new
_MERGED = 20_000  # associations that are merged in one step: some 2 ms
_LONE_FAILURES = 10  # inputs refused one by one, with nothing answered, before a read stops


class ReadExchange:
    """Everything about one read but the sending.

    ``feed`` ids, send what ``next_batch`` and ``request`` give, hand what comes back to
    ``receive``, and what never came to ``give_up``. Each distinct id comes out of these exactly
    once; an id that is repeated while it is in here counts as one. ``unknown`` gives those of
    some ids that have not been answered before: the others are passed over.
    """

    def __init__(
        self,
        version: ApiVersion,
        from_object_type: str,
        to_object_type: str,
        *,
        codec: ReadCodec[Any] | None = None,
        batch_size: int | None = None,
        unknown: Callable[[list[str]], list[str]] | None = None,
    ) -> None:
        self.version = version
        self.from_object_type = check_object_type(from_object_type)
        self.to_object_type = check_object_type(to_object_type)
        self.packer = Packer(
            min(batch_size or version.read_inputs, version.read_inputs),
            batch_pages=version.batch_read_pages,
        )
        self.more_ids = True
        """Whether ``feed`` may be called again."""
        self.in_flight = 0
        """Batches that were taken and neither answered nor given up."""
        self.taken = 0
        """Distinct ids so far."""
        self._codec = codec or read_codec(version.shape)
        self._unknown = unknown
        self._open: dict[str, Progress | None] = {}
        self._any_answer = False
        self._lone_failures = 0

    @property
    def unread(self) -> tuple[str, ...]:
        """Ids fed and not yet out."""
        return tuple(self._open)

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send, were it not for a fuller batch."""
        return self.packer.waiting

    @property
    def finished(self) -> bool:
        """Whether every id is out and no more will come."""
        return not self.more_ids and not self._open

    @property
    def wanted(self) -> int:
        """How many more ids fill the next batch."""
        return max(0, self.packer.size - self.packer.fresh) if self.more_ids else 0

    def feed(self, ids: Iterable[object]) -> list[Outcome]:
        """Take ids; returns the failures of those that are not ids."""
        known, strange = object_ids(ids)
        fresh = self._new(known)
        self._open.update(fresh)
        self.packer.extend(fresh)
        failed = self._new(strange)
        self.taken += len(fresh) + len(failed)
        message = "is not a record id (a whole number): it was not sent"
        return [
            Failure(text, INVALID_ID, f"{text[:100]!r} {message}", attempts=0) for text in failed
        ]

    def _new(self, texts: dict[str, None]) -> dict[str, None]:
        """Those that are not being read and have not been."""
        open_ = self._open
        if not open_.keys().isdisjoint(texts):
            texts = {text: None for text in texts if text not in open_}
        if self._unknown is None:
            return texts
        new = self._unknown([*texts])
        return texts if len(new) == len(texts) else dict.fromkeys(new)

    def ready(self, *, eager: bool = False) -> bool:
        """Say whether a batch should go now; ``eager`` ends the wait for a fuller one."""
        return self.packer.ready(
            eager=eager, more_ids=self.more_ids, answers_out=self.in_flight > 0
        )

    def next_batch(self) -> Batch:
        """Take the next batch to send."""
        self.in_flight += 1
        return self.packer.next()

    def request(self, batch: Batch) -> Request:
        """Spell a batch as a request."""
        if batch.listed:
            ((listed_id, after),) = batch.inputs.items()
            path = self.version.list_path(self.from_object_type, listed_id, self.to_object_type)
            # A cursor comes percent-encoded: decoded first, or it would be encoded twice.
            query = {"after": unquote(after or ""), "limit": self.version.list_limit}
            return Request("GET", path, urlencode(query, quote_via=quote))
        path = self.version.batch_path(self.from_object_type, self.to_object_type, "read")
        return Request("POST", path, body=encode_read(batch.inputs))

    def receive(self, batch: Batch, response: Response) -> Steps[list[Outcome] | Problem]:
        """Take a response, a large one in steps: the outcomes it completes, or why it is none.

        After a problem the batch is still owed: send it again, or ``give_up``. An id is out with
        the last step: when the steps end before it, all ids of the batch are ``unread``.
        """
        problem = problem_of(response)
        if problem is not None:
            if batch.listed and problem.status == 404:  # this record is gone, not the operation
                return msgspec.structs.replace(problem, remedy=Remedy.NARROW)
            return problem
        try:
            if batch.listed:
                answer = self._codec.decode_list(next(iter(batch.inputs)), response.body)
            else:
                answer = yield from self._codec.decode_batch(response.body)
        except ProtocolError as error:
            return protocol_problem(str(error), response)
        if answer.status != "COMPLETE":
            return protocol_problem(f"batch read ended {answer.status!r}", response)
        errors, stray = _attribute(answer.errors, batch.inputs)
        self._set_apart(batch.inputs, answer, errors)
        yield from self._merge(batch.inputs, answer.pages)
        self.in_flight -= 1
        self._any_answer = True
        correlation_id = response.headers.get("x-hubspot-correlation-id")
        return self._settle(batch, answer, errors, stray, correlation_id)

    def give_up(self, batch: Batch, problem: Problem) -> list[Outcome]:
        """Take a batch back that has no answer: halve it, or fail its only input.

        Raises the problem's exception where halving cannot help: inputs were refused one by
        one and nothing was ever answered, so it is the request that is wrong.
        """
        if len(batch.inputs) > 1:
            self.in_flight -= 1
            self.packer.cut(batch, lessons=problem.lessons, probe=not self._any_answer)
            return []
        if not self._any_answer:
            self._lone_failures += 1
            if self._lone_failures > _LONE_FAILURES:
                raise problem.exception()
        self.in_flight -= 1
        self.packer.failed(batch)
        (lone_id,) = batch.inputs
        error = ItemError(problem.category, problem.sub_category, problem.message, ())
        failure = self._fail(lone_id, error, problem.correlation_id)
        return [
            msgspec.structs.replace(failure, attempts=problem.attempts, transient=problem.transient)
        ]

    def _set_apart(
        self, owed: dict[str, str | None], answer: Answer, errors: dict[str, ItemError]
    ) -> None:
        """Leave in ``whole`` what comes out as it is; the rest of it joins ``pages``."""
        open_ = self._open
        apart = [
            one
            for one in answer.whole
            if (object_id := one.from_object_id) not in owed
            or open_[object_id] is not None
            or object_id in errors
        ]
        if apart:
            answer.pages += [Page(one.from_object_id, unpacked(one), None) for one in apart]
            taken = {one.from_object_id for one in apart}
            answer.whole = [one for one in answer.whole if one.from_object_id not in taken]

    def _merge(self, owed: dict[str, str | None], pages: list[Page]) -> Steps[None]:
        """Add pages to what is known of their records, which are owed still."""
        merged = 0
        for page in pages:
            if page.object_id in owed:  # else not asked for: the id that was is owed still
                progress = self._open[page.object_id] = self._open[page.object_id] or Progress()
                progress.add(page.to)
                merged += len(page.to)
            if merged >= _MERGED:
                merged = 0
                yield

    def _settle(
        self,
        batch: Batch,
        answer: Answer,
        errors: dict[str, ItemError],
        stray: ItemError | None,
        correlation_id: str | None,
    ) -> list[Outcome]:
        """Give every input of an answered batch its outcome, its next page or another ask."""
        owed, inputs, open_ = batch.inputs, len(batch.inputs), self._open
        for one in answer.whole:
            del owed[one.from_object_id], open_[one.from_object_id]
        out: list[Outcome] = [*answer.whole]
        for page in answer.pages:
            if page.object_id in owed:
                del owed[page.object_id]
                out += self._go_on(page, errors.pop(page.object_id, None), correlation_id)
        for error_id, error in errors.items():
            del owed[error_id]
            out.append(self._fail(error_id, error, correlation_id))
        if stray is not None and stray.sub_category == NO_ASSOCIATIONS and len(owed) == 1:
            answer.none += owed
        out += self._none(owed, answer.none, correlation_id)
        if stray is not None and len(owed) > 1:
            self.packer.cut(batch, lessons=0, probe=False)
            return out
        if stray is not None and not owed:
            _log.warning(
                "an answer reports %s, and names no input: %s", stray.category, stray.message
            )
        self.packer.answered(batch, inputs)
        for owed_id, after in owed.items():
            out += self._ask_again(owed_id, after, stray, correlation_id)
        return out

    def _go_on(
        self, page: Page, error: ItemError | None, correlation_id: str | None
    ) -> list[Outcome]:
        """Ask for a record's next page; its outcome if this was the last or a failure."""
        page_id, after = page.object_id, page.after
        progress = self._open[page_id]
        assert progress is not None
        if error is not None:
            return [self._fail(page_id, error, correlation_id)]
        if after is None:
            del self._open[page_id]
            return [self._codec.outcome(page_id, progress.associations())]
        if after in progress.cursors or progress.idle >= _IDLE_PAGES:
            what = "came back" if after in progress.cursors else "goes on and brings nothing new"
            message = f"the cursor {after!r} {what} after {len(progress.to)} associations"
            circle = ItemError(REPEATED_CURSOR, None, message, ())
            return [self._fail(page_id, circle, correlation_id)]
        progress.cursors.add(after)
        progress.asks = 1
        self.packer.add(page_id, after)
        return []

    def _none(
        self, owed: dict[str, str | None], ids: list[str], correlation_id: str | None
    ) -> list[Outcome]:
        """Let out ids that have no associations, if earlier pages do not say otherwise."""
        out: list[Outcome] = []
        open_ = self._open
        for none_id in ids:
            if none_id not in owed:
                continue
            del owed[none_id]
            progress = open_[none_id]
            if progress is None or not progress.cursors:
                del open_[none_id]
                out.append(self._codec.outcome(none_id, ()))
            else:
                message = f"after {len(progress.to)} associations, HubSpot says there are none"
                error = ItemError("OBJECT_NOT_FOUND", NO_ASSOCIATIONS, message, ())
                out.append(self._fail(none_id, error, correlation_id))
        return out

    def _ask_again(
        self, owed_id: str, after: str | None, error: ItemError | None, correlation_id: str | None
    ) -> list[Outcome]:
        """Ask for what an answer passed over, or fail it: by an error that can only be its own."""
        progress = self._open[owed_id] = self._open[owed_id] or Progress()
        if error is None and progress.asks < _ASKS:
            progress.asks += 1
            self.packer.add(owed_id, after)
            return []
        message = f"asked {_ASKS} times; no answer lists the id or names it in an error"
        silence = ItemError(NOT_ANSWERED, None, message, ())
        return [self._fail(owed_id, error or silence, correlation_id)]

    def _fail(self, failed_id: str, error: ItemError, correlation_id: str | None) -> Failure:
        progress = self._open.pop(failed_id)
        asks = 1 if progress is None else progress.asks
        return Failure(
            failed_id,
            error.category,
            error.message,
            error.sub_category,
            correlation_id,
            () if progress is None else progress.associations(),
            attempts=asks,
            transient=error.category in TRANSIENT,
        )


def _attribute(
    errors: list[ItemError], owed: dict[str, str | None]
) -> tuple[dict[str, ItemError], ItemError | None]:
    """Give each error to the inputs it names; one that names none of them is the stray."""
    named: dict[str, ItemError] = {}
    strays = []
    for error in errors:
        ours = [error_id for error_id in error.object_ids if error_id in owed]
        for error_id in ours:
            named.setdefault(error_id, error)
        if not ours:
            strays.append(error)
    # beside a failure that names nobody, nobody is known to have no associations
    strays.sort(key=lambda error: error.sub_category == NO_ASSOCIATIONS)
    return named, strays[0] if strays else None

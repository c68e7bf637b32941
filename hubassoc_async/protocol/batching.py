"""Inputs into batches: packing, halving, and learning how large a batch may be.

Knows: ids and their cursors. Does not know: the wire, time, who sends, what an answer says.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, Generic, TypeVar

from msgspec import Struct

K = TypeVar("K")
V = TypeVar("V")


class Split(Struct, gc=False):
    """A batch that was cut because of a problem, and how its parts fared."""

    pending: int
    largest: int
    lessons: int
    """How often a problem that the parts do not share is seen before it is the size's; 0: never."""
    clean: bool = True


class AnyBatch(Struct, Generic[K, V], gc=False):
    """The inputs of one request, each under the key that it has an outcome by."""

    inputs: dict[K, V]
    split: Split | None = None
    """What it was cut from, when it is a part that must travel alone."""


B = TypeVar("B", bound=AnyBatch[Any, Any])


class Batch(AnyBatch[str, str | None], gc=False):
    """The inputs of one batch read: id to ``after``, None for a record's first page."""

    listed: bool = False
    """Whether it is one record continued by GET, because batch read does not page."""


class Halving(Generic[B]):
    """Batches that were cut because of a problem, and what their parts teach about the size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: deque[B] = deque()
        self._learnt = 0  # lessons since a batch of the full size was answered

    def cut(self, batch: B, *, lessons: int, probe: bool) -> None:
        """Queue a batch again in halves, before anything else.

        Where none of its parts has the problem, that is a lesson: the batch was too large. The
        size falls to theirs after so many ``lessons``; 0 is for problems no size can cause.

        With ``probe``, one input travels alone as well: while nothing at all has been answered,
        that tells in a few requests a bad request from a bad input.
        """
        self._end_part(batch, clean=False)
        items = list(batch.inputs.items())
        lone = 1 if probe and len(items) > 2 else 0
        middle = lone + (len(items) - lone + 1) // 2
        cuts = [items[:lone], items[lone:middle], items[middle:]]
        parts = [dict(part) for part in cuts if part]
        split = Split(len(parts), max(map(len, parts)), lessons)
        self._parts.extendleft(type(batch)(part, split) for part in reversed(parts))

    def answered(self, batch: B, inputs: int) -> None:
        """Note that a batch of so many inputs was answered: that may teach a smaller size."""
        if batch.split is None and inputs >= self.size:
            self._learnt = 0
        self._end_part(batch, clean=True)

    def failed(self, batch: B) -> None:
        """Note that a batch of one input failed for good."""
        self._end_part(batch, clean=False)

    def _end_part(self, batch: B, *, clean: bool) -> None:
        split, batch.split = batch.split, None
        if split is None:
            return
        split.pending -= 1
        split.clean = split.clean and clean
        if split.pending or not split.clean or not split.lessons or split.largest >= self.size:
            return
        self._learnt += 1
        if self._learnt >= split.lessons:
            self.size, self._learnt = split.largest, 0


class Packer(Halving[Batch]):
    """Packs fresh ids and cursors of many records into shared batches.

    A batch that is not full goes at once only when waiting cannot fill it: fresh ids never wait
    once the caller's ids are at their end, cursors wait while answers that may bring more are
    out. ``eager`` overrides that. An id is never twice in the packer, so never twice in a batch.
    """

    def __init__(self, size: int, *, batch_pages: bool = True) -> None:
        super().__init__(size)
        self._batch_pages = batch_pages
        self._fresh: deque[str] = deque()
        self._cursors: deque[tuple[str, str]] = deque()

    @property
    def fresh(self) -> int:
        """How many ids have not been sent."""
        return len(self._fresh)

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._fresh or self._cursors or self._parts)

    def add(self, object_id: str, after: str | None = None) -> None:
        """Queue an id, or the continuation of one."""
        if after is None:
            self._fresh.append(object_id)
        else:
            self._cursors.append((object_id, after))

    def extend(self, object_ids: Iterable[str]) -> None:
        """Queue ids that have not been sent."""
        self._fresh.extend(object_ids)

    def ready(self, *, eager: bool, more_ids: bool, answers_out: bool) -> bool:
        """Say whether ``next`` has a batch that should go now."""
        if self._parts or (self._cursors and not self._batch_pages):
            return True
        inputs = len(self._fresh) + len(self._cursors)
        if inputs >= self.size or (inputs and eager):
            return True
        if more_ids or not inputs:
            return False
        return bool(self._fresh) or not answers_out

    def next(self) -> Batch:
        """Take the next batch: parts of a cut batch alone, else cursors first, then fresh ids."""
        if self._parts:
            return self._parts.popleft()
        if not self._batch_pages and self._cursors:
            return Batch(dict([self._cursors.popleft()]), listed=True)
        cursors, fresh = self._cursors, self._fresh
        inputs: dict[str, str | None] = {}
        for _ in range(min(len(cursors), self.size)):
            object_id, after = cursors.popleft()
            inputs[object_id] = after
        room = self.size - len(inputs)
        if len(fresh) > room:
            inputs.update(dict.fromkeys(islice(iter(fresh.popleft, None), room)))
        else:
            inputs.update(dict.fromkeys(fresh))
            fresh.clear()
        return Batch(inputs)

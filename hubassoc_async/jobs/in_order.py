"""Outcomes that come in any order, put back into the order of their ids and cut into chunks.

A pure object. Where a chunk ends depends on the outcomes alone, not on when they came: a job that
goes on cuts as it would have cut.

Knows: which id is next. Does not know: where outcomes come from and go.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from hubassoc_async.model import ObjectAssociations, Outcome

_BLOCK: Final = 1_000  # outcomes looked at by one pass of C


class InOrder:
    """Puts outcomes back into the order in which their ids were given."""

    def __init__(self, chunk_ids: int, chunk_rows: int) -> None:
        """A chunk ends after ``chunk_ids`` ids, or the id that makes it ``chunk_rows`` rows."""
        self._chunk_ids = chunk_ids
        self._chunk_rows = chunk_rows
        self._order: list[str] = []
        self._at = 0  # in the order: the first id that is in no chunk
        self._arrived: dict[str, Outcome] = {}
        self._chunk: list[Outcome] = []
        self._rows = 0  # of the chunk
        self.held = 0
        """Associations held: what arrived and was not taken."""

    @property
    def waiting(self) -> int:
        """Ids that were given and are in no chunk yet."""
        return len(self._order) - self._at

    def expect(self, object_ids: Iterable[str]) -> None:
        """Take the next ids in; each comes once."""
        if self._at > len(self._order) >> 1:
            del self._order[: self._at]
            self._at = 0
        self._order.extend(object_ids)

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes in, of ids that are expected."""
        arrived = self._arrived
        for one in outcomes:  # half the time of update() with what a comprehension makes
            arrived[one.from_object_id] = one
        self.held += sum(_rows(outcomes))

    def take(self) -> list[Outcome] | None:
        """Take the next whole chunk out, if it is there."""
        while not self._whole:
            ready = self._ready(min(_BLOCK, self._chunk_ids - len(self._chunk)))
            if not ready:
                return None
            self._chunk += ready
            self._at += len(ready)
        return self.rest()

    def rest(self) -> list[Outcome]:
        """Take out what ``take`` left: the last chunk, shorter than the others."""
        chunk, self._chunk = self._chunk, []
        self.held -= self._rows
        self._rows = 0
        return chunk

    @property
    def _whole(self) -> bool:
        return len(self._chunk) >= self._chunk_ids or self._rows >= self._chunk_rows

    def _ready(self, most: int) -> list[Outcome]:
        """Take out the next outcomes of the chunk, as far as there is no gap."""
        order = self._order[self._at : self._at + most]
        if not order or order[0] not in self._arrived:
            return []
        found = [self._arrived.pop(one, None) for one in order]
        gap = found.index(None) if None in found else len(found)
        ready = [one for one in found[:gap] if one is not None]
        rows = _rows(ready)
        if self._rows + sum(rows) >= self._chunk_rows:
            ends = [*accumulate(rows, initial=self._rows)]
            del ready[bisect_left(ends, self._chunk_rows, 1) :]
            rows = rows[: len(ready)]
        self._rows += sum(rows)
        for one in found[len(ready) :]:
            if one is not None:
                self._arrived[one.from_object_id] = one
        return ready


def _rows(outcomes: Sequence[Outcome]) -> list[int]:
    """How many associations each has; failures are few, and to look for them costs half."""
    try:
        return [len(one.to) for one in outcomes]  # type: ignore[union-attr]
    except AttributeError:
        return [
            len(one.to if isinstance(one, ObjectAssociations) else one.incomplete)
            for one in outcomes
        ]

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
        self._chunk = chunk_ids, chunk_rows
        self._room, self._rows = self._chunk  # of the chunk: ids and rows that are left
        self._order: list[str] = []
        self._at = 0  # in the order: the first id that is not ready
        self._ready: list[Outcome] = []
        self._arrived: dict[str, Outcome] = {}
        self.held = 0
        """Associations of what waits for an id before it."""

    @property
    def waiting(self) -> int:
        """Ids that were given and were not taken."""
        return len(self._order) - self._at + len(self._ready)

    @property
    def whole(self) -> bool:
        """Whether what was taken last is the end of a chunk."""
        return self._room <= 0 or self._rows <= 0

    def expect(self, object_ids: Iterable[str]) -> None:
        """Take the next ids in; each comes once."""
        if self._at > len(self._order) >> 1:
            del self._order[: self._at]
            self._at = 0
        self._order.extend(object_ids)

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes in, of ids that are expected."""
        ids = [one.from_object_id for one in outcomes]
        end = self._at + len(ids)
        if self._order[self._at : end] == ids:  # nearly always, and at a tenth of the time
            self._ready += outcomes
            self._at = end
        else:
            self._arrived.update(zip(ids, outcomes, strict=True))
            self.held += sum(_rows(outcomes))

    def take(self) -> list[Outcome]:
        """Take out what is next, of one chunk, as far as there is no gap; some of it at a time."""
        if self.whole:
            self._room, self._rows = self._chunk
        if not self._ready:
            self._find()
        rows = _rows(self._ready[: self._room])
        if sum(rows) >= self._rows:
            del rows[bisect_left([*accumulate(rows, initial=0)], self._rows, 1) :]
        taken, self._ready = self._ready[: len(rows)], self._ready[len(rows) :]
        self._room -= len(rows)
        self._rows -= sum(rows)
        return taken

    def _find(self) -> None:
        """Look for what is next among what arrived before it was."""
        arrived = self._arrived
        ids = self._order[self._at : self._at + _BLOCK]
        if not ids or ids[0] not in arrived:
            return
        found = [arrived.get(one) for one in ids]
        gap = found.index(None) if None in found else len(found)
        for one in ids[:gap]:
            del arrived[one]
        self._ready = [one for one in found[:gap] if one is not None]
        self._at += gap
        self.held -= sum(_rows(self._ready))


def _rows(outcomes: Sequence[Outcome]) -> list[int]:
    """How many associations each has; failures are few, and to look for them costs half."""
    try:
        return [len(one.to) for one in outcomes]  # type: ignore[union-attr]
    except AttributeError:
        return [
            len(one.to if isinstance(one, ObjectAssociations) else one.incomplete)
            for one in outcomes
        ]

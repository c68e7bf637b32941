"""Outcomes that come in any order, put back into the order of their ids and cut into chunks.

A pure object. Where a chunk ends depends on the outcomes alone, not on when they came: a job that
goes on cuts as it would have cut.

Knows: which id is next. Does not know: where outcomes come from and go.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import Final

from hubassoc_async.model import ObjectAssociations, Outcome

_BLOCK: Final = 1_000  # outcomes looked at by one pass of C


class InOrder:
    """Puts outcomes back into the order in which their ids were given."""

    def __init__(self, chunk_ids: int, chunk_rows: int) -> None:
        """A chunk ends after ``chunk_ids`` ids, or the id that makes it ``chunk_rows`` rows."""
        self._chunk_ids = chunk_ids
        self._chunk_rows = chunk_rows
        self._order: deque[str] = deque()
        self._arrived: dict[str, Outcome] = {}
        self._chunk: list[Outcome] = []
        self._rows = 0  # of the chunk
        self.held = 0
        """Associations held: what arrived and was not taken."""

    @property
    def waiting(self) -> int:
        """Ids that were given and are in no chunk yet."""
        return len(self._order)

    def expect(self, object_ids: Iterable[str]) -> None:
        """Take the next ids in; each comes once."""
        self._order.extend(object_ids)

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes in, of ids that are expected."""
        self._arrived.update({one.from_object_id: one for one in outcomes})
        self.held += sum(_rows(outcomes))

    def take(self) -> list[Outcome] | None:
        """Take the next whole chunk out, if it is there."""
        while not self._whole:
            ready = self._ready(min(_BLOCK, self._chunk_ids - len(self._chunk)))
            if not ready:
                return None
            rows = [*accumulate(_rows(ready), initial=self._rows)]
            end = bisect_left(rows, self._chunk_rows, 1)  # the chunk ends after so many of them
            popped = [self._order.popleft() for _ in ready[:end]]
            self._chunk += map(self._arrived.pop, popped)
            self._rows = rows[len(popped)]
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
        """The next outcomes, as far as there is no gap."""
        ready = [*map(self._arrived.get, islice(self._order, most))]
        if None in ready:
            del ready[ready.index(None) :]
        return ready  # type: ignore[return-value]  # None is cut off


def _rows(outcomes: Sequence[Outcome]) -> list[int]:
    """How many associations each has; to ask for the likelier class first costs a third."""
    return [
        len(one.to if isinstance(one, ObjectAssociations) else one.incomplete) for one in outcomes
    ]

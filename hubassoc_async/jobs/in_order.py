"""Outcomes that come in any order, put back into the order of their ids and cut into chunks.

A pure object. Where a chunk ends depends on the outcomes alone, not on when they came: a job that
goes on cuts as it would have cut.

Knows: which id is next. Does not know: where outcomes come from and go.
"""

from collections import deque
from collections.abc import Iterable

from hubassoc_async.model import Failure, Outcome


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

    def put(self, outcomes: Iterable[Outcome]) -> None:
        """Take outcomes in, of ids that are expected."""
        arrived, held = self._arrived, 0
        for outcome in outcomes:
            arrived[outcome.from_object_id] = outcome
            held += _rows(outcome)
        self.held += held

    def take(self) -> list[Outcome] | None:
        """Take the next whole chunk out, if it is there."""
        order, arrived, chunk, rows = self._order, self._arrived, self._chunk, self._rows
        while order and rows < self._chunk_rows and len(chunk) < self._chunk_ids:
            outcome = arrived.pop(order[0], None)
            if outcome is None:
                break
            order.popleft()
            chunk.append(outcome)
            rows += _rows(outcome)
        self._rows = rows
        if rows < self._chunk_rows and len(chunk) < self._chunk_ids:
            return None
        return self.rest()

    def rest(self) -> list[Outcome]:
        """Take out what ``take`` left: the last chunk, shorter than the others."""
        chunk, self._chunk = self._chunk, []
        self.held -= self._rows
        self._rows = 0
        return chunk


def _rows(outcome: Outcome) -> int:
    return len(outcome.incomplete if isinstance(outcome, Failure) else outcome.to)

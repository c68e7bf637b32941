"""Links into batches, each pair once; what ``batching`` is to ids.

Knows: pairs and how many fit. Does not know: the wire, answers, what a link waits for.
"""

from collections import deque

from hubassoc_async.model import Pair
from hubassoc_async.protocol.batching import AnyBatch, Halving
from hubassoc_async.protocol.links import Change


class WriteBatch(AnyBatch[Pair, Change], gc=False):
    """The inputs of one batch write."""


class LinkPacker(Halving[WriteBatch]):
    """Packs links into batches, each pair once, and never beside its own mirror image.

    HubSpot answers (1, 2) and (2, 1) alike where it lists both directions. With ``from_ids``, a
    batch has no more distinct from-ids than that, and links of one from-id travel together.
    """

    def __init__(self, size: int, from_ids: int | None = None) -> None:
        super().__init__(size)
        self._from_ids = from_ids
        self._groups: dict[str, deque[Change]] = {}
        self._alone: deque[Change] = deque()
        self.queued = 0
        """Links that wait and were never cut."""

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send."""
        return bool(self.queued or self._parts)

    def add(self, change: Change, *, alone: bool = False) -> None:
        """Queue a link; ``alone`` in a batch of its own."""
        self.queued += 1
        if alone:
            self._alone.append(change)
        else:
            group = change.pair[0] if self._from_ids is not None else ""
            self._groups.setdefault(group, deque()).append(change)

    def ready(self, *, eager: bool, more: bool) -> bool:
        """Say whether ``next`` has a batch that should go now."""
        if self._parts or self._alone or self.queued >= self.size:
            return True
        return self.queued > 0 and (eager or not more)

    def next(self) -> WriteBatch:
        """Take the next batch: parts of a cut batch alone, else what came first."""
        if self._parts:
            return self._parts.popleft()
        if self._alone:
            self.queued -= 1
            change = self._alone.popleft()
            return WriteBatch({change.pair: change})
        inputs: dict[Pair, Change] = {}
        later: list[Change] = []
        taken = 0
        while self._groups and len(inputs) < self.size and taken != self._from_ids:
            group, changes = next(iter(self._groups.items()))
            before = len(inputs)
            self._take(changes, inputs, later)
            taken += len(inputs) > before
            if not changes:
                del self._groups[group]
        for change in later:
            self.queued -= 1
            self.add(change)
        return WriteBatch(inputs)

    def _take(
        self, changes: deque[Change], inputs: dict[Pair, Change], later: list[Change]
    ) -> None:
        while changes and len(inputs) < self.size:
            change = changes.popleft()
            if change.dropped:
                continue
            if change.pair[::-1] in inputs:
                later.append(change)
            else:
                self.queued -= 1
                change.sent = True
                inputs[change.pair] = change

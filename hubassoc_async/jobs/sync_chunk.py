"""One chunk of a plan: read again what is there, keep it for undoing, and write what still holds.

Knows: the client, the rules of a sync. Does not know: journals, where the chunk comes from.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import HubAssocError
from hubassoc_async.jobs.edge_compare import EdgeChange, Types
from hubassoc_async.jobs.plan_file import Plan
from hubassoc_async.jobs.sync_rules import SyncRules
from hubassoc_async.jobs.writing import WriteOrder
from hubassoc_async.model import Failure, Link, Pair, WriteOperation

if TYPE_CHECKING:
    from hubassoc_async.stream import ReadStream
    from hubassoc_async.write_stream import WriteStream

_ORDER: Final = ("archive", "archive_labels", "create", "create_default")
"""What goes first makes room: for a primary that moves, under a limit of associations."""
_COUNTED: Final = {"added": "created", "relabelled": "relabelled", "removed": "archived"}


class StaleEdge(Struct, frozen=True):
    """A pair that somebody has changed since the plan was made: it was left alone."""

    from_object_id: str
    to_object_id: str
    before: Types | None
    """What the plan was made from; None: no association."""
    after: Types | None
    """What the plan makes of it."""
    there: Types | None
    """What there is."""


class ChunkOutcome(Struct):
    """What became of a chunk."""

    counts: dict[str, int] = {}
    """Changes: created, relabelled, archived, unchanged, stale, failed."""
    stale: list[StaleEdge] = []
    failures: list[Failure] = []
    """Links that were not written, and records that could not be read again."""

    def add(self, what: str, number: int = 1) -> None:
        """Count something."""
        self.counts[what] = self.counts.get(what, 0) + number


class ChunkWriter:
    """Applies chunks of the changes of one plan."""

    def __init__(
        self, client: AssociationsClient, ends: tuple[str, str], rules: SyncRules, undo: Plan
    ) -> None:
        self._client = client
        self._ends = ends
        self._rules = rules
        self._undo = undo
        self._stream: ReadStream | WriteStream | None = None
        self.operations: dict[Pair, WriteOperation] = {}
        """How the pairs of the latest chunk were written."""

    async def apply(self, chunk: Sequence[EdgeChange]) -> ChunkOutcome:
        """Bring a chunk about, as far as it is still as planned. Raises ``HubAssocError``."""
        outcome = ChunkOutcome()
        there, unread = await self._read(chunk)
        work: list[EdgeChange] = []
        keep: list[EdgeChange] = []
        for change in chunk:
            pair = change.from_object_id, change.to_object_id
            has = there.get(pair)
            fate = "failed" if pair[0] in unread else self._rules.fate(change, has)
            if fate == "done" and self._undo.has(*pair):
                outcome.add(_COUNTED[change.kind])  # by a run that died before it could say so
                continue
            if fate in ("done", "stale") and self._moved(change):
                fate = self._rules.fate(change, has, moved=True)
                if fate == "done":  # by what was written of another pair
                    keep.append(self._rules.undone(change))
                    outcome.add(_COUNTED[change.kind])
                    continue
            if fate == "write":
                work.append(change)
                keep.append(self._rules.undone(change))
            elif fate == "done":
                outcome.add("unchanged")
            else:
                outcome.add(fate)
                if fate == "stale":
                    outcome.stale.append(StaleEdge(*change, has))
        self._undo.add(keep)  # durable before anything is written
        failed = await self._write(work)
        wrong = {(one.from_object_id, one.to_object_id) for one in failed}
        for change in work:
            lost = (change.from_object_id, change.to_object_id) in wrong
            outcome.add("failed" if lost else _COUNTED[change.kind])
        outcome.failures = [*unread.values(), *failed]
        return outcome

    async def hurry(self) -> None:
        """Wait no longer for what is out: ``apply`` raises ``HubAssocError``."""
        if self._stream is not None:
            await self._stream.aclose(HubAssocError("the job was told to stop"))

    def _moved(self, change: EdgeChange) -> bool:
        """Whether this plan has given another pair a primary that this one had."""
        end = self._rules.exclusive(change.before or ())
        if end is None:
            return False
        holder = change.from_object_id if end == "from" else change.to_object_id
        return any(self._rules.exclusive(made) == end for made in self._undo.made(end, holder))

    async def _read(
        self, chunk: Sequence[EdgeChange]
    ) -> tuple[dict[Pair, Types], dict[str, Failure]]:
        """Read what the pairs of a chunk have now, and which records could not be read."""
        pairs = {(one.from_object_id, one.to_object_id) for one in chunk}
        there: dict[Pair, Types] = {}
        unread: dict[str, Failure] = {}
        records = dict.fromkeys(one.from_object_id for one in chunk)
        stream = self._stream = self._client.stream_read(*self._ends, records)
        async with stream:
            async for outcome in stream:
                from_id = outcome.from_object_id
                if isinstance(outcome, Failure):
                    unread[from_id] = outcome
                    continue
                for one in outcome.to:
                    if (from_id, one.to_object_id) in pairs:
                        there[from_id, one.to_object_id] = one.association_types
        return there, unread

    async def _write(self, work: Sequence[EdgeChange]) -> list[Failure]:
        """Write changes, and return what failed."""
        links: dict[WriteOperation, list[Link]] = {}
        self.operations = {}
        for change in work:
            pair = change.from_object_id, change.to_object_id
            operation, types = self._rules.operation(change)
            self.operations[pair] = operation
            links.setdefault(operation, []).append(Link(*pair, types))
        failures: list[Failure] = []
        for operation in sorted(links, key=_ORDER.index):
            order = WriteOrder(
                operation=operation, from_object_type=self._ends[0], to_object_type=self._ends[1]
            )
            stream = self._stream = order.stream(self._client, iter(links[operation]))
            async with stream:
                async for batch in stream.batches():
                    failures += (one for one in batch if isinstance(one, Failure))
        return failures

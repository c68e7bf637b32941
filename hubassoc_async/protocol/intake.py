"""Links taken in: checked, those of one pair united or kept in order, second primaries refused.

Knows: which pair is in hand, and what waits behind it. Does not know: batches, answers.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.model import (
    SECOND_PRIMARY,
    AssociationType,
    Failure,
    LabelsMode,
    Link,
    Pair,
    WriteOperation,
    WriteOutcome,
)
from hubassoc_async.protocol.ids import IdSet
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.links import Change, LinkReader
from hubassoc_async.protocol.type_names import Key, type_key
from hubassoc_async.protocol.versions import ApiVersion

_SHOWN = 3  # invalid links that a refusal of all of them quotes
_CONFLICT: Final = ("", "")


class WriteSettings(Struct, frozen=True, kw_only=True):
    """How a write is to go about it."""

    labels: LabelsMode = "replace"
    verify: bool = False
    """Whether what was written is read back."""
    strict: bool = False
    """Whether one invalid link refuses them all, before anything is sent."""
    gather: bool = False
    """Whether all links are taken in before any is sent: they are held in memory."""
    remove_all_labels: bool = False
    """Whether archiving the type without a label, and with it every label, is meant."""

    @property
    def gathers(self) -> bool:
        """Whether all links are taken in first."""
        return self.gather or self.strict


def needs_types(version: ApiVersion, operation: WriteOperation) -> bool:
    """Say whether an operation can only be spelt with the types there are."""
    return operation in ("create", "archive_labels") or not version.labels


def check_can_write(
    version: ApiVersion, operation: WriteOperation, settings: WriteSettings
) -> None:
    """Refuse what v3 cannot do. Raises ``UsageError``."""
    if version.labels:
        return
    if operation in ("create_default", "archive_labels"):
        what = operation.replace("_", " ")
    elif settings.labels == "append":
        what = "appending of labels"
    elif settings.verify:
        what = "way to verify a write, for it lists primary companies only,"
    else:
        return
    raise UsageError(f"API {version.name} has no {what}: use v4 or a dated version")


class Intake:
    """Everything that is in hand of one write, by pair.

    A link of a pair that is in hand and not sent is united with it. One of a pair that is out
    waits for it, and takes its types along. One of a pair that came out earlier, or of its mirror
    image, reads the pair's labels first and adds to them.
    """

    def __init__(
        self,
        operation: WriteOperation,
        reader: LinkReader,
        label_types: LabelTypes,
        settings: WriteSettings,
        *,
        start: Callable[[Change], None],
        drop: Callable[[Change], None],
        labels: bool,
    ) -> None:
        """``start`` takes a change that is to be made now, ``drop`` one back that was not sent."""
        self.fed = 0
        """Links given, repeats and invalid ones among them."""
        self.taken = 0
        """Outcomes that are owed or out."""
        self.invalid = 0
        """Links that were refused without asking HubSpot."""
        self.open: dict[Pair, Change] = {}
        self._creates = operation == "create"
        self._reader = reader
        self._label_types = label_types
        self._settings = settings
        self._start = start
        self._drop = drop
        self._labels = labels
        self._unites = labels or operation != "create"  # v3 has one type an input
        self._refusals: list[str] = []
        self._held: dict[Pair, deque[Change]] = {}
        self._primaries: dict[str, Pair] = {}  # of the whole call: some 200 bytes each
        self._adds = labels and operation == "create"
        self._seen: dict[tuple[AssociationType, ...], IdSet] = {}

    @property
    def unwritten(self) -> tuple[Link, ...]:
        """Links fed and not yet out, to be fed again."""
        held = (change for changes in self._held.values() for change in changes)
        return tuple(
            Link(change.from_object_id, change.to_object_id, change.asked or change.types)
            for change in (*self.open.values(), *held)
        )

    def feed(self, links: Iterable[object]) -> list[WriteOutcome]:
        """Take links; returns the failures of those that are not valid."""
        out: list[WriteOutcome] = []
        for given in links:
            self.fed += 1
            change = self._reader.read(given, self.fed)
            if isinstance(change, Failure):
                out.append(self._refuse(change))
                self.taken += 1
            else:
                out += self._take(change)
        return out

    def end(self) -> None:
        """No more links come. Raises ``UsageError`` if all have to be valid and are not."""
        if self._settings.strict and self.invalid:
            shown = "; ".join(self._refusals)
            raise UsageError(
                f"{self.invalid} of {self.fed} links are not valid, so nothing was sent: {shown}"
                f"{'; …' if self.invalid > len(self._refusals) else ''}"
            )

    def finish(self, change: Change, outcome: WriteOutcome) -> WriteOutcome:
        """Give out an outcome, and start what waited for its pair."""
        del self.open[change.pair]
        queue = self._held.pop(change.pair, None) if self._held else None
        if queue:
            after = queue.popleft()
            if queue:
                self._held[after.pair] = queue
            if self._creates and not isinstance(outcome, Failure):
                if after.pair != change.pair:
                    after.append = self._labels
                elif self._labels:
                    after.append, after.asked = False, after.types
                    after.types = (*change.types, *_new_types(change, after))
            self.open[after.pair] = after
            self._start(after)
        return outcome

    def moved(self, change: Change, has: Iterable[AssociationType]) -> set[Key]:
        """Find the primary that this pair has and that the call gives to another."""
        moved = set()
        for one in has:
            end = self._label_types.holder(one)
            if end is not None:
                holder = change.pair[0 if end == "from" else 1]
                to = self._primaries.get(f"{one.type_id}:{holder}", change.pair)
                if to not in (change.pair, _CONFLICT):
                    moved.add(type_key(one))
        return moved

    def _refuse(self, failure: Failure) -> Failure:
        self.invalid += 1
        if len(self._refusals) < _SHOWN:
            self._refusals.append(failure.message)
        return failure

    def _take(self, change: Change) -> list[WriteOutcome]:
        """Take a valid link: start it, or unite it with, or queue it behind, one of its pair."""
        pair = change.pair
        known = self.open.get(pair)
        if known is None and self._reader.same_type:
            known = self.open.get((pair[1], pair[0]))
        change.append = self._settings.labels == "append" and self._creates
        if not self._settings.gathers and self._came_before(change) and known is None:
            return []
        if known is not None and not _new_types(known, change) and known.pair == pair:
            return []
        refused = self._second_primary(change)
        if refused:
            return refused
        if known is None:
            self.taken += 1
            self.open[pair] = change
            self._start(change)
        elif known.pair == pair and not known.sent and self._unites:
            _unite(known, change)
        else:
            self._hold(known.pair, change)
        return []

    def _came_before(self, change: Change) -> bool:
        """Say whether this very link was taken before; of its pair, note that it was.

        One set of pairs for each way of giving types: most calls have one or a handful.
        """
        from_id, to_id = change.pair
        pair, turned = f"{from_id}:{to_id}", f"{to_id}:{from_id}"
        seen = self._seen.get(change.types)
        if seen is None:
            seen = self._seen[change.types] = IdSet()
        if not seen.add(pair):
            return True
        for types, pairs in self._seen.items() if self._adds else ():
            if (types != change.types and pair in pairs) or (
                self._reader.same_type and turned in pairs
            ):
                change.append = True
        return False

    def _second_primary(self, change: Change) -> list[WriteOutcome]:
        """Refuse a second primary of one record, and the first if it has not been sent."""
        for one in change.types if self._creates else ():
            end = self._label_types.holder(one)
            if end is None:
                continue
            holder = change.from_object_id if end == "from" else change.to_object_id
            key, pair = f"{one.type_id}:{holder}", change.pair
            first = self._primaries.setdefault(key, pair)
            if first == pair:
                continue
            self._primaries[key] = _CONFLICT
            types = self._label_types
            who = types.from_object_type if end == "from" else types.to_object_type
            what = f"{who} {holder} was given several of {one.label or one.type_id!r}"
            other = self.open.get(first)
            return self._refuse_both(change, other, f"{what} and can have one")
        return []

    def _refuse_both(self, change: Change, other: Change | None, why: str) -> list[WriteOutcome]:
        self.taken += 1
        if other is None or other.sent:
            message = f"{why}: this one was not sent"
            return [self._refuse(change.failure(SECOND_PRIMARY, message))]
        message = f"{why}: none of them was sent"
        self._drop(other)
        failed = self._refuse(other.failure(SECOND_PRIMARY, message))
        return [
            self._refuse(change.failure(SECOND_PRIMARY, message)),
            self.finish(other, failed),
        ]

    def _hold(self, behind: Pair, change: Change) -> None:
        queue = self._held.setdefault(behind, deque())
        for waiting in queue:
            if waiting.pair == change.pair and self._unites:
                _unite(waiting, change)
                return
        self.taken += 1
        queue.append(change)


def _new_types(known: Change, more: Change) -> tuple[AssociationType, ...]:
    keys = set(map(type_key, known.types))
    return tuple(one for one in more.types if type_key(one) not in keys)


def _unite(known: Change, more: Change) -> None:
    new = _new_types(known, more)
    known.types += new
    if known.asked:
        known.asked += new

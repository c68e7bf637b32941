"""What is desired of a pair of records, beside what it has: pure rules.

The type without a label comes with every association, so what tells two states apart is their
labels. A pair that is desired without any type is to be associated, and keeps what labels it has;
one that is desired by the type without a label is to have no other.

Knows: label definitions. Does not know: files, SQLite, requests.
"""

from collections.abc import Iterable
from typing import Literal

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.edge_compare import EdgeChange, Types
from hubassoc_async.model import (
    AssociationType,
    AssociationTypes,
    TypeGiven,
    TypesGiven,
    WriteOperation,
)
from hubassoc_async.protocol.ids import object_id
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.type_names import Key, type_key

Fate = Literal["write", "done", "stale"]


class SyncRules:
    """What types mean for a sync of one direction."""

    def __init__(self, label_types: LabelTypes) -> None:
        self._types = label_types
        self._resolved: dict[Types, AssociationTypes] = {}
        self._labels: dict[Types, frozenset[Key]] = {}
        self.same_type = label_types.same_type
        """Whether both ends are of one object type: each association is there both ways."""

    def resolve(self, given: TypesGiven) -> AssociationTypes:
        """Find the types that are meant. Raises ``UsageError`` that says what is wrong."""
        types = (given,) if isinstance(given, str | int | AssociationType) else tuple(given)
        found = self._resolved.get(types)
        if found is None:
            resolved = {type_key(one): one for one in map(self._types.resolve, types)}
            found = self._resolved[types] = tuple(resolved.values())
        return found

    def record(self, given: str | int) -> str:
        """Give an id as HubSpot spells it. Raises ``UsageError``."""
        found = object_id(given)
        if found is None:
            raise UsageError(f"{given!r} is not a record id")
        return found

    def pair(self, from_id: str | int, to_id: str | int) -> tuple[str, str]:
        """Give the ids of a pair that can be associated. Raises ``UsageError``."""
        ends = self.record(from_id), self.record(to_id)
        if ends[0] == ends[1] and self.same_type:
            raise UsageError(f"{ends[0]} would be linked to itself")
        return ends

    def labels(self, types: Types) -> frozenset[Key]:
        """Tell which labels are among types: the type without one is none."""
        found = self._labels.get(types)
        if found is None:
            found = self._labels[types] = frozenset(map(type_key, self.labelled(types)))
        return found

    def labelled(self, types: Iterable[TypeGiven]) -> AssociationTypes:
        """Leave the type without a label out."""
        return tuple(
            one
            for one in types
            if isinstance(one, AssociationType) and not self._types.unlabelled(one)
        )

    def satisfied(self, there: Types | None, desired: Types | None) -> bool:
        """Whether a pair that has these types is as desired; None is no association."""
        if there is None or desired is None:
            return there is desired
        return desired == () or self.labels(there) == self.labels(desired)

    def whole(self, desired: Types) -> Types:
        """All types that a pair will have that gets these: the one without a label, too."""
        default = () if self._types.default is None else (self._types.default,)
        return desired if {*default} <= {*desired} else (*default, *desired)

    def fate(self, change: EdgeChange, there: Types | None, *, moved: bool = False) -> Fate:
        """Say what becomes of a planned change, now that a pair has these types.

        ``moved``: the plan itself has given a primary that the pair had to another pair.
        """
        if self.satisfied(there, change.after):
            return "done"
        before, has = change.before or (), self.labels(there or ())
        as_planned = has == self.labels(before) or (
            moved and has == self.labels(self.without_exclusive(before))
        )
        return "write" if as_planned and (there is None) == (change.before is None) else "stale"

    def undone(self, change: EdgeChange) -> EdgeChange:
        """Turn a change round: from what it makes to what there was."""
        made = None if change.after is None else self.whole(change.after)
        return EdgeChange(change.from_object_id, change.to_object_id, made, change.before)

    def operation(self, change: EdgeChange) -> tuple[WriteOperation, AssociationTypes]:
        """Say how a change is written: the operation, and the types that it sends."""
        if change.after is None:
            return "archive", ()
        labels = self.labelled(change.after)
        if labels:
            return "create", labels  # in the place of the labels that there are
        if change.before is None:
            return "create_default", ()
        return "archive_labels", self.labelled(change.before)

    def exclusive(self, types: Types) -> "Literal['from', 'to'] | None":
        """Say which end may have one association of these types only: that of a primary."""
        holders = (self._types.holder(one) for one in types if isinstance(one, AssociationType))
        return next((holder for holder in holders if holder is not None), None)

    def without_exclusive(self, types: Types) -> Types:
        """Leave out what another pair takes away."""
        return tuple(
            one
            for one in types
            if not (isinstance(one, AssociationType) and self._types.holder(one) is not None)
        )

"""What callers give to a write, checked: links, pairs, and why one of them cannot be written.

Knows: ids, rows, types by any name. Does not know: batches, versions' paths, what is written.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.model import (
    INVALID_ID,
    INVALID_LINK,
    INVALID_TYPE,
    NOT_SENT,
    TRANSIENT,
    AssociationType,
    Failure,
    Pair,
    WriteOperation,
)
from hubassoc_async.protocol.ids import object_id
from hubassoc_async.protocol.label_types import LabelTypes


class Change(Struct, gc=False):
    """One link in hand: what is to become of a pair."""

    pair: Pair
    """One tuple wherever the change is known by it."""
    types: tuple[AssociationType, ...] = ()
    append: bool = False
    """Whether the pair's labels have to be read first, to be kept."""
    sent: bool = False
    """Whether it has been in a batch: from then on its types stay."""
    dropped: bool = False
    """Whether it failed while it waited."""
    asks: int = 1
    asked: tuple[AssociationType, ...] = ()
    """The types that were given, where others have been added from what was read."""

    @property
    def from_object_id(self) -> str:
        """The one end."""
        return self.pair[0]

    @property
    def to_object_id(self) -> str:
        """The other end."""
        return self.pair[1]

    def failure(
        self,
        category: str,
        message: str,
        sub_category: str | None = None,
        correlation_id: str | None = None,
    ) -> Failure:
        """Say why it was not written."""
        return Failure(
            self.from_object_id,
            category,
            message,
            sub_category,
            correlation_id,
            to_object_id=self.to_object_id,
            association_types=self.asked or self.types,
            attempts=0 if category in NOT_SENT else self.asks,
            transient=category in TRANSIENT,
        )


REMOVES_ALL: Final = (
    "archiving the type without a label removes every label of the pair:"
    " pass remove_all_labels=True (--remove-all-labels) if that is meant"
)


class LinkReader:
    """Turns what callers give into changes, or into failures that name row and value."""

    def __init__(
        self,
        operation: WriteOperation,
        label_types: LabelTypes,
        *,
        v3: bool = False,
        remove_all_labels: bool = False,
    ) -> None:
        """``v3``: whether each link has exactly one type, and that one with a v3 name."""
        self._labelled = operation in ("create", "archive_labels")
        self._creates = operation in ("create", "create_default")
        self._removes = operation == "archive_labels" and not remove_all_labels
        self._label_types = label_types
        self._one_type = v3
        self._every = _everything(label_types) if v3 and operation == "archive" else ()
        self.same_type = label_types.same_type
        self._known: dict[object, tuple[AssociationType, ...] | str] = {}

    def read(self, given: object, place: int) -> Change | Failure:
        """Check one link. ``place`` is the row, where the link does not say its own."""
        if not isinstance(given, tuple | list):
            return _invalid(place, given, "is not a link: give (from id, to id)", given)
        if len(given) < 2 or len(given) > 4:
            return _invalid(place, given, "is not a link: give (from id, to id, types)", given)
        row = (given[3] if len(given) == 4 else None) or place
        from_id, to_id = object_id(given[0]), object_id(given[1])
        if from_id is None or to_id is None:
            bad, role = (given[0], "from") if from_id is None else (given[1], "to")
            message = f"row {row}: {bad!r} is no {role} id (a whole number): it was not sent"
            return Failure(
                str(given[0]), INVALID_ID, message, to_object_id=str(given[1]), attempts=0
            )
        if self.same_type and from_id == to_id and self._creates:
            return _invalid(
                row, from_id, "is on both ends: no record is associated with itself", given
            )
        types = given[2] if len(given) > 2 else ()
        if not self._labelled:
            if types is not None and types != () and types != []:
                return _invalid(row, types, "has no place here: all between a pair is meant", given)
            return Change((from_id, to_id), self._every)
        found = self._types(types)  # a look-up, but for ways of giving them not seen before
        if isinstance(found, str):
            message = f"row {row}: {found}: it was not sent"
            change = Change((from_id, to_id), _as_given(types))
            return change.failure(INVALID_TYPE, message)
        return Change((from_id, to_id), found)

    def _types(self, given: object) -> tuple[AssociationType, ...] | str:
        """Resolve types once for every way of giving them; a text says why not."""
        if not isinstance(given, str | int | AssociationType | tuple):
            given = tuple(given) if isinstance(given, Iterable) else (given,)
        try:
            known = self._known.get(given)
        except TypeError:
            return f"{given!r} are no types"
        if known is None:
            if len(self._known) >= _TYPES_REMEMBERED:
                self._known.clear()
            known = self._known[given] = self._resolve(given)
        return known

    def _resolve(self, given: object) -> tuple[AssociationType, ...] | str:
        names = given if isinstance(given, tuple) else (given,)
        label_types = self._label_types
        if not names or names == ("",):
            return "there is no type: give a label, a type id or 'default'"
        try:
            types = tuple(dict.fromkeys(label_types.resolve(name) for name in names))
        except UsageError as error:
            return str(error)
        if self._removes and any(map(label_types.unlabelled, types)):
            return REMOVES_ALL
        if self._one_type:
            if len(types) > 1:
                return "v3 takes one type a link: use v4 or a dated version for several"
            if label_types.v3_name(types[0]) is None:
                return f"v3 has no name for {types[0]}: use v4 or a dated version for labels"
        return types


_TYPES_REMEMBERED = 4096  # ways of giving types; a file has tens, a hostile one could have more


def _everything(label_types: LabelTypes) -> tuple[AssociationType, ...]:
    """Give the one type whose archiving takes all the others along. Raises ``UsageError``."""
    default = label_types.default
    if default is None or label_types.v3_name(default) is None:
        pair = f"{label_types.from_object_type} and {label_types.to_object_type}"
        raise UsageError(f"v3 has no type between {pair} by which all of it could be archived")
    return (default,)


def _invalid(row: int, value: object, why: str, given: object) -> Failure:
    ends = given if isinstance(given, tuple | list) else (given,)
    from_id = str(ends[0]) if ends else ""
    to_id = str(ends[1]) if len(ends) > 1 else None
    message = f"row {row}: {value!r} {why}: it was not sent"
    return Failure(from_id, INVALID_LINK, message, to_object_id=to_id, attempts=0)


def _as_given(types: object) -> tuple[AssociationType, ...]:
    """Types that could not be resolved, for the failure to say what was given."""
    if isinstance(types, str | int | AssociationType):
        types = (types,)
    return tuple(
        one
        if isinstance(one, AssociationType)
        else AssociationType("UNKNOWN", one, None)
        if isinstance(one, int)
        else AssociationType("UNKNOWN", None, str(one))
        for one in (types if isinstance(types, Iterable) else ())
    )

"""Two sorted lists of edges beside each other: what is in one and not in the other.

An edge is a pair of records with its types; a list may have a pair in several rows, whose types
are united. A row whose second id is ``RECORD`` says that the list knows of the first record, with
or without edges, so that a record that was not read is not taken for one without associations.

Knows: sorted rows. Does not know: files, SQLite, HubSpot.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from hubassoc_async.model import AssociationType, TypeGiven

Id: TypeAlias = int | str
"""Ids that are numbers are held as such: they are small, and sort as numbers, before all others."""
Types: TypeAlias = tuple[TypeGiven, ...]
Row: TypeAlias = tuple[Id, Id, int, int]
"""From-id, to-id, 0 for the old list or 1 for the new one, the number of its types."""

RECORD: Final = -1
"""In the place of a to-id, before all ids."""


class EdgeChange(NamedTuple):
    """One pair of records that is not the same in two lists."""

    from_object_id: str
    to_object_id: str
    before: Types | None
    """Its types in the old list; None where it is not in it."""
    after: Types | None

    @property
    def kind(self) -> Literal["added", "removed", "relabelled"]:
        """``added``, ``removed`` or ``relabelled``."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "relabelled"


class ChangeCounts(Struct):
    """How many there were of each, once all changes have been given."""

    added: int = 0
    removed: int = 0
    relabelled: int = 0
    unchanged: int = 0
    records: int = 0
    """From-records that were compared."""
    only_old: int = 0
    """From-records that only the old list knows: nothing is said of them."""
    only_new: int = 0


class TypeSets:
    """A number for each distinct tuple of types, of which there are a handful."""

    def __init__(self, known: Iterable[Types] = ()) -> None:
        """``known``: the tuples that have numbers already, 0 first, which is ``()``."""
        self._tuples: list[Types] = [*known] or [()]
        self._numbers = {types: number for number, types in enumerate(self._tuples)}
        self._united: dict[tuple[int, ...], Types] = {}

    def __len__(self) -> int:
        return len(self._tuples)

    def __getitem__(self, numbers: slice) -> list[Types]:
        return self._tuples[numbers]

    def number(self, types: Types) -> int:
        """Give the number of a tuple of types."""
        found = self._numbers.get(types)
        if found is None:
            found = self._numbers[types] = len(self._tuples)
            self._tuples.append(types)
        return found

    def united(self, numbers: tuple[int, ...]) -> Types:
        """Give the types of a pair that is in several rows, each once."""
        found = self._united.get(numbers)
        if found is None:
            types: dict[object, TypeGiven] = {}
            for one in (one for number in numbers for one in self._tuples[number]):
                kept = types.setdefault(type_identity(one), one)
                if isinstance(kept, AssociationType) and kept.label is None:
                    types[type_identity(one)] = one  # it may tell the label
            found = self._united[numbers] = tuple(types.values())
        return found


def type_identity(one: TypeGiven) -> object:
    """Tell types apart as HubSpot does: by category and id, for which a label is but a name."""
    if isinstance(one, AssociationType):
        return (one.category, one.type_id, one.label if one.type_id is None else None)
    return one


def same_types(before: Types, after: Types) -> bool:
    """Whether two tuples have the same types, in any order and whatever they are called."""
    return {*map(type_identity, before)} == {*map(type_identity, after)}


def grouped(rows: Iterable[Row]) -> Iterator[tuple[Id, Id, tuple[int, ...], tuple[int, ...]]]:
    """Put the rows of a pair together: its ids, and the numbers of its types in each list.

    Rows are in the order of their pairs.
    """
    from_id: Id | None = None
    to_id: Id | None = None
    sides: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    for row_from, row_to, side, number in rows:
        if row_to != to_id or row_from != from_id:
            if from_id is not None and to_id is not None:
                yield from_id, to_id, *sides
            from_id, to_id, sides = row_from, row_to, ((), ())
        old, new = sides
        sides = (old, (*new, number)) if side else ((*old, number), new)
    if from_id is not None and to_id is not None:
        yield from_id, to_id, *sides


class Comparison:
    """The changes from an old list of edges to a new one. To be iterated once."""

    def __init__(
        self,
        rows: Iterable[Row],
        types: TypeSets,
        *,
        same: Callable[[Types, Types], bool] = same_types,
        whole: Sequence[bool] = (False, False),
    ) -> None:
        """``rows``: those of both lists, in the order of their pairs.

        ``same``: whether a pair with these types before and after is unchanged. ``whole``: whether
        a record that the old, or the new, list does not mention has no associations in it.
        """
        self.counts = ChangeCounts()
        self._rows = rows
        self._types = types
        self._same = same
        self._whole = tuple(map(bool, whole))
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], bool] = {}

    def __iter__(self) -> Iterator[EdgeChange]:
        counts, known = self.counts, self._known
        record: Id | None = None
        compared = False
        for from_id, to_id, old, new in grouped(self._rows):
            if from_id != record:
                record = from_id
                marked = to_id == RECORD
                compared = self._begin(marked and bool(old), marked and bool(new))
            if to_id == RECORD or not compared:
                continue
            if old and new:
                unchanged = known.get((old, new))
                if unchanged is None:
                    unchanged = known[old, new] = self._same(*self._both(old, new))
                if unchanged:
                    counts.unchanged += 1
                    continue
                counts.relabelled += 1
                yield EdgeChange(str(from_id), str(to_id), *self._both(old, new))
            elif new:
                counts.added += 1
                yield EdgeChange(str(from_id), str(to_id), None, self._types.united(new))
            else:
                counts.removed += 1
                yield EdgeChange(str(from_id), str(to_id), self._types.united(old), None)

    def _both(self, old: tuple[int, ...], new: tuple[int, ...]) -> tuple[Types, Types]:
        return self._types.united(old), self._types.united(new)

    def _begin(self, in_old: bool, in_new: bool) -> bool:
        """Count the next record, and say whether it is known of both lists."""
        whole_old, whole_new = self._whole
        in_old, in_new = in_old or whole_old, in_new or whole_new
        self.counts.records += in_old and in_new
        self.counts.only_old += in_old and not in_new
        self.counts.only_new += in_new and not in_old
        return in_old and in_new

"""The records of a portal and what associates them: HubSpot's rules for writing.

Both directions are written; labels are replaced; the unlabelled type comes with every label; a
record has one primary company; removing the unlabelled type removes everything.

Knows: object types, ids, association types. Does not know: HTTP, JSON, versions.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from hubassoc_async.emulator.catalog import ONE_WAY, Catalog, Direction
from hubassoc_async.emulator.storage import Bulk, Relation, Runs

if TYPE_CHECKING:
    from array import array


class Objects:
    """The ids of the records of one object type: ranges, and single ones."""

    def __init__(self) -> None:
        self._ranges: list[range] = []
        self._single: set[int] = set()
        self._sorted: list[int] | None = None

    def __contains__(self, object_id: int) -> bool:
        return object_id in self._single or any(object_id in ids for ids in self._ranges)

    def __len__(self) -> int:
        return len(self._single) + sum(map(len, self._ranges))

    def add(self, object_id: int) -> None:
        """Make a record exist."""
        if object_id not in self:
            self._single.add(object_id)
            self._sorted = None

    def extend(self, ids: range) -> None:
        """Make many records exist; none of them exists yet."""
        self._ranges.append(ids)
        self._ranges.sort(key=lambda r: r.start)

    def count_after(self, object_id: int) -> int:
        """How many ids are greater than this one."""
        singles = sum(1 for i in self._single if i > object_id)
        return singles + sum(len(_above(ids, object_id)) for ids in self._ranges)

    def after(self, object_id: int) -> Iterator[int]:
        """Every id greater than this one, ascending."""
        if self._sorted is None:
            self._sorted = sorted(self._single)
        singles = islice(self._sorted, bisect_right(self._sorted, object_id), None)
        rest = (i for ids in self._ranges for i in _above(ids, object_id))
        return merge(singles, rest)

    def ranges(self) -> tuple[range, ...]:
        """The ranges, for saving."""
        return tuple(self._ranges)

    def singles(self) -> Iterator[int]:
        """The ids that stand outside the ranges, for saving."""
        return iter(sorted(self._single))


def _above(ids: range, object_id: int) -> range:
    passed = max(0, (object_id - ids.start) // ids.step + 1) if ids else 0
    return ids[passed:]


class Graph:
    """Everything one portal stores."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self.objects: dict[str, Objects] = {}
        self.relations: dict[tuple[str, str], Relation] = {}
        self.turn = 0
        """Counts requests: what a row was before the latest one that wrote it is kept."""

    def objects_of(self, object_type: str) -> Objects:
        """The records of an object type."""
        return self.objects.setdefault(object_type, Objects())

    def relation(self, from_type: str, to_type: str) -> Relation:
        """What is stored in a direction."""
        found = self.relations.get((from_type, to_type))
        if found is None:
            direction = self.catalog.direction(from_type, to_type)
            found = self.relations[from_type, to_type] = Relation(direction)
        return found

    def load(
        self,
        from_type: str,
        to_type: str,
        index: range | dict[int, int],
        offsets: "array[int]",
        to: "array[int]",
        shapes: "array[int]",
        runs: list[Runs],
    ) -> None:
        """Take in a whole direction at once; the other follows from it. Both must be empty."""
        there, back = self.relation(from_type, to_type), self.relation(to_type, from_type)
        there.bulk = Bulk(index, offsets, to, shapes, runs)
        if (from_type, to_type) not in ONE_WAY and back is not there:
            back.reverse_of = there

    def put(
        self,
        from_type: str,
        from_id: int,
        to_type: str,
        to_id: int,
        keys: Iterable[int],
        *,
        replace: bool = True,
    ) -> None:
        """Associate two records by these types and the unlabelled one, in both directions.

        ``replace``: labels that are not among ``keys`` go. Otherwise they stay.
        """
        if (to_type, from_type) in ONE_WAY:
            back = self.catalog.direction(from_type, to_type)
            turned = [back.types[key].inverse for key in keys]
            keys = [key for key in turned if key is not None]
            from_type, from_id, to_type, to_id = to_type, to_id, from_type, from_id
        relation = self.relation(from_type, to_type)
        direction = relation.direction
        new = set(keys)
        if direction.unlabelled is not None:
            new.add(direction.unlabelled.key)
        if not replace:
            old = relation.pairs(from_id).get(to_id)
            new.update(() if old is None else relation.kinds[old])
        self._move_exclusive(relation, from_id, to_id, new)
        if (direction.from_type, direction.to_type) not in ONE_WAY:
            back_relation = self.relation(direction.to_type, direction.from_type)
            self._move_exclusive(back_relation, to_id, from_id, _inverse(direction, new))
        self._set_both(relation, from_id, to_id, new)

    def take(
        self,
        from_type: str,
        from_id: int,
        to_type: str,
        to_id: int,
        keys: Sequence[int] | None = None,
    ) -> None:
        """Remove these types between two records, in both directions; None removes everything."""
        if (to_type, from_type) in ONE_WAY:
            back = self.catalog.direction(from_type, to_type)
            turned = None if keys is None else [back.types[key].inverse for key in keys]
            keys = None if turned is None else [key for key in turned if key is not None]
            from_type, from_id, to_type, to_id = to_type, to_id, from_type, from_id
        relation = self.relation(from_type, to_type)
        kind = relation.pairs(from_id).get(to_id)
        if kind is None:
            return
        unlabelled = relation.direction.unlabelled
        if keys is None or (unlabelled is not None and unlabelled.key in keys):
            self._set_both(relation, from_id, to_id, set())
        else:
            self._set_both(relation, from_id, to_id, set(relation.kinds[kind]).difference(keys))

    def _move_exclusive(self, relation: Relation, from_id: int, to_id: int, keys: set[int]) -> None:
        """Take from a record's other pairs the types that it can have only once."""
        types = relation.direction.types
        moving = {key for key in keys if types[key].exclusive}
        if not moving:
            return
        for other, kind in list(relation.pairs(from_id).items()):
            held = set(relation.kinds[kind])
            if other != to_id and held & moving:
                self._set_both(relation, from_id, other, held - moving)

    def _set_both(self, relation: Relation, from_id: int, to_id: int, keys: set[int]) -> None:
        direction = relation.direction
        relation.set(from_id, to_id, keys, self.turn)
        if (direction.from_type, direction.to_type) in ONE_WAY:
            return
        inverse = _inverse(direction, keys)
        if keys and not inverse:
            return
        self.relation(direction.to_type, direction.from_type).set(
            to_id, from_id, inverse, self.turn
        )


def _inverse(direction: Direction, keys: set[int]) -> set[int]:
    found = {direction.types[key].inverse for key in keys}
    return {key for key in found if key is not None}

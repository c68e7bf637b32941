"""Who is associated with whom, held compactly: eight bytes an association and direction.

Rows that were loaded in bulk stay in arrays and are never changed; a row that is written moves to
a dictionary of its own. The other direction of a bulk load is computed when it is first asked for.

Knows: ids, kinds (interned sets of association types), both directions. Does not know: HTTP,
versions, paging.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise, repeat
from typing import TypeAlias

from hubassoc_async.emulator.catalog import Direction

Kind: TypeAlias = tuple[int, ...]
"""Association types (keys of the catalog) that a pair has, in wire order."""
Runs: TypeAlias = tuple[tuple[int, int], ...]
"""How the ids of a row fall into kinds: the number of a kind, and how many ids have it."""
Rank: TypeAlias = tuple[tuple[bool, int], ...]
"""Where a kind stands in a row: the wire order of its types."""
Row: TypeAlias = tuple[Sequence[int], Runs]
"""Ids, grouped by kind in the order of types, then by id; and those groups."""


def wire_order(key: int) -> tuple[bool, int]:
    """HubSpot's types first, by id; then the portal's own."""
    return key < 0, abs(key)


def kinds_of(runs: Runs) -> Iterator[int]:
    """The kind of each id of a row."""
    for kind, count in runs:
        yield from repeat(kind, count)


class Bulk:
    """Immutable rows in arrays: row ``i`` is ``to[offsets[i]:offsets[i + 1]]``.

    Its runs are ``runs[shapes[i]]``: rows of one shape share them.
    """

    __slots__ = ("_first", "_places", "index", "offsets", "runs", "shapes", "to")

    def __init__(
        self,
        index: range | dict[int, int],
        offsets: "array[int]",
        to: "array[int]",
        shapes: "array[int]",
        runs: list[Runs],
    ) -> None:
        self.index = index
        self._first: int | None = None
        self._places: dict[int, int] = {}
        if isinstance(index, dict):
            self._places = index
        elif index.step == 1:
            self._first = index.start
        else:
            self._places = {from_id: at for at, from_id in enumerate(index)}
        self.offsets = offsets
        self.to = to
        self.shapes = shapes
        self.runs = runs

    def row(self, from_id: int) -> Row | None:
        """The row of an id, or None."""
        first = self._first
        at = self._places.get(from_id, -1) if first is None else from_id - first
        if not 0 <= at < len(self.shapes):
            return None
        offsets = self.offsets
        start, end = offsets[at], offsets[at + 1]
        return (self.to[start:end], self.runs[self.shapes[at]]) if end > start else None

    def size(self, from_id: int) -> int:
        """How many ids the row of an id has."""
        row = self.row(from_id)
        return 0 if row is None else len(row[0])

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Each id that has any with its row, in the order of the index."""
        for from_id, shape, (start, end) in zip(
            self.index, self.shapes, pairwise(self.offsets), strict=True
        ):
            if end > start:
                yield from_id, (self.to[start:end], self.runs[shape])


class Relation:
    """Every association in one direction."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.kinds: list[Kind] = []
        self.bulk: Bulk | None = None
        self.reverse_of: Relation | None = None
        """Whose bulk rows this one has, turned round, once somebody asks."""
        self.written: dict[int, dict[int, int]] = {}
        self.version = 0
        """Counts writes."""
        self._numbers: dict[Kind, int] = {}
        self._sorted: dict[int, Row] = {}
        self._past: dict[int, tuple[int, dict[int, int]]] = {}

    def kind(self, keys: Iterator[int] | set[int] | Kind) -> int:
        """The number of a set of association types."""
        kind = tuple(sorted(keys, key=wire_order))
        number = self._numbers.get(kind)
        if number is None:
            number = self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
        return number

    def prepare(self) -> None:
        """Compute what is computed on demand, so that reading rows adds no kinds."""
        if self.bulk is None and self.reverse_of is not None:
            self._turn_round()

    def rows(self) -> Callable[[int], Row | None]:
        """The quickest way to ``row``, until the next write."""
        self.prepare()
        return self.row if self.bulk is None or self.written else self.bulk.row

    def row(self, from_id: int) -> Row | None:
        """Everything an id is associated with, or None for nothing."""
        if from_id in self.written:
            return self._written_row(from_id)
        if self.bulk is None:
            self.prepare()
        return None if self.bulk is None else self.bulk.row(from_id)

    def past_row(self, from_id: int) -> Row | None:
        """What ``row`` gave before the latest request that wrote it."""
        past = self._past.get(from_id)
        return self.row(from_id) if past is None else self._in_order(past[1])

    def pairs(self, from_id: int) -> dict[int, int]:
        """The same as a mapping of id to kind, to look at only."""
        written = self.written.get(from_id)
        if written is not None:
            return written
        row = self.row(from_id)
        return {} if row is None else dict(zip(row[0], kinds_of(row[1]), strict=True))

    def set(self, from_id: int, to_id: int, keys: set[int], turn: int) -> None:
        """Make a pair have exactly these types; none removes it.

        ``turn`` is the request that does it: what the row was before the latest is kept.
        """
        row = self.written.get(from_id)
        if row is None:
            row = self.written[from_id] = self.pairs(from_id)
        past = self._past.get(from_id)
        if past is None or past[0] != turn:
            self._past[from_id] = turn, dict(row)
        self._sorted.pop(from_id, None)
        self.version += 1
        if keys:
            row[to_id] = self.kind(keys)
        else:
            row.pop(to_id, None)

    def count(self) -> int:
        """How many associations there are."""
        source = self.bulk or (None if self.reverse_of is None else self.reverse_of.bulk)
        size = 0 if source is None else len(source.to)
        for from_id, row in self.written.items():
            size += len(row) - (0 if self.bulk is None else self.bulk.size(from_id))
        return size

    def froms(self) -> Iterator[int]:
        """Every id that has associations."""
        yield from (from_id for from_id, row in self.written.items() if row)
        self.prepare()
        if self.bulk is not None:
            yield from (i for i, _ in self.bulk.rows() if i not in self.written)

    def _written_row(self, from_id: int) -> Row | None:
        row = self._sorted.get(from_id)
        if row is None:
            row = self._in_order(self.written[from_id])
            if row is not None:
                self._sorted[from_id] = row
        return row

    def _in_order(self, pairs: dict[int, int]) -> Row | None:
        order = sorted(pairs, key=lambda to: (self.rank(pairs[to]), to))
        runs = groupby(order, pairs.__getitem__)
        return (order, tuple((kind, len(list(ids))) for kind, ids in runs)) if order else None

    def rank(self, kind: int) -> Rank:
        """Where a kind stands in a row."""
        return tuple(wire_order(key) for key in self.kinds[kind])

    def _turn_round(self) -> None:
        source = self.reverse_of
        self.reverse_of = None
        if source is None or source.bulk is None:
            return
        there = source.direction.types
        turned = array("H")
        for kind in source.kinds:
            back = {there[key].inverse for key in kind} - {None}
            turned.append(self.kind({key for key in back if key is not None}))
        self.bulk = turn_round(source.bulk, turned, [self.rank(k) for k in range(len(self.kinds))])


def _ids() -> "array[int]":
    return array("q")


def turn_round(bulk: Bulk, turned: "array[int]", ranks: Sequence[Rank]) -> Bulk:
    """The bulk rows of the other direction, ``turned`` naming the kind that each kind becomes."""
    by_kind: dict[int, defaultdict[int, array[int]]] = {
        kind: defaultdict(_ids) for kind in set(turned)
    }
    for from_id, (ids, runs) in bulk.rows():
        start = 0
        for kind, count in runs:
            bucket = by_kind[turned[kind]]
            for to_id in ids[start : start + count]:
                bucket[to_id].append(from_id)
            start += count
    index: dict[int, int] = {}
    offsets, to, shapes = array("Q", [0]), array("q"), array("L")
    known: dict[Runs, int] = {}
    kinds = sorted(by_kind, key=ranks.__getitem__)
    for to_id in sorted(set().union(*by_kind.values())):
        row: list[tuple[int, int]] = []
        for kind in kinds:
            found = by_kind[kind].pop(to_id, None)
            if found is not None:
                to.extend(found)
                row.append((kind, len(found)))
        index[to_id] = len(index)
        offsets.append(len(to))
        shapes.append(known.setdefault(tuple(row), len(known)))
    return Bulk(index, offsets, to, shapes, list(known))

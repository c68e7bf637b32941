"""Outcomes as Arrow tables: typed columns, one row a (from, to, type).

Knows: pyarrow, which is slow to import: only when rows are made. Does not know: files, databases.
"""

from collections.abc import Callable, Sequence
from itertools import chain, groupby
from typing import Any, Final, cast

import msgspec

from hubassoc_async.jobs.extras import need
from hubassoc_async.jobs.lines import COLUMNS, Types
from hubassoc_async.jobs.numbers import integers
from hubassoc_async.model import AssociationType, ObjectAssociations, PackedAssociations

_TYPES: Final = b"types"


class ArrowRows:
    """Ids as 64-bit integers; types, categories and labels as dictionaries.

    An id with no associations has no row.
    """

    def __init__(self, what: str, from_object_type: str, to_object_type: str) -> None:
        """Raises ``UsageError``, that ``what`` cannot be done, when pyarrow is not installed."""
        need(what, "pyarrow")
        import pyarrow as pa

        self._types = from_object_type, to_object_type
        words = pa.dictionary(pa.int32(), pa.string())
        kinds = (words, pa.int64(), words, pa.int64(), words, pa.int64(), words)
        self.schema = pa.schema(
            [
                pa.field(name, kind, nullable=name in ("type_id", "label"))
                for name, kind in zip(COLUMNS, kinds, strict=True)
            ]
        )
        self.clear()

    def __len__(self) -> int:
        """Associations held; rows may be more, for some are of several types."""
        return self._held

    def add(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Take a row for each type of each association; all of them or, if that fails, none."""
        made = [self._columns(same) for same in _runs(outcomes)]
        for from_ids, to_ids, types in made:
            self._from_ids.append(from_ids)
            self._to_ids.append(to_ids)
            self._types_of.append(types)
            self._held += len(types)
        self._sizes += [len(outcome.to) for outcome in outcomes]

    def take(self) -> Any:
        """Give what is held as a table, and hold nothing."""
        return self.unpacked(self.packed())

    def packed(self) -> Any:
        """Give what is held as a record batch of a quarter of the size, and hold nothing.

        It has one row an id; what types there are is in its schema.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        ends = pc.cumulative_sum(pa.array(self._sizes, pa.int32()))
        from_ids = pa.concat_arrays([_numbers([]), *self._from_ids])
        to_ids = pa.concat_arrays([_numbers([]), *self._to_ids])
        types = pa.concat_arrays([pa.array([], pa.int32()), *self._types_of])
        columns = [from_ids, *(pa.ListArray.from_arrays(ends, one) for one in (to_ids, types))]
        batch = pa.record_batch(columns, names=["from", "to", "types"])
        batch = batch.replace_schema_metadata({_TYPES: msgspec.json.encode(self._distinct)})
        self.clear()
        return batch

    def unpacked(self, packed: Any) -> Any:
        """Give the table of what was packed."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from_ids, to, types = packed.columns
        codes: dict[AssociationType, int] = {}
        lists = pa.array(
            [
                [codes.setdefault(kind, len(codes)) for kind in distinct]
                for distinct in _types_in(packed)
            ],
            pa.list_(pa.int32()),
        ).take(types.flatten())
        one, kinds = pc.list_parent_indices(lists), pc.list_flatten(lists)

        def words(values: list[str | None]) -> Any:
            return _take(pa.array(values, pa.string()).dictionary_encode(), kinds)

        columns = [
            _constant(self._types[0], len(kinds)),
            _take(from_ids, _take(pc.list_parent_indices(to), one)),
            _constant(self._types[1], len(kinds)),
            _take(to.flatten(), one),
            words([kind.category for kind in codes]),
            _take(pa.array([kind.type_id for kind in codes], pa.int64()), kinds),
            words([kind.label for kind in codes]),
        ]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _columns(self, outcomes: Sequence[ObjectAssociations]) -> tuple[Any, Any, Any]:
        """From-ids; of every association its to-id and the number of its types."""
        import pyarrow as pa

        from_ids = _numbers([outcome.from_object_id for outcome in outcomes])
        if isinstance(outcomes[0], PackedAssociations):
            packed = cast("Sequence[PackedAssociations]", outcomes)
            to_ids = _column(pa.int64(), b"".join([outcome.to_ids for outcome in packed]))
            keys = _column(pa.uint8(), b"".join([outcome.to for outcome in packed]))
            return from_ids, to_ids, self._numbers_of(keys, packed[0].kinds.__getitem__)
        to = [*chain.from_iterable([outcome.to for outcome in outcomes])]
        types = [one.association_types for one in to]
        to_ids = _numbers([one.to_object_id for one in to])
        ids = [*map(id, types)]  # they are shared, and there is a handful
        keys = pa.array(ids, pa.int64())
        return from_ids, to_ids, self._numbers_of(keys, lambda key: types[ids.index(key)])

    def _numbers_of(self, keys: Any, types: Callable[[int], Types]) -> Any:
        """The numbers of tuples of types, by keys that are of one tuple each."""
        import pyarrow as pa

        keys = keys.dictionary_encode()
        numbers = [self._number(types(key)) for key in keys.dictionary.to_pylist()]
        return _take(pa.array(numbers, pa.int32()), keys.indices)

    def _number(self, types: Types) -> int:
        """The number of a tuple of types, by identity: while it is held, its id is its own."""
        number = self._known.get(id(types))
        if number is None:
            number = self._known[id(types)] = len(self._distinct)
            self._distinct.append(types)
        return number

    def clear(self) -> None:
        """Hold nothing, and number afresh: equal outcomes always make equal tables."""
        self._from_ids: list[Any] = []
        self._sizes = [0]  # of the lists of associations, after a zero
        self._held = 0
        self._to_ids: list[Any] = []
        self._types_of: list[Any] = []
        self._distinct: list[Types] = []
        self._known: dict[int, int] = {}


def _runs(outcomes: Sequence[ObjectAssociations]) -> list[Sequence[ObjectAssociations]]:
    """Cut outcomes where packed ones and others meet, or those of two reads: nearly never."""
    classes = set(map(type, outcomes))
    alike = len(classes) < 2
    if classes == {PackedAssociations}:
        packed = cast("Sequence[PackedAssociations]", outcomes)
        kinds = packed[0].kinds
        alike = all([one.kinds is kinds for one in packed])  # noqa: C419  a list takes half of it
    if alike:
        return [outcomes] if outcomes else []
    return [[*run] for _, run in groupby(outcomes, lambda one: id(getattr(one, "kinds", None)))]


def packed_rows(packed: Any) -> int:
    """How many rows the table of what was packed has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sizes = pa.array([len(types) for types in _types_in(packed)], pa.int64())
    return pc.sum(sizes.take(packed.column("types").flatten())).as_py() or 0


def _types_in(packed: Any) -> list[Types]:
    return msgspec.json.decode(packed.schema.metadata[_TYPES], type=list[Types])


def _numbers(object_ids: Sequence[str]) -> Any:
    """Ids as a column of 64-bit integers; Arrow takes a quarter of the time that int does."""
    import pyarrow as pa

    try:
        return pa.array(object_ids, pa.string()).cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array(integers(object_ids), pa.int64())


def _column(kind: Any, values: bytes) -> Any:
    """Numbers as they are in memory."""
    import pyarrow as pa

    rows = len(values) * 8 // kind.bit_width
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(values)])


def _take(values: Any, places: Any) -> Any:
    """Give the values at places that are there; to look whether they are is a third of it."""
    import pyarrow.compute as pc

    return pc.take(values, places, boundscheck=False)


def _constant(value: str, rows: int) -> Any:
    import pyarrow as pa

    zeros = _column(pa.int32(), bytes(4 * rows))
    return pa.DictionaryArray.from_arrays(zeros, pa.array([value], pa.string()))

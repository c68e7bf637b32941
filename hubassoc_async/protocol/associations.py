"""The associations of an answer: from how they come to how callers hold them.

Knows: the fields of an association in both wire shapes. Does not know: whose they are, pages.

Association types come over the wire once an association, and a portal has a handful of distinct
ones: they are taken as raw bytes and looked up, so that equal types are one tuple in memory
(144 bytes an association instead of 541, for less CPU). Associations are made column by column,
not one by one: what runs in C for all of an answer's at once costs half.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise, repeat
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from hubassoc_async.model import (
    Association,
    Associations,
    AssociationType,
    AssociationTypes,
    ObjectAssociations,
    PackedAssociations,
)
from hubassoc_async.protocol.decoding import decode
from hubassoc_async.protocol.merging import merged
from hubassoc_async.protocol.v3_names import v3_association_type

_TYPES_REMEMBERED: Final = 4096  # distinct lists; portals have tens, a hostile server could more
_TYPES_NUMBERED: Final = 256  # that a byte can say
_TYPES_COMPARED: Final = 16  # to compare bytes with so few costs a third of making a key of them


class V4To(Struct, gc=False):
    """One association on the wire, in v4 and later."""

    to_object_id: str | int = field(name="toObjectId")  # published str, seen as int
    association_types: Raw = field(name="associationTypes")


class V3To(Struct, gc=False):
    """One association on the wire, in v3."""

    id: str | int
    type: str


class _Type(Struct, gc=False):
    category: str
    type_id: int = field(name="typeId")
    label: str | None = None


To = TypeVar("To")
_decode_types = msgspec.json.Decoder(list[_Type]).decode
_decode_ids = msgspec.json.Decoder(list[int]).decode
_encode = msgspec.json.Encoder().encode


class Maker(ABC, Generic[To]):
    """Makes what callers hold."""

    @abstractmethod
    def associations(self, wire: Sequence[list[To]]) -> list[Associations]:
        """Make a list of each record's associations, of many records."""

    def whole(self, ids: list[str], wire: Sequence[list[To]]) -> Iterable[ObjectAssociations]:
        """Make the answers of records of which nothing else is to come."""
        return map(ObjectAssociations, ids, self.associations(wire))

    def outcome(self, object_id: str, to: Associations) -> ObjectAssociations:
        """Make the answer of one record that came in several."""
        return ObjectAssociations(object_id, to)


class V3Maker(Maker[V3To]):
    """Of v3, which has one type an association, by name."""

    def associations(self, wire: Sequence[list[V3To]]) -> list[Associations]:
        """Make a list of each record's associations."""
        return [
            merged(Association(str(to.id), v3_association_type(to.type)) for to in one)
            for one in wire
        ]


class SharedTypes(dict[bytes, AssociationTypes], Maker[V4To]):
    """Association types by their bytes, decoded when they are first looked up."""

    def __init__(self) -> None:
        self._first: list[Raw] = []  # the first few, and what they mean
        self._meaning: list[AssociationTypes] = []

    def __missing__(self, raw: bytes) -> AssociationTypes:
        types = tuple(
            AssociationType(wire.category, wire.type_id, wire.label)
            for wire in decode(_decode_types, raw, "associationTypes")
        )
        if len(self) >= _TYPES_REMEMBERED:
            self.clear()
        if len(self._first) < _TYPES_COMPARED:
            self._first.append(Raw(raw))
            self._meaning.append(types)
        self[raw] = types
        return types

    def associations(self, wire: Sequence[list[V4To]]) -> list[Associations]:
        """Make a list of each record's associations, of all in one go."""
        flat = list(chain.from_iterable(wire))
        to_ids, distinct = _texts([to.to_object_id for to in flat])
        types = self._types_of([to.association_types for to in flat])
        made = tuple(map(Association, to_ids, types))
        edges = [*accumulate(map(len, wire), initial=0)]
        each = [made[start:end] for start, end in pairwise(edges)]
        if distinct:
            return each
        return [
            merged(own) if len(own) > 1 and len(set(to_ids[start:end])) < len(own) else own
            for own, (start, end) in zip(each, pairwise(edges), strict=True)
        ]

    def _types_of(self, raws: list[Raw]) -> list[AssociationTypes]:
        place, meaning = self._first.index, self._meaning
        try:
            return [meaning[place(raw)] for raw in raws]
        except ValueError:  # types that are new, or that are more than are compared
            return [self[bytes(raw)] for raw in raws]


class PackedTypes(SharedTypes):
    """Makes ``PackedAssociations``: of all answers but those that do not fit into numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: list[AssociationTypes] = []
        self._numbers: dict[AssociationTypes, int] = {}
        self._first_numbers: list[int] = []

    def whole(self, ids: list[str], wire: Sequence[list[V4To]]) -> Iterable[ObjectAssociations]:
        """Make the answers of records of which nothing else is to come."""
        flat = list(chain.from_iterable(wire))
        to_ids = [to.to_object_id for to in flat]
        each = [*pairwise(accumulate(map(len, wire), initial=0))]
        if len(set(to_ids)) < len(to_ids) and any(
            end - start > 1 and len(set(to_ids[start:end])) < end - start for start, end in each
        ):
            return super().whole(ids, wire)
        try:
            packed = struct.pack(f"{len(to_ids)}q", *to_ids)
            types = self._numbers_of([to.association_types for to in flat])
        except (struct.error, ValueError):
            return super().whole(ids, wire)
        return map(
            PackedAssociations,
            ids,
            [types[start:end] for start, end in each],
            [packed[8 * start : 8 * end] for start, end in each],
            repeat(self._kinds),
        )

    def outcome(self, object_id: str, to: Associations) -> ObjectAssociations:
        """Make the answer of one record that came in several."""
        if not to:
            return PackedAssociations(object_id, b"", b"", self._kinds)
        types = [one.association_types for one in to]
        keys = [*map(id, types)]
        distinct = dict(zip(keys, types, strict=True))
        written = f"[{','.join([one.to_object_id for one in to])}]"
        try:
            to_ids = _decode_ids(written)  # a third of int() of each
            packed = struct.pack(f"{len(to_ids)}q", *to_ids)
            numbers = {key: self._number(one) for key, one in distinct.items()}
        except (msgspec.MsgspecError, struct.error, ValueError):
            return super().outcome(object_id, to)
        if len(to_ids) != len(to) or _encode(to_ids) != written.encode():  # " 7", "1,2"
            return super().outcome(object_id, to)
        each = bytes(map(numbers.__getitem__, keys))
        return PackedAssociations(object_id, each, packed, self._kinds)

    def _numbers_of(self, raws: list[Raw]) -> bytes:
        place, numbers = self._first.index, self._first_numbers
        try:
            return bytes([numbers[place(raw)] for raw in raws])
        except (ValueError, IndexError):
            types = self._types_of(raws)
            self._first_numbers = [*map(self._number, self._meaning)]
            return bytes([self._number(one) for one in types])

    def _number(self, types: AssociationTypes) -> int:
        """The number of a tuple of types. Raises ``ValueError`` when there are too many."""
        number = self._numbers.get(types)
        if number is None:
            number = len(self._kinds)
            if number == _TYPES_NUMBERED:
                raise ValueError
            self._numbers[types] = number
            self._kinds.append(types)
        return number


def unpacked(one: ObjectAssociations) -> Associations:
    """Give the associations of an answer, however they are held."""
    return one.unpacked().to if isinstance(one, PackedAssociations) else one.to


def _texts(ids: list[str | int]) -> tuple[list[str], bool]:
    """Write ids as texts, and say whether no two are known to be the same.

    To write numbers all in one go costs half of one by one, and they have cheaper hashes.
    """
    written = _encode(ids)
    if not ids or b'"' in written:
        return [*map(str, ids)], False
    return written[1:-1].decode().split(","), len(set(ids)) == len(ids)

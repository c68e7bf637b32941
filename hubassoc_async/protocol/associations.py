"""The associations of an answer: from how they come to how callers hold them.

Knows: the fields of an association in both wire shapes. Does not know: whose they are, pages.

Association types come over the wire once an association, and a portal has a handful of distinct
ones: they are taken as raw bytes and looked up, so that equal types are one tuple in memory
(144 bytes an association instead of 541, for less CPU). Associations are made column by column,
not one by one: what runs in C for all of an answer's at once costs half.
"""

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from hubassoc_async.model import (
    Association,
    Associations,
    AssociationType,
    AssociationTypes,
    merged,
)
from hubassoc_async.protocol.decoding import decode
from hubassoc_async.protocol.v3_names import v3_association_type

_TYPES_REMEMBERED: Final = 4096  # distinct lists; portals have tens, a hostile server could more
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


_decode_types = msgspec.json.Decoder(list[_Type]).decode
_encode = msgspec.json.Encoder().encode


def v3_associations(wire: Sequence[list[V3To]]) -> list[Associations]:
    """Make what callers hold: a list of each record's associations, of many records."""
    return [
        merged(Association(str(to.id), v3_association_type(to.type)) for to in one) for one in wire
    ]


class SharedTypes(dict[bytes, AssociationTypes]):
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
        """Make what callers hold: a list of each record's associations, of many records."""
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


def _texts(ids: list[str | int]) -> tuple[list[str], bool]:
    """Write ids as texts, and say whether no two are known to be the same.

    To write numbers all in one go costs half of one by one, and they have cheaper hashes.
    """
    written = _encode(ids)
    if not ids or b'"' in written:
        return [*map(str, ids)], False
    return written[1:-1].decode().split(","), len(set(ids)) == len(ids)

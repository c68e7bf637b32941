"""What types a portal has: object types, association types in both directions, their v3 names.

Knows: the published table, the labels a portal defined, which type is the inverse of which.
Does not know: records, associations, HTTP.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from hubassoc_async.protocol.published import (
    OBJECT_TYPES,
    PublishedType,
    object_type_name,
    published_types,
)

ONE_WAY: Final = {("lead", "deal")}
"""Directions that are stored alone: leads to deals are listed from the lead only (observed)."""
FIRST_PORTAL_TYPE_ID: Final = 28
"""Ids of a portal's own types are small and overlap with HubSpot's: the category tells apart."""


class TypeDef(Struct, frozen=True):
    """One association type in one direction."""

    key: int
    """Unique in its direction: the type id, negative for types that the portal defined."""
    category: str
    label: str | None
    v3_name: str
    inverse: int | None
    """Key of the type that the other direction gets. None where there is none."""
    exclusive: bool = False
    """Whether a record has at most one of it (a primary company)."""

    @property
    def type_id(self) -> int:
        """As it is on the wire."""
        return abs(self.key)


class Direction:
    """The association types from one object type to another."""

    def __init__(self, from_type: str, to_type: str) -> None:
        self.from_type = from_type
        self.to_type = to_type
        self.types: dict[int, TypeDef] = {}
        self.unlabelled: TypeDef | None = None
        self.revision = 0
        """Counts changes, so that whoever keeps something made of labels knows when it is old."""

    def add(self, type_def: TypeDef, *, unlabelled: bool = False) -> None:
        """Take a type in, or replace the one with its key."""
        self.types[type_def.key] = type_def
        self.revision += 1
        if unlabelled:
            self.unlabelled = type_def

    def drop(self, key: int) -> None:
        """Remove a type."""
        del self.types[key]
        self.revision += 1

    def find(self, category: str, type_id: int) -> TypeDef | None:
        """The type that a request means by category and id."""
        found = self.types.get(type_id if category == "HUBSPOT_DEFINED" else -type_id)
        return found if found is not None and found.category == category else None

    def meant(self, label: int | str) -> int:
        """The key of the type that a label's text or a type id means.

        Raises ``ValueError`` for none, and for an id that both HubSpot and the portal have.
        """
        if isinstance(label, str):
            found = [key for key, type_def in self.types.items() if type_def.label == label]
        else:
            found = [key for key in {label, -label} if key in self.types]
        if len(found) == 1:
            return found[0]
        what = "more than one type" if found else "no type"
        raise ValueError(f"{self.from_type} to {self.to_type} has {what} {label!r}")

    def named(self, v3_name: str) -> TypeDef | None:
        """The type that a v3 request means by name."""
        matches = (t for t in self.types.values() if t.v3_name == v3_name.lower())
        return next(matches, None)


class Catalog:
    """The types of one portal."""

    def __init__(self) -> None:
        self._custom: dict[str, str] = {}
        self._directions: dict[tuple[str, str], Direction] = {}
        self._next_key = -FIRST_PORTAL_TYPE_ID

    def define_object(self, type_id: str, name: str) -> None:
        """Add a custom object type, such as ``2-1234`` named ``pets``."""
        for spelling in (type_id, name):
            self._custom[spelling.lower()] = type_id

    def object_type(self, spelling: str) -> str | None:
        """The one name of an object type, for any spelling HubSpot takes. None: no such type."""
        return object_type_name(spelling) or self._custom.get(spelling.lower())

    def custom_objects(self) -> Iterator[tuple[str, str]]:
        """Every custom object type: its id and its name."""
        for spelling, type_id in self._custom.items():
            if spelling != type_id:
                yield type_id, spelling

    def direction(self, from_type: str, to_type: str) -> Direction:
        """The association types of a direction; without any if the two cannot be associated."""
        found = self._directions.get((from_type, to_type))
        if found is None:
            found = self._directions[from_type, to_type] = Direction(from_type, to_type)
            self._fill(found)
        return found

    def define_label(
        self, from_type: str, to_type: str, label: str, inverse_label: str | None, name: str
    ) -> tuple[TypeDef, TypeDef]:
        """Add a label of the portal's own, in both directions."""
        same = from_type == to_type and inverse_label is None
        key, back = self._take_keys(same=same)
        there = TypeDef(key, "USER_DEFINED", label, name, back)
        again = TypeDef(back, "USER_DEFINED", inverse_label or label, name, key)
        self.direction(from_type, to_type).add(there)
        self.direction(to_type, from_type).add(again)
        return there, again

    def directions(self) -> Iterator[Direction]:
        """Every direction that has been looked at."""
        yield from self._directions.values()

    def restore(self, from_type: str, to_type: str, found: TypeDef, *, unlabelled: bool) -> None:
        """Take in a type of a portal that was saved, under its old key."""
        self._next_key = min(self._next_key, found.key - 1)
        pair = from_type, to_type
        direction = self._directions.get(pair)
        if direction is None:
            direction = self._directions[pair] = Direction(from_type, to_type)
            self._fill_published(direction)
        direction.add(found, unlabelled=unlabelled)

    def _take_keys(self, *, same: bool) -> tuple[int, int]:
        key = self._next_key
        self._next_key -= 1 if same else 2
        return key, (key if same else key - 1)

    def _fill(self, direction: Direction) -> None:
        self._fill_published(direction)
        custom = self._custom.values()
        if not direction.types and (direction.from_type in custom or direction.to_type in custom):
            self._fill_custom(direction)

    def _fill_published(self, direction: Direction) -> None:
        rows = _published().get((direction.from_type, direction.to_type), [])
        for row in rows:
            direction.add(_type_def(row, rows), unlabelled=_is_unlabelled(row))

    def _fill_custom(self, direction: Direction) -> None:
        pair = direction.from_type, direction.to_type
        key, back = self._take_keys(same=pair[0] == pair[1])
        name = f"{pair[0]}_to_{pair[1]}"
        direction.add(TypeDef(key, "USER_DEFINED", None, name, back), unlabelled=True)
        if pair[0] != pair[1]:
            other = self._directions[pair[::-1]] = Direction(*pair[::-1])
            name = f"{pair[1]}_to_{pair[0]}"
            other.add(TypeDef(back, "USER_DEFINED", None, name, key), unlabelled=True)


def object_type_id(name: str) -> str:
    """``0-1`` for ``contact``; a custom object's name is its id already."""
    return _ids().get(name, name)


def _ids() -> dict[str, str]:
    if not _IDS:
        _IDS.update((name, type_id) for type_id, name in OBJECT_TYPES.items())
    return _IDS


def _published() -> dict[tuple[str, str], list[PublishedType]]:
    if not _PUBLISHED:
        for row in published_types():
            _PUBLISHED.setdefault((row.from_object_type, row.to_object_type), []).append(row)
    return _PUBLISHED


_IDS: dict[str, str] = {}
_PUBLISHED: dict[tuple[str, str], list[PublishedType]] = {}


def _is_unlabelled(row: PublishedType) -> bool:
    plain = f"{row.from_object_type} to {row.to_object_type}".replace("_", " ")
    return row.name.lower().removesuffix(" (sdk enum only)") == plain


def _is_primary(row: PublishedType) -> bool:
    return "primary" in row.name.lower()


def _type_def(row: PublishedType, siblings: list[PublishedType]) -> TypeDef:
    label = None if _is_unlabelled(row) else _label(row.name)
    exclusive = "to primary" in row.name and row.from_object_type != "company"
    name = _v3_name(row, siblings)
    return TypeDef(row.type_id, "HUBSPOT_DEFINED", label, name, _inverse(row), exclusive)


def _label(name: str) -> str:
    """The label of a published type: what its name says beside the two object types."""
    words = {
        "primary": "Primary",
        "billing": "Billing",
        "signer": "Signer",
        "upcoming": "Upcoming",
        "parent to child": "Child company",
        "child to parent": "Parent company",
    }
    return next(label for word, label in words.items() if word in name.lower())


def _v3_name(row: PublishedType, siblings: list[PublishedType]) -> str:
    """``contact_to_company`` is the primary company, ``contact_to_company_unlabeled`` is 279."""
    plain = f"{row.from_object_type}_to_{row.to_object_type}"
    if _is_primary(row):
        return plain
    if _is_unlabelled(row):
        return f"{plain}_unlabeled" if any(_is_primary(other) for other in siblings) else plain
    return re.sub(r"\W+", "_", row.name.lower()).strip("_")


def _inverse(row: PublishedType) -> int | None:
    """Unlabelled types are each other's inverse; labelled ones come as neighbouring ids."""
    back = _published().get((row.to_object_type, row.from_object_type), [])
    if (row.from_object_type, row.to_object_type) in ONE_WAY:
        return None
    if _is_unlabelled(row):
        return next((other.type_id for other in back if _is_unlabelled(other)), None)
    labelled = {other.type_id for other in back if not _is_unlabelled(other)}
    return next((i for i in (row.type_id + 1, row.type_id - 1) if i in labelled), None)

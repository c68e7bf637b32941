"""What writing operations ask for, read from their bodies: pairs of records, and their types.

Knows: the request shapes of v3 and of v4 and later, and how many inputs each takes. Does not know:
what happens to a pair.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from msgspec import Struct

from hubassoc_async.emulator import bodies
from hubassoc_async.emulator.catalog import Catalog, Direction, TypeDef
from hubassoc_async.emulator.reads import record_id
from hubassoc_async.emulator.refusals import (
    Refused,
    batch_inputs,
    list_field,
    number_field,
    object_field,
    text_field,
)

CREATE_INPUTS: Final = 2_000
"""Most inputs of a create (documented) and of a default associate (inferred)."""
ARCHIVE_FROMS: Final = 100
"""Most distinct from-ids of an archive. From two second-hand sources."""
ARCHIVE_INPUTS: Final = 2_000
"""Most pairs of a label archive. Unknown; the same figure as for create."""
INVALID_TYPE: Final = "crm.associations.INVALID_ASSOCIATION_TYPE"


class Pair(Struct):
    """One pair of records that an input names, and the types that come with it."""

    from_id: int
    to_id: int
    types: tuple[TypeDef, ...] = ()


class BadType(Exception):
    """An association type that the direction does not have: what becomes of it is a setting."""


Invalid: TypeAlias = list[str]
"""Errors of inputs whose ids are none."""


def create_inputs(
    body: bytes | None, direction: Direction, catalog: Catalog, too_many: int, *, v3: bool
) -> tuple[list[Pair], Invalid]:
    """The pairs of a labelled create, or of an archive of labels.

    Raises ``Refused``, and ``BadType`` for the first impossible type.
    """
    find = _v3_types if v3 else _types
    pairs: list[Pair] = []
    invalid: Invalid = []
    for item in batch_inputs(body, CREATE_INPUTS, too_many):
        found = _ids(item, invalid)
        types = find(item, direction, catalog)
        if found is not None:
            pairs.append(Pair(*found, types))
    return pairs, invalid


def default_inputs(body: bytes | None, too_many: int) -> tuple[list[Pair], Invalid]:
    """The pairs of an associate by the default type."""
    pairs: list[Pair] = []
    invalid: Invalid = []
    for item in batch_inputs(body, CREATE_INPUTS, too_many):
        found = _ids(item, invalid)
        if found is not None:
            pairs.append(Pair(*found))
    return pairs, invalid


def archive_inputs(body: bytes | None, too_many: int) -> tuple[list[Pair], int]:
    """The pairs of an archive of everything, and the number of inputs. Ids that are none go."""
    pairs: list[Pair] = []
    inputs = batch_inputs(body, ARCHIVE_INPUTS, too_many)
    for item in inputs:
        from_id = record_id(text_field(object_field(item, "from"), "id"))
        for to in list_field(item, "to"):
            if not isinstance(to, dict):
                raise Refused(
                    400, "Invalid input JSON: to is a list of objects", "VALIDATION_ERROR"
                )
            to_id = record_id(text_field(to, "id"))
            if from_id is not None and to_id is not None:
                pairs.append(Pair(from_id, to_id))
    check_froms((pair.from_id for pair in pairs), too_many)
    return pairs, len(inputs)


def check_froms(from_ids: Iterable[int], too_many: int) -> None:
    """Refuse an archive of too many records."""
    count = len(set(from_ids))
    if count > ARCHIVE_FROMS:
        message = f"The maximum number of from objects is {ARCHIVE_FROMS}: there were {count}"
        raise Refused(too_many, message, "VALIDATION_ERROR")


def spec_types(
    specs: list[Any], direction: Direction, catalog: Catalog, from_id: str
) -> tuple[TypeDef, ...]:
    """The types that ``[{associationCategory, associationTypeId}]`` means.

    Raises ``BadType`` for one that does not exist, ``Refused`` for one of the other direction.
    """
    if not specs:
        raise Refused(400, "At least one association type is needed", "VALIDATION_ERROR")
    found: list[TypeDef] = []
    for spec in specs:
        if not isinstance(spec, dict):
            raise Refused(400, "Invalid input JSON: types is a list of objects", "VALIDATION_ERROR")
        category = text_field(spec, "associationCategory")
        type_id = number_field(spec, "associationTypeId")
        type_def = direction.find(category, type_id)
        if type_def is None:
            back = catalog.direction(direction.to_type, direction.from_type)
            if back.find(category, type_id) is not None:
                message = f"{direction.from_type.upper()}={from_id} is not valid"
                raise Refused(400, message, "VALIDATION_ERROR")
            raise BadType(f"{type_id} is no {category} type of {_name(direction)}")
        found.append(type_def)
    return tuple(found)


def _types(item: dict[str, Any], direction: Direction, catalog: Catalog) -> tuple[TypeDef, ...]:
    from_id = text_field(object_field(item, "from"), "id")
    return spec_types(list_field(item, "types"), direction, catalog, from_id)


def _v3_types(item: dict[str, Any], direction: Direction, catalog: Catalog) -> tuple[TypeDef, ...]:
    name = text_field(item, "type")
    found = direction.named(name)
    if found is None:
        raise BadType(f"{name} is no type of {_name(direction)}")
    return (found,)


def _name(direction: Direction) -> str:
    return f"{direction.from_type} to {direction.to_type}"


def _ids(item: dict[str, Any], invalid: Invalid) -> tuple[int, int] | None:
    spellings = [text_field(object_field(item, name), "id") for name in ("from", "to")]
    numbers = [record_id(spelling) for spelling in spellings]
    bad = [s for s, number in zip(spellings, numbers, strict=True) if number is None]
    invalid.extend(bodies.invalid_identifier(spelling) for spelling in bad)
    from_id, to_id = numbers
    return None if from_id is None or to_id is None else (from_id, to_id)

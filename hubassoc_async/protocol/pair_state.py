"""What a pair of records has, as it was read: beside what was asked.

Knows: types and what they mean for each operation. Does not know: reads, batches.
"""

from collections.abc import Collection, Iterable

import msgspec

from hubassoc_async.model import (
    NOT_VERIFIED,
    AssociationType,
    Failure,
    ObjectAssociations,
    WriteOperation,
    WriteOutcome,
    Written,
)
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.links import Change
from hubassoc_async.protocol.type_names import Key, type_key

Types = tuple[AssociationType, ...]


def types_by_id(read: ObjectAssociations | Failure) -> dict[str, Types]:
    """Give what one record was read to be associated with."""
    to = () if isinstance(read, Failure) else read.to
    return {one.to_object_id: one.association_types for one in to}


def added_to(has: Iterable[AssociationType], asked: Types, moved: Collection[Key]) -> Types:
    """Unite a pair's labels with those asked for, without what goes to another pair.

    The type without a label comes with every association by itself.
    """
    keys = {*map(type_key, asked), *moved}
    return (*(one for one in has if one.label is not None and type_key(one) not in keys), *asked)


def unread(change: Change, read: Failure) -> Failure:
    """Say that a pair that was written could not be read back."""
    message = f"it was written, and could not be read back: {read.message}"
    return change.failure(NOT_VERIFIED, message, read.sub_category, read.correlation_id)


def judged(
    operation: WriteOperation,
    change: Change,
    written: Written,
    has: Types | None,
    label_types: LabelTypes,
) -> WriteOutcome:
    """Say whether a pair, read back, is as was asked; None is no association."""
    wrong = _difference(operation, change, has, label_types)
    if wrong is None:
        return msgspec.structs.replace(written, verified=True)
    return change.failure(NOT_VERIFIED, f"read back after it was written: {wrong}")


def _difference(
    operation: WriteOperation, change: Change, has: Types | None, label_types: LabelTypes
) -> str | None:
    if operation == "archive":
        return None if has is None else f"it still has {_named(has)}"
    asked = set(map(type_key, change.types))
    if operation == "archive_labels":
        left = [one for one in has or () if type_key(one) in asked]
        return f"it still has {_named(left)}" if left else None
    if has is None:
        return "there is no association"
    if operation == "create_default":
        return None
    missing = asked.difference(map(type_key, has))
    if missing:
        lacking = [one for one in change.types if type_key(one) in missing]
        return f"it lacks {_named(lacking)}"
    # HubSpot may make the first company of a record its primary by itself
    beyond = [
        one
        for one in has
        if one.label is not None and type_key(one) not in asked and label_types.holder(one) is None
    ]
    return f"it has {_named(beyond)} as well" if beyond else None


def _named(types: Iterable[AssociationType]) -> str:
    return ", ".join(f"{one.label or 'default'} ({one.category} {one.type_id})" for one in types)

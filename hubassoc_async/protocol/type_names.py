"""What association types are called: by the portal, by HubSpot, by v3.

Knows: the published names, and which word of them tells. Does not know: which one is meant.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from hubassoc_async.model import AssociationType
from hubassoc_async.protocol.published import PublishedType, object_type_name, published_types
from hubassoc_async.protocol.v3_names import v3_type_name

DEFAULT_NAMES: Final = ("default", "unlabelled", "unlabeled")
"""Names for the type without a label, which every association has."""

Key: TypeAlias = tuple[str, int | None]


def type_key(one: AssociationType) -> Key:
    """Tell types apart as HubSpot does: ids of different categories overlap."""
    return one.category, one.type_id


def published_between(
    from_object_type: str, to_object_type: str
) -> tuple[list[PublishedType], list[PublishedType]]:
    """Give the published types between two object types, there and back."""
    ends = object_type_name(from_object_type), object_type_name(to_object_type)
    there, back = [], []
    for row in published_types():
        pair = row.from_object_type, row.to_object_type
        if pair == ends:
            there.append(row)
        if pair == ends[::-1]:
            back.append(row)
    return there, back


def all_types(
    portal: Iterable[AssociationType], published: Iterable[PublishedType]
) -> tuple[AssociationType, ...]:
    """The portal's types, and the published ones that it does not list."""
    found = {type_key(one): one for one in portal}
    for row in published:
        one = AssociationType("HUBSPOT_DEFINED", row.type_id, _label(row))
        found.setdefault(type_key(one), one)
    return tuple(found.values())


def _plain(row: PublishedType) -> str:
    return f"{row.from_object_type} to {row.to_object_type}".replace("_", " ")


def _label(row: PublishedType) -> str | None:
    """What a published name says beside the two object types; None for the unlabelled type."""
    name = row.name.lower().removesuffix(" (sdk enum only)")
    if name == _plain(row):
        return None
    both = {*_plain(row).split(), "to"}
    rest = [word for word in re.findall(r"[a-z]+", name.partition("(")[0]) if word not in both]
    return rest[0].capitalize() if len(rest) == 1 else row.name


def portal_names(
    portal: Iterable[AssociationType], v3_names: Mapping[Key, str]
) -> dict[str, list[AssociationType]]:
    """Give what a portal calls its types, in lower case."""
    names: dict[str, list[AssociationType]] = {}
    for one in portal:
        own = DEFAULT_NAMES if one.label is None else (one.label,)
        for name in {*own, *filter(None, [v3_names.get(type_key(one))])}:
            names.setdefault(name.casefold(), []).append(one)
    return names


def published_names(
    types: Iterable[AssociationType], rows: Mapping[int, PublishedType]
) -> dict[str, list[AssociationType]]:
    """Names that need no definitions: HubSpot's words, v3's names, the one word that tells."""
    names: dict[str, list[AssociationType]] = {}
    for one in types:
        row = rows.get(one.type_id or 0) if one.category == "HUBSPOT_DEFINED" else None
        if row is None:
            continue
        label = _label(row)
        own = DEFAULT_NAMES if label is None else (label,)
        for name in {*own, row.name, *filter(None, [v3_type_name(row.type_id)])}:
            names.setdefault(name.casefold(), []).append(one)
    return names


def neighbours(there: Iterable[AssociationType], back: Iterable[AssociationType]) -> dict[Key, Key]:
    """Match labels that were defined as a pair: their type ids are beside each other.

    By elimination, as the ids of two pairs may be beside each other as well; what stays ambiguous
    is left out.
    """
    ours, theirs = _own_labels(there), _own_labels(back)
    same = {one.label for one in ours.values()} & {one.label for one in theirs.values()}
    open_ = {key for key, one in ours.items() if one.label not in same}
    free = {key for key, one in theirs.items() if one.label not in same}
    matched: dict[Key, Key] = {}
    while True:
        found = {}
        for category, type_id in open_:
            beside = {(category, (type_id or 0) + step) for step in (1, -1)} & free
            if len(beside) == 1:
                found[category, type_id] = beside.pop()
        if not found or len(set(found.values())) < len(found):
            return matched
        matched.update(found)
        open_ -= found.keys()
        free -= set(found.values())


def _own_labels(types: Iterable[AssociationType]) -> dict[Key, AssociationType]:
    """Give the labels that are not HubSpot's."""
    return {
        type_key(one): one
        for one in types
        if one.label is not None and one.category != "HUBSPOT_DEFINED"
    }

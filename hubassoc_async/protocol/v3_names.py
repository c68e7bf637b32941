"""v3's type names, such as ``contact_to_company``, as association types.

Knows: how v3 spells the published types. Does not know: bodies or paths.
"""

import re
from functools import cache, lru_cache

from hubassoc_async.model import AssociationType
from hubassoc_async.protocol.published import published_types

_UNNAMED = re.compile(r"[^a-z0-9]+")


@cache
def _names() -> dict[str, AssociationType]:
    """v3 name -> type.

    ``a_to_b`` is the primary type where the pair has one, and ``a_to_b_unlabeled`` its unlabelled
    type; elsewhere ``a_to_b`` is the unlabelled type itself. Labelled types go by their name.
    """
    names: dict[str, AssociationType] = {}
    plain: dict[str, int] = {}
    primary: dict[str, int] = {}
    for row in published_types():
        pair = f"{row.from_object_type}_to_{row.to_object_type}"
        name = _UNNAMED.sub("_", row.name.lower()).strip("_")
        if name == pair:
            plain[pair] = row.type_id
        elif "primary" in name.split("_"):
            primary[pair] = row.type_id
        names.setdefault(name, AssociationType("HUBSPOT_DEFINED", row.type_id))
    for pair, type_id in plain.items():
        names[f"{pair}_unlabeled"] = AssociationType("HUBSPOT_DEFINED", type_id)
        if pair in primary:
            names[pair] = AssociationType("HUBSPOT_DEFINED", primary[pair], "Primary")
        else:
            names[pair] = AssociationType("HUBSPOT_DEFINED", type_id)
    return names


@lru_cache(maxsize=4096)
def v3_association_type(name: str) -> tuple[AssociationType, ...]:
    """Return the one type that a v3 name stands for, shared between calls.

    A name that is not published is a portal's own label: it comes back with category ``UNKNOWN``,
    no type id, and the name as its label, because v3 says no more.
    """
    return (_names().get(name.lower()) or AssociationType("UNKNOWN", None, name),)


@cache
def _by_type_id() -> dict[int, str]:
    by_id: dict[int, str] = {}
    for name, one in _names().items():
        if one.type_id is not None:
            kept = by_id.setdefault(one.type_id, name)
            if name.count("_to_") == 1 and len(name) < len(kept):
                by_id[one.type_id] = name  # contact_to_company, not contact_to_primary_company
    return by_id


def v3_type_name(type_id: int | None) -> str | None:
    """Return the v3 name of a published type, by its id; None for any other."""
    return None if type_id is None else _by_type_id().get(type_id)

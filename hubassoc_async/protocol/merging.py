"""Associations of one record that are said more than once, in one answer or in several.

Knows: that their types add up. Does not know: answers, pages.
"""

from collections.abc import Iterable

from hubassoc_async.model import Association, Associations, AssociationTypes


def united(types: AssociationTypes, more: AssociationTypes) -> AssociationTypes:
    """Unite two tuples of types; the very same tuple when nothing is new."""
    if types is more or not more:
        return types
    if not types:
        return more
    new = tuple(dict.fromkeys(one for one in more if one not in types))
    return types + new if new else types


def merged(associations: Iterable[Association]) -> Associations:
    """List each associated record once, its types united."""
    types: dict[str, AssociationTypes] = {}
    for one in associations:
        known = types.get(one.to_object_id)
        kinds = one.association_types
        types[one.to_object_id] = kinds if known is None else united(known, kinds)
    return tuple(Association(to_id, kinds) for to_id, kinds in types.items())

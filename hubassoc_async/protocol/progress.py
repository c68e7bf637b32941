"""What is known of a record whose associations come in several answers.

Knows: associations and cursors. Does not know: who asks, what an answer looks like.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from hubassoc_async.model import Association, Associations, AssociationTypes, united


class Progress(Struct, gc=False):
    """An id that did not come out with its first answer."""

    to: dict[str, AssociationTypes] = field(default_factory=dict)
    cursors: set[str] = field(default_factory=set)
    asks: int = 1
    idle: int = 0

    def add(self, associations: Iterable[Association]) -> bool:
        """Merge a page in; whether it brought anything new."""
        new = False
        for association in associations:
            types = self.to.get(association.to_object_id)
            kinds = united(types or (), association.association_types)
            if types is None or kinds is not types:
                self.to[association.to_object_id] = kinds
                new = True
        return new

    def associations(self) -> Associations:
        """Everything so far, each record once."""
        return tuple(Association(to_id, types) for to_id, types in self.to.items())

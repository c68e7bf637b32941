"""What is known of a record whose associations come in several answers.

Knows: associations and cursors. Does not know: who asks, what an answer looks like.
"""

from msgspec import Struct, field

from hubassoc_async.model import Association, Associations
from hubassoc_async.protocol.merging import united


class Progress(Struct, gc=False):
    """An id that did not come out with its first answer."""

    to: dict[str, Association] = field(default_factory=dict)
    cursors: set[str] = field(default_factory=set)
    asks: int = 1
    idle: int = 0
    """Pages in a row that brought nothing new."""

    def add(self, associations: Associations) -> None:
        """Merge a page in, which lists each record once."""
        to = self.to
        ids = [one.to_object_id for one in associations]
        if to.keys().isdisjoint(ids):  # nearly always: a page goes on where the last one ended
            to.update(zip(ids, associations, strict=True))
            self.idle = 0 if ids else self.idle + 1
            return
        self.idle += 1
        for to_id, one in zip(ids, associations, strict=True):
            known = to.get(to_id)
            if known is not None:
                types = united(known.association_types, one.association_types)
                if types is known.association_types:
                    continue
                one = Association(to_id, types)
            to[to_id] = one
            self.idle = 0

    def associations(self) -> Associations:
        """Everything so far, each record once."""
        return (*self.to.values(),)

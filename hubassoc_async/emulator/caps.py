"""How many records of a type one record may have: HubSpot's own cap, and configured ones.

Knows: the graph, to count in. Does not know: requests, and how a full record is reported.
"""

from collections.abc import Iterable
from typing import TypeAlias

from hubassoc_async.emulator.graph import Graph

Ends: TypeAlias = tuple[str, int, str, int]
"""From type and id, to type and id."""
Pending: TypeAlias = dict[tuple[str, int, str], dict[int, set[int]]]
"""Types by id that a batch is about to write, by record and type of the other side."""


class Caps:
    """The caps of one portal."""

    def __init__(self, per_record: int | None) -> None:
        self.per_record = per_record
        self.configured: dict[tuple[str, str, int], int] = {}
        """By from type, to type and association type."""

    def exceeded(
        self, graph: Graph, ends: Ends, keys: Iterable[int], pending: Pending
    ) -> str | None:
        """What a pair would exceed at either end, in words, or None: then it is pending."""
        if self.per_record is None and not self.configured:
            return None
        from_type, from_id, to_type, to_id = ends
        types = graph.catalog.direction(from_type, to_type).types
        inverse = {types[key].inverse for key in keys}
        sides = (
            (ends, set(keys)),
            ((to_type, to_id, from_type, from_id), {key for key in inverse if key is not None}),
        )
        for side, wanted in sides:
            full = self._full(graph, side, wanted, pending)
            if full is not None:
                return full
        for side, wanted in sides:
            pending.setdefault(side[:3], {}).setdefault(side[3], set()).update(wanted)
        return None

    def _full(self, graph: Graph, ends: Ends, keys: set[int], pending: Pending) -> str | None:
        from_type, from_id, to_type, to_id = ends
        relation = graph.relation(from_type, to_type)
        new = pending.get(ends[:3], {})
        others = {to: set(relation.kinds[k]) for to, k in relation.pairs(from_id).items()}
        for to, more in new.items():
            others[to] = others.get(to, set()) | more
        known = others.pop(to_id, None)
        if known is None and self.per_record is not None and len(others) >= self.per_record:
            return f"{from_type} {from_id} has {len(others)} associations with {to_type} already"
        unlabelled = relation.direction.unlabelled
        for key in keys | ({unlabelled.key} if unlabelled else set()):
            most = self.configured.get((from_type, to_type, key))
            if most is not None and sum(key in held for held in others.values()) >= most:
                return f"{from_type} {from_id} may have {most} of type {abs(key)} at most"
        return None

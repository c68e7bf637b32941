"""Whose error is it: the entries of a write's ``errors``, given to the links they belong to.

An error may name the pair, or an object that is missing, in which case every link that touches it
failed; one link can cause two. What names nothing of ours is a stray: it is somebody's here.

Knows: what a ``context`` means. Does not know: batches, halving, what is sent next.
"""

from collections.abc import Iterable, Iterator

from hubassoc_async.model import Pair
from hubassoc_async.protocol.published import object_type_name
from hubassoc_async.protocol.write_wire import LinkError


class Attributor:
    """Attributes the errors of writes between two object types."""

    def __init__(self, from_object_type: str, to_object_type: str) -> None:
        self._from_name = _name(from_object_type)
        self._to_name = _name(to_object_type)

    def attribute(
        self, errors: Iterable[LinkError], owed: Iterable[Pair]
    ) -> tuple[dict[Pair, LinkError], LinkError | None]:
        """Give each error to its pairs, the first of them where there are two.

        Returns them by pair, and the first error that belongs to none of them.
        """
        pairs = owed if isinstance(owed, dict) else dict.fromkeys(owed)
        by_end: dict[tuple[int, str], list[Pair]] = {}
        named: dict[Pair, LinkError] = {}
        stray = None
        for error in errors:
            ours = [pair for pair in _pairs(error) if pair in pairs]
            if not ours:
                if not by_end:
                    by_end = _ends(pairs)
                ours = self._touched(error, by_end)
            for pair in ours:
                named.setdefault(pair, error)
            if not ours and stray is None:
                stray = error
        return named, stray

    def _touched(self, error: LinkError, by_end: dict[tuple[int, str], list[Pair]]) -> list[Pair]:
        """Find every pair that touches an object the error names; at either end at a pinch."""
        if bool(error.from_ids) != bool(error.to_ids):  # with both it names a pair, not an object
            end, ids = (0, error.from_ids) if error.from_ids else (1, error.to_ids)
            return [pair for object_id in ids for pair in by_end.get((end, object_id), ())]
        sides = self._sides(error)
        found = [
            p for object_id in error.ids for s in sides for p in by_end.get((s, object_id), ())
        ]
        if not found and len(sides) == 1:
            other = 1 - sides[0]
            found = [p for object_id in error.ids for p in by_end.get((other, object_id), ())]
        return found

    def _sides(self, error: LinkError) -> tuple[int, ...]:
        """Say at which ends the missing object is: by its type, else by the sub-category."""
        if self._from_name != self._to_name:
            names = {_name(spelling) for spelling in error.object_types}
            if names == {self._from_name}:
                return (0,)
            if names == {self._to_name}:
                return (1,)
        sub_category = error.sub_category or ""
        if "FROM_OBJECT" in sub_category:
            return (0,)
        if "TO_OBJECT" in sub_category:
            return (1,)
        return (0, 1)


def _name(spelling: str) -> str:
    return object_type_name(spelling) or spelling.lower()


def _pairs(error: LinkError) -> Iterator[Pair]:
    """Give the pairs that an error names as such."""
    froms, tos = error.from_ids, error.to_ids
    if len(froms) == len(tos):
        yield from zip(froms, tos, strict=True)
    else:
        yield from ((from_id, to_id) for from_id in froms for to_id in tos)


def _ends(pairs: Iterable[Pair]) -> dict[tuple[int, str], list[Pair]]:
    by_end: dict[tuple[int, str], list[Pair]] = {}
    for pair in pairs:
        by_end.setdefault((0, pair[0]), []).append(pair)
        by_end.setdefault((1, pair[1]), []).append(pair)
    return by_end

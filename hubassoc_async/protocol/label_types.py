"""What a portal's association types between two object types are called, and which is meant.

Knows: names, type ids, directions, inverses; the portal's definitions first, then the published
table. Does not know: how definitions are fetched, links, records.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from hubassoc_async.errors import UsageError
from hubassoc_async.model import AssociationType, TypeGiven
from hubassoc_async.protocol.published import object_type_name
from hubassoc_async.protocol.type_names import (
    DEFAULT_NAMES,
    Key,
    all_types,
    neighbours,
    portal_names,
    published_between,
    published_names,
    type_key,
)
from hubassoc_async.protocol.v3_names import v3_type_name

OTHER_DIRECTION: Final = "is of the other direction"
_NEAREST = 3  # names that are suggested for an unknown one
_LISTED = 12  # names that are listed where none is near


class LabelTypes:
    """The association types between two object types, in both directions.

    ``types`` are those from ``from_object_type`` to ``to_object_type``, ``inverse_types`` those
    back. ``resolve`` finds one by name, id or itself; ``inverse`` the same type seen from the other
    end, where that can be told.
    """

    def __init__(
        self,
        from_object_type: str,
        to_object_type: str,
        portal: tuple[Iterable[AssociationType], Iterable[AssociationType]] | None = None,
        *,
        v3_names: Mapping[Key, str] | None = None,
        inverses: Mapping[Key, Key] | None = None,
        lenient: bool = False,
    ) -> None:
        """``portal``: its definitions there and back; None when they could not be read.

        ``v3_names``, where the definitions are v3's. ``inverses`` that are known, from
        the creation of labels. ``lenient``: take a name that only the portal could know on trust.
        """
        self.unchecked: set[str] = set()
        """What was taken on trust."""
        self._lenient = lenient
        self.from_object_type = from_object_type
        self.to_object_type = to_object_type
        self.from_portal = portal is not None
        """Whether the portal's own definitions are in it, or only the published table."""
        there, back = published_between(from_object_type, to_object_type)
        ours, theirs = portal or ((), ())
        self.types = all_types(ours, there)
        self.inverse_types = all_types(theirs, back)
        self._v3_names = dict(v3_names or {})
        self._inverses = dict(inverses or {})
        self._rows = {row.type_id: row for row in there}
        self._portal_names = portal_names(ours, self._v3_names)
        self._published_names = published_names(self.types, self._rows)

    @classmethod
    def of_v3(
        cls, from_object_type: str, to_object_type: str, listed: Iterable[tuple[int, str]]
    ) -> "LabelTypes":
        """Make them of what v3 lists: ids and names, without saying whose types they are.

        An id that HubSpot publishes is HubSpot's under the name that it is known by, or if it is
        listed once.
        """
        rows = {row.type_id: row for row in published_between(from_object_type, to_object_type)[0]}
        known = [*listed]
        ids = [type_id for type_id, _ in known]
        names: dict[Key, str] = {}
        own = []
        for type_id, name in known:
            if type_id in rows and (v3_type_name(type_id) == name or ids.count(type_id) == 1):
                names["HUBSPOT_DEFINED", type_id] = name
            else:
                own.append(AssociationType("USER_DEFINED", type_id, name))
                names["USER_DEFINED", type_id] = name
        return cls(from_object_type, to_object_type, (own, ()), v3_names=names)

    def __repr__(self) -> str:
        where = "the portal's definitions" if self.from_portal else "the published table"
        pair = f"{self.from_object_type}→{self.to_object_type}"
        return f"<LabelTypes {pair}: {len(self.types)} types, from {where}>"

    @property
    def same_type(self) -> bool:
        """Whether both ends are of one object type."""
        one, other = self.from_object_type, self.to_object_type
        return (object_type_name(one) or one.lower()) == (object_type_name(other) or other.lower())

    @property
    def default(self) -> AssociationType | None:
        """The type without a label. None for object types that are not known to have one."""
        return next((one for one in self.types if one.label is None), None)

    def resolve(self, given: TypeGiven) -> AssociationType:
        """Find the type that is meant in this direction.

        Raises ``UsageError`` for an unknown name, with the nearest ones, for an ambiguous one, and
        for a type of the other direction.
        """
        if isinstance(given, AssociationType):
            if given.type_id is not None:
                return self._by_id(given.type_id, given.category)
            return self.resolve(given.label or "")
        if isinstance(given, int) and not isinstance(given, bool):
            return self._by_id(given, None)
        if not isinstance(given, str):
            raise UsageError(f"{given!r} is not a label, a type id or an AssociationType")
        name = given.strip()
        found = self._named(name)
        if not found and name.isascii() and name.isdigit():
            return self._by_id(int(name), None)
        if len(found) == 1:
            return found[0]
        if found:
            which = " and ".join(_described(one) for one in found)
            raise UsageError(f"{name!r} is ambiguous: it is {which}: give the type id or its case")
        unknown = self._unknown_name(name)
        if self._lenient and name and OTHER_DIRECTION not in unknown:
            self.unchecked.add(name)
            return AssociationType("UNKNOWN", None, name)
        raise UsageError(unknown)

    def turned(self) -> "LabelTypes":
        """Return the same types from the other end."""
        return LabelTypes(
            self.to_object_type,
            self.from_object_type,
            (self.inverse_types, self.types) if self.from_portal else None,
            inverses={back: there for there, back in self._inverses.items()},
        )

    def inverse(self, one: AssociationType) -> AssociationType | None:
        """Find the type that the other direction has for this one; None where that is not known.

        Known from the creation of the label and from the published table. Otherwise the label of
        the same name is it, or for a paired label the one with the neighbouring type id.
        """
        key = type_key(one)
        by_key = {type_key(other): other for other in self.inverse_types}
        if key in self._inverses:
            return by_key.get(self._inverses[key])
        if one.category == "HUBSPOT_DEFINED" or one.label is None:
            return self._inverse_published(one)
        if self.from_object_type == self.to_object_type:
            return None  # a pair of ids beside each other and two single labels look the same
        same = [o for o in self.inverse_types if o.label == one.label and o.category == key[0]]
        if len(same) == 1:
            return same[0]
        return by_key.get(neighbours(self.types, self.inverse_types).get(key, key))

    def unlabelled(self, one: AssociationType) -> bool:
        """Say whether a type is the one without a label, or might be for all that is known."""
        for known in self.types:
            if type_key(known) == type_key(one):
                return known.label is None
        return one.label is None

    def holder(self, one: AssociationType) -> Literal["from", "to"] | None:
        """Say which end has at most one association of a type: the end that has a primary.

        A contact, a deal or a ticket has one primary company, from whichever end it is set.
        """
        row = self._rows.get(one.type_id or 0) if one.category == "HUBSPOT_DEFINED" else None
        if row is None or "primary" not in row.name.lower():
            return None
        turned = row.from_object_type == "company" or row.name.lower().startswith("primary")
        return "to" if turned else "from"

    def v3_name(self, one: AssociationType) -> str | None:
        """Spell a type as v3 does; None when v3 has no name for it."""
        if type_key(one) in self._v3_names:
            return self._v3_names[type_key(one)]
        own = one.category != "HUBSPOT_DEFINED" or one.type_id not in self._rows
        return None if own else v3_type_name(one.type_id)

    def _named(self, name: str) -> list[AssociationType]:
        for names in (self._portal_names, self._published_names):
            found = names.get(name.casefold(), [])
            exact = [one for one in found if one.label == name]
            if found:
                return exact if len(exact) == 1 else found
        return []

    def _by_id(self, type_id: int, category: str | None) -> AssociationType:
        def fits(one: AssociationType) -> bool:
            return one.type_id == type_id and category in (None, one.category)

        found = [one for one in self.types if fits(one)]
        if len(found) == 1:
            return found[0]
        here = f"{self.from_object_type} to {self.to_object_type}"
        if found:
            which = " and ".join(_described(one) for one in found)
            raise UsageError(f"type id {type_id} is ambiguous: it is {which}: give its category")
        turned = next((one for one in self.inverse_types if fits(one)), None)
        if turned is not None:
            raise UsageError(f"{_described(turned)} {OTHER_DIRECTION}{self._meant(turned)}")
        if not self.from_portal and (category is not None or self._lenient):
            self.unchecked.add(f"{category or 'type'} {type_id}")
            return AssociationType(category or "UNKNOWN", type_id)  # only the portal could tell
        known = ", ".join(map(_described, self.types[:_LISTED])) or "none is known"
        raise UsageError(f"there is no type {type_id} from {here}: {known}")

    def _unknown_name(self, name: str) -> str:
        here = f"{self.from_object_type} to {self.to_object_type}"
        for turned in self.inverse_types:
            if turned.label is not None and turned.label.casefold() == name.casefold():
                return f"{_described(turned)} {OTHER_DIRECTION}{self._meant(turned)}"
        labels = {name.casefold(): name for name in DEFAULT_NAMES[:1]}
        labels.update((one.label.casefold(), one.label) for one in self.types if one.label)
        from difflib import get_close_matches  # here: few ever misspell a label

        near = get_close_matches(name.casefold(), labels, n=_NEAREST, cutoff=0.5)
        said = f"{name!r} is no label from {here}"
        if near:
            said += f": did you mean {' or '.join(repr(labels[one]) for one in near)}?"
        else:
            said += f": it has {', '.join(repr(one) for one in list(labels.values())[:_LISTED])}"
        if not self.from_portal:
            said += " (the portal's own labels could not be read)"
        return said

    def _meant(self, turned: AssociationType) -> str:
        other = self.turned()
        meant = other.inverse(turned)
        here = f", from {self.to_object_type} to {self.from_object_type}"
        return here if meant is None else f"{here}: here it is {_described(meant)}"

    def _inverse_published(self, one: AssociationType) -> AssociationType | None:
        if one.label is None:
            return next((other for other in self.inverse_types if other.label is None), None)
        beside = (one.type_id or 0) + 1, (one.type_id or 0) - 1  # labelled ones are neighbours
        labelled = [o for o in self.inverse_types if o.label and o.category == "HUBSPOT_DEFINED"]
        return next((o for type_id in beside for o in labelled if o.type_id == type_id), None)


def _described(one: AssociationType) -> str:
    return f"{one.category} {one.type_id} ({one.label or 'default'})"

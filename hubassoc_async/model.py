"""What callers hold: associations, outcomes and results.

Knows: the shapes. Does not know: HTTP, versions, JSON field names.

Structs leave the cyclic garbage collector alone (``gc=False``): they cannot be part of a cycle,
and millions of them would otherwise be walked over and over.
"""

from array import array
from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct


class AssociationType(Struct, frozen=True, gc=False):
    """One type under which two records are associated, in the direction that was read."""

    category: str
    """``HUBSPOT_DEFINED``, ``USER_DEFINED``, ``INTEGRATOR_DEFINED``, ``WORK`` or one HubSpot adds.
    ``UNKNOWN`` for a v3 type name that the published table does not have."""
    type_id: int | None
    """None only for a v3 type name that the published table does not have."""
    label: str | None = None
    """None for unlabelled types."""


class AssociationLimit(Struct, frozen=True, gc=False):
    """How many records one record may be associated with by one type: a portal's own setting."""

    category: str
    type_id: int
    max_to_object_ids: int | None = None
    """None where HubSpot names none, and to remove the limit."""
    label: str | None = None


class UsageReport(Struct, frozen=True, gc=False):
    """A report of records near their limits, that HubSpot will mail to a user."""

    user_id: int
    user_email: str | None = None
    enqueued_at: float | None = None
    """Seconds since 1970, UTC."""


class IdPage(Struct, frozen=True, gc=False):
    """Some of the ids of an object type's records."""

    ids: tuple[str, ...]
    after: str | None
    """The cursor of the next page; None: this is the last."""


AssociationTypes: TypeAlias = tuple[AssociationType, ...]


class Association(Struct, frozen=True, gc=False):
    """One associated record, with every type under which it is associated."""

    to_object_id: str
    association_types: AssociationTypes
    """Shared between associations of the same types: compare it, do not rely on identity."""


Associations: TypeAlias = tuple[Association, ...]


class ObjectAssociations(Struct, frozen=True, gc=False):
    """The whole answer for one id: found, or none."""

    from_object_id: str
    to: Associations
    """Every associated record once, in the order in which HubSpot gave them. () is none."""

    @property
    def status(self) -> Literal["found", "none"]:
        """``found`` or ``none``."""
        return "found" if self.to else "none"


class PackedAssociations(ObjectAssociations, frozen=True, gc=False):
    """The whole answer for one id, for columns: ``stream_read(…, packed=True)``.

    No object is made for an association: the third one is of the record
    ``array("q", to_ids)[2]``, with the types ``kinds[to[2]]``. How many there are is ``len(to)``,
    as it always is. Compare and hash what ``unpacked`` gives, and make JSON of that: ``kinds``
    belongs to a read, so the same answer in another read may have other numbers.
    """

    to: bytes  # type: ignore[assignment]  # who asks for it knows
    """A byte an association: the place of its types in ``kinds``."""
    to_ids: bytes
    """A signed 64-bit integer an association, in the machine's order of bytes."""
    kinds: list[AssociationTypes]
    """Every tuple of types that any answer of the same read has had. One list for all of them,
    which grows at its end: what it says of a number never changes. Do not change it."""

    def __repr__(self) -> str:
        return f"<PackedAssociations of {self.from_object_id}: {len(self.to)} associations>"

    def unpacked(self) -> ObjectAssociations:
        """Give it as every other answer is."""
        ids = map(str, array("q", self.to_ids))
        types = map(self.kinds.__getitem__, self.to)
        return ObjectAssociations(self.from_object_id, (*map(Association, ids, types),))


class Failure(Struct, frozen=True, gc=False):
    """Why one id has no whole answer, or why one link was not written."""

    from_object_id: str
    category: str
    """HubSpot's ``category``, or one of this package's own (``FAILURE_CATEGORIES``)."""
    message: str
    sub_category: str | None = None
    correlation_id: str | None = None
    """Of the answer that failed the id; quote it to HubSpot's support."""
    incomplete: Associations = ()
    """What had been read before the id failed. Never the whole."""
    to_object_id: str | None = None
    """The other end of a link that was not written. None for a read."""
    association_types: tuple[AssociationType, ...] = ()
    """The types of a link that was not written; ``UNKNOWN`` with its name for an unknown one."""
    attempts: int = 1
    """How often it was sent before it was given up. 0: not at all."""
    transient: bool = False
    """Whether the very same may well succeed later."""

    @property
    def status(self) -> Literal["failed"]:
        """``failed``."""
        return "failed"


Outcome: TypeAlias = ObjectAssociations | Failure
"""What comes out for an id: found, none or failed; ``outcome.status`` says which."""


class Written(Struct, frozen=True, gc=False):
    """HubSpot did what was asked of one link."""

    from_object_id: str
    to_object_id: str
    association_types: tuple[AssociationType, ...] = ()
    """What was sent: with ``labels="append"`` what was there as well. () for an archive of all."""
    labels: tuple[str, ...] = ()
    """The pair's labels as HubSpot answered, where it says them."""
    verified: bool = False
    """Whether it was read back and is as asked."""

    @property
    def status(self) -> Literal["written"]:
        """``written``."""
        return "written"


class Unchanged(Struct, frozen=True, gc=False):
    """One link was known to be as asked already: nothing was sent for it."""

    from_object_id: str
    to_object_id: str
    association_types: tuple[AssociationType, ...] = ()
    """What the pair has."""

    @property
    def status(self) -> Literal["unchanged"]:
        """``unchanged``."""
        return "unchanged"


WriteOutcome: TypeAlias = Written | Unchanged | Failure
"""What comes out for a link or a pair; ``outcome.status`` says which."""

INVALID_ID: Final = "INVALID_ID"
NOT_ANSWERED: Final = "NOT_ANSWERED"
REPEATED_CURSOR: Final = "REPEATED_CURSOR"
PROTOCOL_ERROR: Final = "PROTOCOL_ERROR"
TRANSPORT_ERROR: Final = "TRANSPORT_ERROR"
INVALID_LINK: Final = "INVALID_LINK"
INVALID_TYPE: Final = "INVALID_TYPE"
SECOND_PRIMARY: Final = "SECOND_PRIMARY"
NOT_WRITTEN: Final = "NOT_WRITTEN"
NOT_VERIFIED: Final = "NOT_VERIFIED"

FAILURE_CATEGORIES: Final[Mapping[str, str]] = {
    INVALID_ID: "not a HubSpot record id, so it was not sent",
    NOT_ANSWERED: "HubSpot's answers neither listed the id nor named it in an error",
    REPEATED_CURSOR: "HubSpot's paging went in a circle; what was read is incomplete",
    PROTOCOL_ERROR: "HubSpot's answer for this id breaks the published format",
    TRANSPORT_ERROR: "no whole answer came for this id, alone in its request, in every attempt",
    INVALID_LINK: "not a link that can be written, so it was not sent",
    INVALID_TYPE: "a label, a type or a direction that is not there, so the link was not sent",
    SECOND_PRIMARY: "one record was given several primaries, so none of them was sent",
    NOT_WRITTEN: "HubSpot took the request and says nothing of having written the link",
    NOT_VERIFIED: "read back after it was written, and not as asked",
}
"""Categories of failures found by this package rather than by HubSpot, with their meaning."""

NOT_SENT: Final = frozenset({INVALID_ID, INVALID_LINK, INVALID_TYPE, SECOND_PRIMARY})
"""Categories of what was refused before it was sent."""
TRANSIENT: Final = frozenset(
    {NOT_ANSWERED, NOT_WRITTEN, NOT_VERIFIED, REPEATED_CURSOR, "INTERNAL_ERROR", "RATE_LIMIT"}
)
"""Categories of errors within an answer that the input itself is not to blame for."""


class ReadResult(Mapping[str, Associations]):
    """Everything a ``read`` found, by id, with the failures apart.

    ``result["1001"]`` is a tuple of ``Association``, empty where there is none; an int finds the
    same. Iteration gives the ids that were read (found and none). An id that failed is only in
    ``failures``: looking it up raises ``KeyError`` with the reason, lest it pass for none.
    """

    __slots__ = ("_found", "failures")

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._found: dict[str, Associations] = {}
        self.failures: dict[str, Failure] = {}
        self.add(outcomes)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take more outcomes in."""
        found = self._found
        for outcome in outcomes:
            if outcome.__class__ is ObjectAssociations:
                found[outcome.from_object_id] = outcome.to
            elif isinstance(outcome, PackedAssociations):
                found[outcome.from_object_id] = outcome.unpacked().to
            else:
                self.failures[outcome.from_object_id] = outcome  # type: ignore[assignment]

    def unknown(self, ids: Iterable[str]) -> list[str]:
        """Those of some ids that have no outcome: neither found, none nor failed."""
        known = [some.keys() for some in (self._found, self.failures) if some]
        ids = [*ids]
        if all(some.isdisjoint(ids) for some in known):  # nearly always, and at a third
            return ids
        return [one for one in ids if not any(one in some for some in known)]

    def __getitem__(self, object_id: str | int) -> Associations:
        key = object_id if isinstance(object_id, str) else str(object_id)
        try:
            return self._found[key]
        except KeyError:
            failure = self.failures.get(key)
            if failure is None:
                raise KeyError(object_id) from None
            raise KeyError(f"{key} failed: {failure.category}: {failure.message}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def values(self) -> ValuesView[Associations]:
        """The dict's own view: a Mapping's looks every key up again, at ten times the cost."""
        return self._found.values()

    def items(self) -> ItemsView[str, Associations]:
        """The dict's own view."""
        return self._found.items()

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        found = sum(1 for to in self._found.values() if to)
        none = len(self._found) - found
        return f"<ReadResult: {found} found, {none} none, {len(self.failures)} failed>"


WriteOperation: TypeAlias = Literal["create", "create_default", "archive", "archive_labels"]
LabelsMode: TypeAlias = Literal["replace", "append"]
"""Whether create replaces a pair's labels, as HubSpot does, or reads them and adds to them."""
Pair: TypeAlias = tuple[str, str]
"""``from_object_id`` and ``to_object_id``."""
TypeGiven: TypeAlias = str | int | AssociationType
"""A label's name, ``primary``, ``default``, a type id, or the type itself."""
TypesGiven: TypeAlias = TypeGiven | Iterable[TypeGiven]


class Link(NamedTuple):
    """Two records and the types between them. A plain tuple of two or three does as well."""

    from_object_id: str | int
    to_object_id: str | int
    types: TypesGiven = ()
    row: int | None = None
    """Where it stands in its file, for messages; None: its place among the links, from 1."""


LinkGiven: TypeAlias = Link | tuple[str | int, str | int] | tuple[str | int, str | int, TypesGiven]


class WriteResult(Mapping[Pair, Written | Unchanged]):
    """Every outcome of a write, by pair, with the failures apart.

    ``result["1001", "2002"]`` is ``Written`` or ``Unchanged``; ints find the same. Looking up a
    pair of which nothing was written raises ``KeyError`` with the reason.
    """

    __slots__ = ("_done", "failures")

    def __init__(self, outcomes: Iterable[WriteOutcome] = ()) -> None:
        self._done: dict[Pair, Written | Unchanged] = {}
        self.failures: list[Failure] = []
        self.add(outcomes)

    def add(self, outcomes: Iterable[WriteOutcome]) -> None:
        """Take more outcomes in."""
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                self.failures.append(outcome)
            else:
                self._done[outcome.from_object_id, outcome.to_object_id] = outcome

    def __getitem__(self, pair: tuple[str | int, str | int]) -> Written | Unchanged:
        from_id, to_id = map(str, pair)
        try:
            return self._done[from_id, to_id]
        except KeyError:
            for failure in self.failures:
                if (failure.from_object_id, failure.to_object_id) == (from_id, to_id):
                    what = f"{failure.category}: {failure.message}"
                    raise KeyError(f"{from_id} to {to_id} failed: {what}") from None
            raise

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._done)

    def __len__(self) -> int:
        return len(self._done)

    def __repr__(self) -> str:
        unchanged = sum(1 for outcome in self._done.values() if isinstance(outcome, Unchanged))
        written = len(self._done) - unchanged
        failed = len(self.failures)
        return f"<WriteResult: {written} written, {unchanged} unchanged, {failed} failed>"

"""What callers hold: associations, outcomes and results.

Knows: the shapes. Does not know: HTTP, versions, JSON field names.

Structs leave the cyclic garbage collector alone (``gc=False``): they cannot be part of a cycle,
and millions of them would otherwise be walked over and over.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypeAlias

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


class Association(Struct, frozen=True, gc=False):
    """One associated record, with every type under which it is associated."""

    to_object_id: str
    association_types: tuple[AssociationType, ...]
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


class Failure(Struct, frozen=True, gc=False):
    """Why one id has no whole answer."""

    from_object_id: str
    category: str
    """HubSpot's ``category``, or one of this package's own (``FAILURE_CATEGORIES``)."""
    message: str
    sub_category: str | None = None
    correlation_id: str | None = None
    """Of the answer that failed the id; quote it to HubSpot's support."""
    incomplete: Associations = ()
    """What had been read before the id failed. Never the whole."""

    @property
    def status(self) -> Literal["failed"]:
        """``failed``."""
        return "failed"


Outcome: TypeAlias = ObjectAssociations | Failure
"""What comes out for an id: found, none or failed; ``outcome.status`` says which."""

INVALID_ID: Final = "INVALID_ID"
NOT_ANSWERED: Final = "NOT_ANSWERED"
REPEATED_CURSOR: Final = "REPEATED_CURSOR"
PROTOCOL_ERROR: Final = "PROTOCOL_ERROR"
TRANSPORT_ERROR: Final = "TRANSPORT_ERROR"

FAILURE_CATEGORIES: Final[Mapping[str, str]] = {
    INVALID_ID: "not a HubSpot record id, so it was not sent",
    NOT_ANSWERED: "HubSpot's answers neither listed the id nor named it in an error",
    REPEATED_CURSOR: "HubSpot's paging went in a circle; what was read is incomplete",
    PROTOCOL_ERROR: "HubSpot's answer for this id breaks the published format",
    TRANSPORT_ERROR: "no whole answer came for this id, alone in its request, in every attempt",
}
"""Categories of failures found by this package rather than by HubSpot, with their meaning."""


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
            else:
                self.failures[outcome.from_object_id] = outcome  # type: ignore[assignment]

    def has(self, object_id: str) -> bool:
        """Whether the id has an outcome, whichever: found, none or failed."""
        return object_id in self._found or object_id in self.failures

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

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        found = sum(1 for to in self._found.values() if to)
        none = len(self._found) - found
        return f"<ReadResult: {found} found, {none} none, {len(self.failures)} failed>"

"""HubSpot's published object types and association types: the table every portal starts with.

Knows: names, ids and directions. Does not know: labels a portal defined, custom objects, versions,
or how a version spells a type on the wire.
"""

import csv
from functools import cache
from importlib.resources import files

from msgspec import Struct

OBJECT_TYPES: dict[str, str] = {
    "0-1": "contact",
    "0-2": "company",
    "0-3": "deal",
    "0-5": "ticket",
    "0-7": "product",
    "0-8": "line_item",
    "0-14": "quote",
    "0-18": "communication",
    "0-19": "feedback_submission",
    "0-27": "task",
    "0-35": "campaign",
    "0-46": "note",
    "0-47": "meeting",
    "0-48": "call",
    "0-49": "email",
    "0-53": "invoice",
    "0-54": "marketing_event",
    "0-69": "subscription",
    "0-74": "goal",
    "0-84": "discount",
    "0-85": "fee",
    "0-86": "tax",
    "0-101": "payment",
    "0-115": "user",
    "0-116": "postal_mail",
    "0-123": "order",
    "0-136": "lead",
    "0-142": "cart",
    "0-162": "service",
    "0-410": "course",
    "0-420": "listing",
    "0-421": "appointment",
    "0-970": "project",
}
"""Published object types by type id. Custom objects are ``2-…`` and differ by portal.
https://developers.hubspot.com/docs/guides/crm/understanding-the-crm (read 2026-08)"""


class PublishedType(Struct, frozen=True, gc=False):
    """One HUBSPOT_DEFINED association type, in one direction."""

    from_object_type: str
    """Singular name, such as ``contact``."""
    to_object_type: str
    type_id: int
    name: str
    """HubSpot's own words for it, such as ``Contact to primary company``."""


@cache
def published_types() -> tuple[PublishedType, ...]:
    """All published association types, by from type, to type and type id. Read once, when asked.

    From https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide (read 2026-08).
    """
    text = files("hubassoc_async.protocol").joinpath("association_types.csv").read_text("utf-8")
    return tuple(
        PublishedType(row["from"], row["to"], int(row["type_id"]), row["name"])
        for row in csv.DictReader(text.splitlines())
    )


def object_type_name(spelling: str) -> str | None:
    """Give the singular name of a published object type.

    Takes what HubSpot takes in a path: ``contact``, ``contacts``, ``0-1``, in any case. None for a
    custom object (``2-…``) and for anything else that is not in the tables.
    """
    return _spellings().get(spelling.lower())


@cache
def _spellings() -> dict[str, str]:
    names = {*OBJECT_TYPES.values(), *(row.from_object_type for row in published_types())}
    names.update(row.to_object_type for row in published_types())
    spellings = {_plural(name): name for name in names}
    spellings.update((name, name) for name in names)
    spellings.update(OBJECT_TYPES)
    return spellings


def _plural(name: str) -> str:
    if name.endswith("y"):
        return name.removesuffix("y") + "ies"
    return name + ("es" if name.endswith("x") else "s")

"""The API versions, one row each: the one place where a new version is added.

Knows: paths, batch sizes and the wire shape of each version. Does not know: bodies or codecs.
"""

from typing import Literal
from urllib.parse import quote

from msgspec import Struct

from hubassoc_async.errors import UsageError


class ApiVersion(Struct, frozen=True, kw_only=True):
    """One version of the CRM associations API."""

    name: str
    associations: str
    """Path of the batch operations, before ``{from}/{to}/batch/…``."""
    objects: str
    """Path of the one-record operations, before ``{from}/{id}/associations/{to}``."""
    definitions: str
    """Path of the label definitions and association limits."""
    shape: Literal["v3", "v4"] = "v4"
    """Which of the two wire shapes its bodies have."""
    batch_read_pages: bool = True
    """Whether batch read honours ``after``. Where it does not, a record is continued by GET."""

    read_inputs: int = 1000
    """Most inputs of a batch read, all versions since 2025-02-10.
    https://developers.hubspot.com/changelog (read 2026-08)"""
    list_limit: int = 500
    """Most associations a GET of one record may ask for."""
    records: str | None = None
    """Path of the lists of records, where it is not ``objects``."""
    records_limit: int = 100
    """Most records that a page of a list may have: what HubSpot's own SDKs ask for, second-hand
    (2026-11)."""
    create_inputs: int = 2000
    """Most inputs of a batch create. Documented, all versions.
    https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide (read 2026-08)"""
    default_inputs: int = 2000
    """Most inputs of a batch associate by default: as of create, inferred."""
    archive_from_ids: int = 100
    """Most distinct from-ids of a batch archive, also of labels. From two second-hand sources."""
    archive_pairs: int = 2000
    """Most pairs of a batch archive, also of labels. Unknown: taken to be as of create."""
    labels: bool = True
    """Whether it has labels: types by id, associate by default, archive of labels, definitions.
    v3 knows types by name, one an input."""

    def batch_path(self, from_object_type: str, to_object_type: str, operation: str) -> str:
        """Path of a batch operation, such as ``read``, with both types percent-encoded."""
        types = f"{quote(from_object_type, safe='')}/{quote(to_object_type, safe='')}"
        return f"{self.associations}/{types}/batch/{operation}"

    def list_path(self, from_object_type: str, object_id: str, to_object_type: str) -> str:
        """Path that lists the associations of one record."""
        return (
            f"{self.objects}/{quote(from_object_type, safe='')}/{quote(object_id, safe='')}"
            f"/associations/{quote(to_object_type, safe='')}"
        )

    def records_path(self, object_type: str) -> str:
        """Path that lists the records of an object type."""
        return f"{self.records or self.objects}/{quote(object_type, safe='')}"

    def pair_path(
        self,
        from_object_type: str,
        from_id: str,
        to_object_type: str,
        to_id: str,
        *,
        default: bool = False,
    ) -> str:
        """Path of one pair, or of its association by the default type."""
        way = "associations/default" if default else "associations"
        return (
            f"{self.objects}/{quote(from_object_type, safe='')}/{quote(from_id, safe='')}"
            f"/{way}/{quote(to_object_type, safe='')}/{quote(to_id, safe='')}"
        )

    def labels_path(self, from_object_type: str, to_object_type: str) -> str:
        """Path of the label definitions of a direction: in v3, of its type names."""
        types = f"{quote(from_object_type, safe='')}/{quote(to_object_type, safe='')}"
        return f"{self.definitions}/{types}/{'labels' if self.labels else 'types'}"

    def limits_path(self, what: str) -> str:
        """Path of association limits: of ``all``, or of what stands below a pair's types."""
        return f"{self.definitions}/definitions/configurations/{what}"


def _dated(name: str) -> ApiVersion:
    return ApiVersion(
        name=name,
        associations=f"/crm/associations/{name}",
        objects=f"/crm/objects/{name}",
        definitions=f"/crm/associations/{name}",
    )


VERSIONS: dict[str, ApiVersion] = {
    version.name: version
    for version in (
        ApiVersion(
            name="v3",  # loses support in 2027-09
            associations="/crm/v3/associations",
            objects="/crm/v3/objects",
            definitions="/crm/v3/associations",
            shape="v3",
            batch_read_pages=False,  # it answers page one again, whatever `after` says
            labels=False,
        ),
        ApiVersion(
            name="v4",  # loses support 2027-03-30
            associations="/crm/v4/associations",
            objects="/crm/v4/objects",
            definitions="/crm/associations/v4",  # the odd one out: published so
            records="/crm/v3/objects",  # below /crm/v4/objects only associations are published
        ),
        _dated("2025-09"),
        _dated("2026-03"),  # generally available 2026-03-30
        _dated("2026-09"),  # generally available 2026-09-08, supported to 2028-03
    )
}

DEFAULT_VERSION = "2026-03"


def api_version(name: str) -> ApiVersion:
    """Look a version up by name.

    Raises ``UsageError`` for a name that is not in the table.
    """
    try:
        return VERSIONS[name]
    except KeyError:
        known = ", ".join(VERSIONS)
        raise UsageError(f"unknown API version {name!r}: use one of {known}") from None

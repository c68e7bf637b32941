"""Association limits, and the report of records that are near them.

Knows: which calls there are. Does not know: requests.
"""

from collections.abc import Iterable

from hubassoc_async.calls import Caller
from hubassoc_async.errors import UsageError
from hubassoc_async.model import AssociationLimit, UsageReport
from hubassoc_async.protocol import definitions
from hubassoc_async.protocol.ids import check_object_type


class Limits:
    """How many records one record may be associated with, by type: ``client.limits``."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def list(
        self, from_object_type: str | None = None, to_object_type: str | None = None
    ) -> tuple[AssociationLimit, ...]:
        """Return the limits from one object type to another, or all of the portal.

        Raises ``UsageError``, and ``ApiError`` for what HubSpot refuses, as all of these do.
        """
        self._check()
        if from_object_type is None and to_object_type is None:
            return (*await self._call(definitions.list_limits(self._call.version, None)),)
        if from_object_type is None or to_object_type is None:
            raise UsageError("limits are between two object types: give both, or none for all")
        pair = check_object_type(from_object_type), check_object_type(to_object_type)
        return (*await self._call(definitions.list_limits(self._call.version, pair)),)

    async def create(
        self, from_object_type: str, to_object_type: str, limits: Iterable[AssociationLimit]
    ) -> tuple[AssociationLimit, ...]:
        """Set limits where there are none; returns what HubSpot says they are now."""
        return await self._change("create", from_object_type, to_object_type, limits)

    async def update(
        self, from_object_type: str, to_object_type: str, limits: Iterable[AssociationLimit]
    ) -> tuple[AssociationLimit, ...]:
        """Change limits; returns what HubSpot says they are now."""
        return await self._change("update", from_object_type, to_object_type, limits)

    async def purge(
        self, from_object_type: str, to_object_type: str, limits: Iterable[AssociationLimit]
    ) -> None:
        """Remove limits, whatever their numbers."""
        await self._change("purge", from_object_type, to_object_type, limits)

    async def usage_report(self, user_id: int) -> UsageReport:
        """Have a report of records near their limits mailed to a user of the portal."""
        self._check()
        if isinstance(user_id, bool) or not isinstance(user_id, int) or user_id < 1:
            raise UsageError(f"{user_id!r} is not a user id")
        return await self._call(definitions.usage_report(self._call.version, user_id))

    async def _change(
        self, operation: str, from_type: str, to_type: str, limits: Iterable[AssociationLimit]
    ) -> tuple[AssociationLimit, ...]:
        self._check()
        ends, given = (check_object_type(from_type), check_object_type(to_type)), [*limits]
        if not given:
            raise UsageError("there is no limit to change: give at least one")
        for one in given if operation != "purge" else ():
            if one.max_to_object_ids is None or one.max_to_object_ids < 1:
                raise UsageError(f"a limit is at least 1, not {one.max_to_object_ids}: {one}")
        version = self._call.version
        return (*await self._call(definitions.change_limits(version, *ends, operation, given)),)

    def _check(self) -> None:
        if not self._call.version.labels:
            raise UsageError("API v3 has no association limits: use v4 or a dated version")

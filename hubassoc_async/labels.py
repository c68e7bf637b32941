"""The labels of a portal: what they are called, remembered; and their definitions.

Knows: when definitions are asked for, and how a label is created once. Does not know: requests.
"""

import asyncio
import logging
import re

from msgspec import Struct

from hubassoc_async.calls import Caller
from hubassoc_async.errors import (
    ApiError,
    AuthError,
    ConnectError,
    HubAssocError,
    ProtocolError,
    ServerError,
    TransportError,
    UsageError,
)
from hubassoc_async.model import AssociationType, TypeGiven
from hubassoc_async.protocol import definitions
from hubassoc_async.protocol.ids import check_object_type
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.published import object_type_name
from hubassoc_async.protocol.type_names import Key, type_key

_log = logging.getLogger("hubassoc_async")
_TRIES = 3  # how often a creation of which nothing is known is tried, looking before each
_OWN = "USER_DEFINED"

Ends = tuple[str, str]


class CreatedLabel(Struct, frozen=True):
    """A label that is there now."""

    association_type: AssociationType
    """From the first object type to the second."""
    inverse: AssociationType | None
    """Of the other direction, where that is known."""
    existed: bool
    """Whether it was there before."""


class Labels:
    """A portal's association labels: ``client.labels``."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self._known: dict[Ends, LabelTypes] = {}
        self._inverses: dict[Ends, dict[Key, Key]] = {}
        self._lock = asyncio.Lock()

    def known(self, from_object_type: str, to_object_type: str) -> LabelTypes | None:
        """Return the types as they were read before, if they were."""
        return self._known.get(_ends(from_object_type, to_object_type))

    async def types(
        self, from_object_type: str, to_object_type: str, *, refresh: bool = False
    ) -> LabelTypes:
        """Return the association types between two object types, in both directions.

        The portal's definitions are read once and remembered until this client changes them or
        ``refresh`` asks for them again. Where the token may not read them, the published table
        has to do, with a warning in the log.

        Raises ``UsageError``, ``AuthError``, or another ``HubAssocError`` when HubSpot does not
        answer.
        """
        ends = _ends(from_object_type, to_object_type)
        async with self._lock:  # whoever asks for the same meanwhile finds it
            if refresh or ends not in self._known:
                self._known[ends] = await self._read(from_object_type, to_object_type)
            return self._known[ends]

    async def create(
        self,
        from_object_type: str,
        to_object_type: str,
        label: str,
        *,
        inverse_label: str | None = None,
        name: str | None = None,
    ) -> CreatedLabel:
        """Define a label unless it is there; with ``inverse_label``, one for each direction.

        name: HubSpot's internal name; made from the label unless given.

        It looks first, and again before repeating a request whose answer was lost: a label is
        never created twice. Raises ``UsageError`` for a label that is there with another inverse.
        """
        self._check(label)
        ends = from_object_type, to_object_type
        existing = _find(await self.types(*ends, refresh=True), label, inverse_label)
        if existing is not None:
            return CreatedLabel(*existing, existed=True)
        slug = re.sub(r"\W+", "_", label.lower()).strip("_")
        lost: HubAssocError | None = None
        for _ in range(_TRIES):
            try:
                created = await self._call(
                    definitions.create_label(
                        self._call.version,
                        *ends,
                        label=label,
                        name=name or slug or "label",
                        inverse_label=inverse_label,
                    )
                )
            except (TransportError, ServerError, ProtocolError) as error:
                if isinstance(error, ConnectError):  # tried for long enough, and never sent
                    raise
                lost = error
                _log.warning("looking whether the label was created: %s", error)
                created = []
            self._learn(ends, created)
            found = _find(await self.types(*ends, refresh=True), label, inverse_label)
            if found is not None:
                return CreatedLabel(*found, existed=False)
            if lost is None:
                raise ProtocolError(f"HubSpot says it created {label!r}, and does not list it")
        assert lost is not None
        raise lost

    async def rename(
        self,
        from_object_type: str,
        to_object_type: str,
        label: TypeGiven,
        new_label: str,
        *,
        inverse_label: str | None = None,
    ) -> None:
        """Give a label, found by its name or type id, another name."""
        self._check(new_label)
        ends = from_object_type, to_object_type
        type_id = self._own(await self.types(*ends, refresh=True), label)
        version = self._call.version
        await self._call(
            definitions.rename_label(
                version, *ends, type_id=type_id, label=new_label, inverse_label=inverse_label
            )
        )
        self._forget(ends)

    async def delete(self, from_object_type: str, to_object_type: str, label: TypeGiven) -> None:
        """Delete a label, found by its name or type id, in both directions."""
        self._check("label")
        ends = from_object_type, to_object_type
        type_id = self._own(await self.types(*ends, refresh=True), label)
        try:
            await self._call(definitions.delete_label(self._call.version, *ends, type_id))
        finally:
            self._forget(ends)

    def _check(self, label: str) -> None:
        if not self._call.version.labels:
            raise UsageError("API v3 has no labels: use v4 or a dated version")
        if not isinstance(label, str) or not label.strip():
            raise UsageError("a label needs a name")

    def _own(self, types: LabelTypes, label: TypeGiven) -> int:
        """Find the type id of a label of the portal's own."""
        if isinstance(label, int):
            label = AssociationType(_OWN, label)
        found = types.resolve(label)
        if found.category != _OWN or found.label is None or found.type_id is None:
            what = f"{found.category} {found.type_id} ({found.label or 'default'})"
            raise UsageError(f"{what} is not a label that this portal defined")
        return found.type_id

    async def _read(self, from_object_type: str, to_object_type: str) -> LabelTypes:
        ends = check_object_type(from_object_type), check_object_type(to_object_type)
        inverses = self._inverses.get(_ends(*ends))
        read = self._read_later if self._call.version.labels else self._read_v3
        try:
            return await read(ends, inverses)
        except ApiError as error:
            if error.status not in (403, 404) or (isinstance(error, AuthError) and _expired(error)):
                raise
            _log.warning("the portal's labels cannot be read: %s", error)
            return LabelTypes(*ends, inverses=inverses)

    async def _read_later(self, ends: Ends, inverses: dict[Key, Key] | None) -> LabelTypes:
        version = self._call.version
        there = await self._call(definitions.list_labels(version, *ends))
        back = there
        if _ends(*ends)[0] != _ends(*ends)[1]:
            back = await self._call(definitions.list_labels(version, *ends[::-1]))
        return LabelTypes(*ends, (there, back), inverses=inverses)

    async def _read_v3(self, ends: Ends, _inverses: dict[Key, Key] | None) -> LabelTypes:
        names = await self._call(definitions.list_v3_types(self._call.version, *ends))
        return LabelTypes.of_v3(*ends, names)

    def _learn(self, ends: Ends, created: list[AssociationType]) -> None:
        """Remember which two types one creation made: there and back."""
        if len(created) == 2:
            there, back = map(type_key, created)
            self._inverses.setdefault(_ends(*ends), {})[there] = back
            self._inverses.setdefault(_ends(*ends[::-1]), {})[back] = there

    def _forget(self, ends: Ends) -> None:
        self._known.pop(_ends(*ends), None)
        self._known.pop(_ends(*ends[::-1]), None)


def _ends(from_object_type: str, to_object_type: str) -> Ends:
    one, other = (object_type_name(t) or t.lower() for t in (from_object_type, to_object_type))
    return one, other


def _expired(error: AuthError) -> bool:
    return error.status == 401


def _find(
    types: LabelTypes, label: str, inverse_label: str | None
) -> tuple[AssociationType, AssociationType | None] | None:
    """Find a label of the portal's own by its exact name, and its inverse."""
    for one in types.types:
        if one.category == _OWN and one.label == label:
            inverse = types.inverse(one)
            said = None if inverse is None else inverse.label
            if said is not None and said != (inverse_label or label):
                raise UsageError(f"{label!r} is there already, and its inverse is {said!r}")
            return one, inverse
    return None

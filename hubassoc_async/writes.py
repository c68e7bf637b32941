"""The writing methods of the client, one each for memory and for streams.

Knows: what each operation may be told. Does not know: how any of it is done.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable

from hubassoc_async.errors import HubAssocError
from hubassoc_async.labels import Labels
from hubassoc_async.model import LabelsMode, LinkGiven, WriteOperation, WriteResult
from hubassoc_async.pacing import Priority, Quotas
from hubassoc_async.protocol.intake import WriteSettings, needs_types
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.planning import WritePlan, plan
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.write_stream import Links, WriteStream


class Writes(ABC):
    """``create``, ``create_default``, ``archive`` and ``archive_labels``, in bulk.

    What all of them have in common:

    * links and pairs: any iterable or asynchronous iterable of tuples, ids as str or int; a link is
      (from id, to id, types), with types as label names, ``"primary"``, ``"default"``, type ids or
      ``AssociationType``, one or several; a pair is (from id, to id). ``Link`` is such a tuple.
    * every distinct link comes out once: written, unchanged, or failed with its reason. What is
      not valid fails with its row and value, and the rest goes on; with ``strict`` nothing is
      sent unless all is valid, and ``UsageError`` says what is not.
    * ``verify`` reads the pairs back: what is not as asked is a failure, ``NOT_VERIFIED``.
    * the links of one pair are united, and changes to one pair keep their order.
    * repeating after a lost answer is safe, for all of them.
    * with ``priority="interactive"`` a write goes before all bulk work that waits, which keeps a
      tenth of the turns.

    The methods without ``stream_`` take all links in before they send any, and return a
    ``WriteResult``. When something stops them they raise ``UsageError``, ``AuthError``,
    ``DailyQuotaSpent``, ``DeadlineExceeded`` or another ``HubAssocError`` whose ``written`` has
    the outcomes so far, and whose ``unwritten`` has the links without one.

    The streams take links as they go, in bounded memory: some 25 bytes a link to know repeats,
    and 200 a primary. A link of a pair that came out before adds to its labels.
    """

    api_version: ApiVersion
    quotas: Quotas | None
    """What the portal answers, by bucket; None: nothing is paced."""
    labels: Labels
    """The portal's association labels: what they are, and their definitions."""

    async def create(
        self,
        from_object_type: str,
        to_object_type: str,
        links: Links,
        *,
        labels: LabelsMode = "replace",
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteResult:
        """Associate records by labels and types.

        labels: ``replace`` is HubSpot's way: a pair has the labels given, and no others.
            ``append`` reads each pair's labels first, and sends them together with the new ones;
            a pair that has them already is ``Unchanged``.

        Two primaries for one record are both refused, naming the record.
        """
        settings = WriteSettings(labels=labels, verify=verify, strict=strict, gather=True)
        stream = self._open_write(
            "create", from_object_type, to_object_type, links, settings, deadline, priority
        )
        return await _collect(stream)

    def stream_create(
        self,
        from_object_type: str,
        to_object_type: str,
        links: Links,
        *,
        labels: LabelsMode = "replace",
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteStream:
        """Associate any number of records by labels and types. See ``create``."""
        settings = WriteSettings(labels=labels, verify=verify, strict=strict)
        return self._open_write(
            "create", from_object_type, to_object_type, links, settings, deadline, priority
        )

    async def create_default(
        self,
        from_object_type: str,
        to_object_type: str,
        pairs: Links,
        *,
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteResult:
        """Associate pairs by the type without a label; labels that they have stay."""
        settings = WriteSettings(verify=verify, strict=strict, gather=True)
        stream = self._open_write(
            "create_default", from_object_type, to_object_type, pairs, settings, deadline, priority
        )
        return await _collect(stream)

    def stream_create_default(
        self,
        from_object_type: str,
        to_object_type: str,
        pairs: Links,
        *,
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteStream:
        """Associate any number of pairs by the type without a label. See ``create_default``."""
        settings = WriteSettings(verify=verify, strict=strict)
        return self._open_write(
            "create_default", from_object_type, to_object_type, pairs, settings, deadline, priority
        )

    async def archive(
        self,
        from_object_type: str,
        to_object_type: str,
        pairs: Links,
        *,
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteResult:
        """Remove everything between each pair. What is not there is no error."""
        settings = WriteSettings(verify=verify, strict=strict, gather=True)
        stream = self._open_write(
            "archive", from_object_type, to_object_type, pairs, settings, deadline, priority
        )
        return await _collect(stream)

    def stream_archive(
        self,
        from_object_type: str,
        to_object_type: str,
        pairs: Links,
        *,
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteStream:
        """Remove everything between any number of pairs: sorted by from-id is cheapest."""
        settings = WriteSettings(verify=verify, strict=strict)
        return self._open_write(
            "archive", from_object_type, to_object_type, pairs, settings, deadline, priority
        )

    async def archive_labels(
        self,
        from_object_type: str,
        to_object_type: str,
        links: Links,
        *,
        remove_all_labels: bool = False,
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteResult:
        """Remove these labels and no others. What is not there is no error.

        remove_all_labels: whether the type without a label may be among them: archiving it
            removes every label of the pair, so it is refused otherwise.
        """
        settings = WriteSettings(
            verify=verify, strict=strict, remove_all_labels=remove_all_labels, gather=True
        )
        stream = self._open_write(
            "archive_labels", from_object_type, to_object_type, links, settings, deadline, priority
        )
        return await _collect(stream)

    def stream_archive_labels(
        self,
        from_object_type: str,
        to_object_type: str,
        links: Links,
        *,
        remove_all_labels: bool = False,
        verify: bool = False,
        strict: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> WriteStream:
        """Remove labels of any number of pairs. See ``archive_labels``."""
        settings = WriteSettings(verify=verify, strict=strict, remove_all_labels=remove_all_labels)
        return self._open_write(
            "archive_labels", from_object_type, to_object_type, links, settings, deadline, priority
        )

    async def label_types(self, from_object_type: str, to_object_type: str) -> LabelTypes:
        """Return the association types between two object types, in both directions; remembered.

        See ``Labels.types``.
        """
        return await self.labels.types(from_object_type, to_object_type)

    def plan_write(
        self,
        operation: WriteOperation,
        from_object_type: str,
        to_object_type: str,
        links: Iterable[LinkGiven],
        *,
        labels: LabelsMode = "replace",
        verify: bool = False,
        remove_all_labels: bool = False,
    ) -> WritePlan:
        """Say what a write would take, and which links are not valid, without sending anything.

        operation: ``create``, ``create_default``, ``archive`` or ``archive_labels``.

        Labels that only the portal knows are taken on trust unless ``label_types`` was called.
        """
        types = self.labels.known(from_object_type, to_object_type)
        needed = 0
        if types is None:
            types = LabelTypes(from_object_type, to_object_type, lenient=True)
            if needs_types(self.api_version, operation):
                needed = 1 if types.same_type or not self.api_version.labels else 2
        settings = WriteSettings(labels=labels, verify=verify, remove_all_labels=remove_all_labels)
        quotas = self.quotas or Quotas()
        quota = quotas.associations.limit, quotas.associations.seconds
        return plan(
            self.api_version,
            operation,
            types,
            links,
            settings,
            quota=None if self.quotas is None else quota,
            daily=quotas.daily,
            definitions=needed,
        )

    @abstractmethod
    def _open_write(
        self,
        operation: WriteOperation,
        from_object_type: str,
        to_object_type: str,
        links: Links,
        settings: WriteSettings,
        deadline: float | None,
        priority: Priority,
    ) -> WriteStream:
        """Make the stream of a write. Raises ``UsageError``."""


async def _collect(stream: WriteStream) -> WriteResult:
    """Run a write to its end, everything in memory."""
    result = WriteResult()
    try:
        async with stream:
            async for outcomes in stream.batches():
                result.add(outcomes)
    except HubAssocError as error:
        error.written = result
        raise
    except asyncio.CancelledError as error:
        error.add_note(f"{result!r}; {len(stream.unwritten)} links were taken and have no outcome")
        raise
    return result

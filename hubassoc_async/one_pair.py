"""One pair or one record at a time, for services that have just one.

Knows: which calls there are, how pages of one record follow each other. Does not know: requests.
"""

from typing import Any

from hubassoc_async.calls import Caller
from hubassoc_async.errors import ProtocolError, UsageError
from hubassoc_async.labels import Labels
from hubassoc_async.model import Association, TypesGiven, Written
from hubassoc_async.protocol import one_pair
from hubassoc_async.protocol.ids import check_object_type, object_id
from hubassoc_async.protocol.links import Change, LinkReader
from hubassoc_async.protocol.merging import merged
from hubassoc_async.protocol.wire import ReadCodec


class OnePair:
    """Single associations: ``client.one``. What fails raises ``ApiError``, with its reason."""

    def __init__(self, call: Caller, labels: Labels, codec: ReadCodec[Any]) -> None:
        self._call = call
        self._labels = labels
        self._codec = codec

    async def create(
        self,
        from_object_type: str,
        from_id: str | int,
        to_object_type: str,
        to_id: str | int,
        types: TypesGiven,
    ) -> Written:
        """Associate a pair by these types, which replace those it has."""
        ends = self._pair(from_object_type, from_id, to_object_type, to_id)
        reader = LinkReader("create", await self._labels.types(from_object_type, to_object_type))
        change = reader.read((ends[1], ends[3], types), 1)
        if not isinstance(change, Change):
            raise UsageError(change.message.removeprefix("row 1: "))
        return await self._call(one_pair.put_pair(self._call.version, ends, change.types))

    async def create_default(
        self, from_object_type: str, from_id: str | int, to_object_type: str, to_id: str | int
    ) -> Written:
        """Associate a pair by the type without a label; its labels stay."""
        ends = self._pair(from_object_type, from_id, to_object_type, to_id)
        return await self._call(one_pair.put_default(self._call.version, ends))

    async def archive(
        self, from_object_type: str, from_id: str | int, to_object_type: str, to_id: str | int
    ) -> None:
        """Remove everything between a pair; nothing happens if nothing is there."""
        ends = self._pair(from_object_type, from_id, to_object_type, to_id)
        await self._call(one_pair.delete_pair(self._call.version, ends))

    async def list(
        self, from_object_type: str, from_id: str | int, to_object_type: str
    ) -> tuple[Association, ...]:
        """List all associations of one record, page by page. () is none.

        Raises ``ProtocolError`` when the pages go in a circle.
        """
        types = check_object_type(from_object_type), check_object_type(to_object_type)
        record, after = _id(from_id), None
        found: list[Association] = []
        cursors: set[str] = set()
        while True:
            page = await self._call(
                one_pair.list_page(
                    self._call.version, self._codec, types[0], record, types[1], after
                )
            )
            found += page.to
            after = page.after
            if after is None:
                return merged(found)
            if after in cursors:
                raise ProtocolError(f"the cursor {after!r} of {types[0]} {record} came back")
            cursors.add(after)

    def _pair(
        self, from_type: str, from_id: str | int, to_type: str, to_id: str | int
    ) -> tuple[str, str, str, str]:
        if not self._call.version.labels:
            raise UsageError("API v3 writes in batches alone: use v4 or a dated version")
        return check_object_type(from_type), _id(from_id), check_object_type(to_type), _id(to_id)


def _id(given: str | int) -> str:
    known = object_id(given)
    if known is None:
        raise UsageError(f"{given!r} is not a record id (a whole number)")
    return known

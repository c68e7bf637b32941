"""The ids of all records of an object type, page by page.

Knows: how pages follow each other, where to go on. Does not know: requests, what ids are for.
"""

from collections import deque
from typing import Self

from hubassoc_async.calls import Caller
from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import IdPage
from hubassoc_async.protocol.ids import IdSet, check_object_type
from hubassoc_async.protocol.records import list_records


class IdList:
    """The ids of an object type's records as they come. Made by ``AssociationsClient.list_ids``.

    Each page is one request, which waits for its place and turn, and is repeated, as any other.
    It holds one page. Raises the ``HubAssocError`` that stands in its way, and ``ProtocolError``
    when the pages go in a circle.
    """

    def __init__(self, call: Caller, object_type: str, after: str | None) -> None:
        """Raises ``UsageError`` for what cannot be an object type."""
        self._call = call
        self._object_type = check_object_type(object_type)
        self._ids: deque[str] = deque()
        self._here = self._next = after
        self._cursors = IdSet()
        self.ended = False
        """Whether the last page has come."""

    @property
    def after(self) -> str | None:
        """The cursor from which a later list gives every id that this one has not yet.

        Those of a page that is half given come again. None is the beginning, or with ``ended``
        the end.
        """
        return self._here if self._ids else self._next

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._ids:
            page = await self.next_page()
            if page is None:
                raise StopAsyncIteration
            self._ids.extend(page.ids)
        return self._ids.popleft()

    async def next_page(self) -> IdPage | None:
        """Ask for the next page; None after the last."""
        if self.ended:
            return None
        call = list_records(self._call.version, self._object_type, self._next)
        page = await self._call(call, priority="bulk")
        if page.after is not None and not self._cursors.add(page.after):
            raise ProtocolError(f"the cursor {page.after!r} of {self._object_type} came back")
        self._here, self._next = self._next, page.after
        self.ended = page.after is None
        return page

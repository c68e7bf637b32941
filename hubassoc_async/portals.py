"""Many portals in one process: a client each, made when first used, closed when long unused.

Nothing is shared between portals but the event loop: token, quota, connections, counters and
failures are a client's own.

Knows: clients by portal. Does not know: what is asked of them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import UsageError


class _Entry:
    __slots__ = ("client", "users")

    def __init__(self, client: AssociationsClient) -> None:
        self.client = client
        self.users = 0


class PortalPool:
    """Clients by portal: ``async with pool.client("123") as client: await client.read(…)``.

    At most ``most_open`` clients are open, or as many as are in use at once if those are more:
    beyond that, the one unused for longest is closed, with its connections. Its portal's next
    use makes a new one, which is as careful as any new client is.
    """

    def __init__(self, make: Callable[[str], AssociationsClient], *, most_open: int = 64) -> None:
        """``make``: makes a portal's client, with that portal's token and quota."""
        if most_open < 1:
            raise UsageError("a pool keeps at least one client open")
        self._make = make
        self._most = most_open
        self._open: OrderedDict[str, _Entry] = OrderedDict()  # the one used last is last
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    def __repr__(self) -> str:
        used = sum(1 for entry in self._open.values() if entry.users)
        return f"<PortalPool: {len(self._open)} clients open, {used} in use>"

    def __len__(self) -> int:
        """How many clients are open."""
        return len(self._open)

    @property
    def clients(self) -> dict[str, AssociationsClient]:
        """The clients that are open, by portal: for their counters and shares of the quota."""
        return {portal: entry.client for portal, entry in self._open.items()}

    @asynccontextmanager
    async def client(self, portal: str) -> AsyncIterator[AssociationsClient]:
        """Use a portal's client: it is not closed meanwhile. Any number of tasks may share it.

        Raises ``UsageError`` when the pool is closed, and whatever making the client raises.
        """
        if self._closed:
            raise UsageError("the pool is closed: make a new one")
        entry = self._open.get(portal)
        if entry is None:
            entry = self._open[portal] = _Entry(self._make(portal))
        entry.users += 1
        self._open.move_to_end(portal)
        self._close_unused()
        try:
            yield entry.client
        finally:
            entry.users -= 1
            self._close_unused()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every client, those in use too: their reads raise ``HubAssocError``."""
        self._closed = True
        entries = list(self._open.values())
        self._open.clear()
        await asyncio.gather(*(entry.client.aclose() for entry in entries), *self._closing)

    def _close_unused(self) -> None:
        """Close the clients unused for longest, as far as there are too many."""
        excess = len(self._open) - self._most
        if excess <= 0 or self._closed:
            return
        unused = [portal for portal, entry in self._open.items() if not entry.users]
        for portal in unused[:excess]:
            task = asyncio.create_task(self._open.pop(portal).client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

"""Single requests over a client's connections, within its quota and its concurrency.

Knows: places and turns. Does not know: what is asked.
"""

from collections.abc import Callable
from typing import TypeVar

from hubassoc_async.pacing import Places, Priority
from hubassoc_async.protocol.call import Call
from hubassoc_async.protocol.quota import bucket_of
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.sender import Sender

R = TypeVar("R")


class Caller:
    """Sends one request at a time for whoever calls it; many may."""

    def __init__(
        self, version: ApiVersion, open_sender: Callable[[], Sender], places: Places
    ) -> None:
        """``open_sender`` raises ``UsageError`` when the client is closed."""
        self.version = version
        self._open_sender = open_sender
        self._places = places

    async def __call__(self, call: Call[R], *, priority: Priority = "interactive") -> R:
        """Return the call's result. Raises the ``HubAssocError`` that stands in its way.

        Somebody waits for a single call: unless told otherwise it goes before bulk work.
        """
        sender = self._open_sender()
        await self._places.acquire(priority)
        try:
            bucket = bucket_of(call.request(call.batch))
            turn = await sender.pacers.of(bucket).acquire(priority)
            try:
                results = await sender.ask(call, call.batch, turn, repeatable=call.repeatable)
            finally:
                turn.give_back()
        finally:
            self._places.release()
        return results[0]

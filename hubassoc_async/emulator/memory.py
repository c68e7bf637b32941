"""The portal without sockets: a transport whose network is ``asyncio.sleep``.

Under a virtual clock a test of hours runs at once. It offers what the client's transport offers,
without knowing it: the same methods, the same errors.

Knows: deliveries and which error each ends in. Does not know: what is sent.
"""

import asyncio
import zlib
from collections.abc import Callable
from random import Random

from hubassoc_async.emulator.delivery import Reply
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.errors import ConnectError, ResponseTimeout, TransportError
from hubassoc_async.protocol.message import Request, Response

MOST_BYTES = 64 << 20
"""Largest body, after decompression."""


class MemoryTransport:
    """Carries requests to a portal in the same process."""

    def __init__(
        self,
        portal: Portal,
        *,
        token: str = "pat-na1-test",  # noqa: S107  no secret: a portal that knows no tokens takes any
        timeout: float = 60.0,
        latency: Callable[[Random], float] | float = 0.0,
        seed: int = 0,
    ) -> None:
        """``latency``: seconds each way, or a function that draws them."""
        self.portal = portal
        self.refuse_connections = False
        """While True no connection can be made, so nothing is sent."""
        self._headers = {"authorization": f"Bearer {token}"}
        self._timeout = timeout
        self._latency = latency
        self._random = Random(seed)  # noqa: S311  a network's jitter
        self.closed = False

    async def send(self, request: Request) -> Response:
        """Send one request and wait for its answer.

        Raises ``ConnectError``, ``ResponseTimeout`` or ``TransportError``.
        """
        if self.refuse_connections:
            raise ConnectError("connection refused")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        await self._wait(self._one_way(), deadline)
        reply = self.portal.handle(request, self._headers, loop.time())
        await self._wait(reply.delay + self._one_way() + _travel(reply), deadline)
        if reply.delivery.how in ("reset", "truncated"):
            raise TransportError(f"connection {reply.delivery.how} before the end of the answer")
        return _plain(reply.response)

    async def aclose(self) -> None:
        """Close; nothing is held."""
        self.closed = True

    def _one_way(self) -> float:
        latency = self._latency
        return latency(self._random) if callable(latency) else latency

    async def _wait(self, seconds: float, deadline: float) -> None:
        left = deadline - asyncio.get_running_loop().time()
        if seconds > left:
            await asyncio.sleep(max(0.0, left))
            raise ResponseTimeout(f"no answer within {self._timeout:g} s")
        await asyncio.sleep(seconds)


def _travel(reply: Reply) -> float:
    if reply.delivery.how != "dripped":
        return 0.0
    return len(reply.response.body) / reply.delivery.chunk * reply.delivery.pause


def _plain(response: Response) -> Response:
    """The answer as a transport gives it: decompressed, and bounded."""
    if response.headers.get("content-encoding") not in ("gzip", "deflate"):
        return response
    body = zlib.decompressobj(47).decompress(response.body, MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise TransportError(f"the answer is larger than {MOST_BYTES} bytes")
    headers = {name: v for name, v in response.headers.items() if name != "content-encoding"}
    return Response(response.status, headers, body)

"""Portals on a loopback port: the one module of the emulator that knows sockets.

Several portals share one server as they share HubSpot's: the token tells them apart, and nothing
else crosses over.

Knows: aiohttp, deliveries. Does not know: what is answered.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from hubassoc_async.emulator.control import Control
from hubassoc_async.emulator.delivery import Reply
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.protocol.message import Request, Response

MOST_BYTES = 32 << 20
"""Bytes of the largest request taken."""


class PortalServer:
    """Serves one portal or several until the block ends."""

    def __init__(
        self, portal: Portal, *others: Portal, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.portals = (portal, *others)
        self.control = Control(self.portals)
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._start = 0.0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the port. Raises ``OSError`` if it is taken."""
        self._start = asyncio.get_running_loop().time()
        # an answer that nobody waits for any more is left where it is
        server = web.Server(self._serve, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"http://{self._host}:{self._port}"

    @property
    def now(self) -> float:
        """Seconds since the portals' epoch: what has passed, and what was skipped."""
        return asyncio.get_running_loop().time() - self._start + self.control.skipped

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        arrival = self.now
        path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
        if (request.content_length or 0) > MOST_BYTES:
            return web.Response(status=413)
        body = await request.content.read() if request.body_exists else None
        message = Request(request.method, path, query, body)
        own = self.control.answer(message, arrival)
        if own is not None:
            return _response(own)
        portal = self._portal(request.headers, body)
        reply = portal.handle(message, request.headers, arrival)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.delivery.how == "whole":
            return _response(reply.response)
        return await _deliver(request, reply)

    def _portal(self, headers: Mapping[str, str], body: bytes | None) -> Portal:
        if len(self.portals) > 1:
            for portal in self.portals:
                if portal.gate.knows(headers, body):
                    return portal
        return self.portals[0]


def _response(response: Response) -> web.Response:
    return web.Response(status=response.status, headers=response.headers, body=response.body)


async def _deliver(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    delivery, body = reply.delivery, reply.response.body
    if delivery.how == "reset" and not delivery.share:
        _break(request)
        return web.Response()
    answer = web.StreamResponse(status=reply.response.status, headers=reply.response.headers)
    answer.content_length = len(body)
    with contextlib.suppress(ConnectionError):
        await answer.prepare(request)
        if delivery.how == "dripped":
            for start in range(0, len(body), delivery.chunk):
                await answer.write(body[start : start + delivery.chunk])
                await asyncio.sleep(delivery.pause)
            await answer.write_eof()
            return answer
        await answer.write(body[: int(len(body) * delivery.share)])
        if delivery.how == "reset":
            await asyncio.sleep(0.02)  # a reset discards what the client has not taken yet
            _break(request)
        elif request.transport is not None:
            request.transport.close()
    return answer


def _break(request: web.BaseRequest) -> None:
    """End the connection with a reset, as a load balancer does."""
    if request.transport is None:
        return
    found = request.transport.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()

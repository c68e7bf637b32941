"""Fixtures for tests of anything that talks to HubSpot's associations API.

``hubspot_portal``: an empty portal, to be stated, broken and asked what it saw. In memory it
answers through ``MemoryTransport``; ``run_virtual`` runs such a test on virtual time.
``hubspot_server``: the same portal on a port of its own, for any client in any language.

Knows: pytest, and how to keep a server in a thread. Does not know: which client is tested.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hubassoc_async.emulator import Portal

PATIENCE = 10.0
"""Seconds that the server may take to start or to end."""


class Served:
    """A portal that is being served."""

    def __init__(self, portal: "Portal") -> None:
        self.portal = portal
        self.url = ""
        self._ready = threading.Event()
        self._ended: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hubspot_server", daemon=True)

    def start(self) -> None:
        """Serve in a thread, so that the test may be synchronous or on any loop."""
        self._thread.start()
        if not self._ready.wait(PATIENCE) or self._error is not None:
            raise RuntimeError("the portal's server did not start") from self._error

    def stop(self) -> None:
        """Close the port."""
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # the test has to hear of it
            self._error = error
            self._ready.set()

    async def _serve(self) -> None:
        from hubassoc_async.emulator import PortalServer

        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with PortalServer(self.portal) as server:
            self.url = server.url
            self._ready.set()
            await self._ended.wait()


@pytest.fixture
def hubspot_portal() -> "Portal":
    """An empty HubSpot portal: ``associate``, ``fail``, ``requests``, and more."""
    from hubassoc_async.emulator import Portal

    return Portal()


@pytest.fixture
def hubspot_server(hubspot_portal: "Portal") -> Iterator[Served]:
    """The portal on a real port: ``hubspot_server.url`` is the base URL for a client."""
    served = Served(hubspot_portal)
    served.start()
    yield served
    served.stop()

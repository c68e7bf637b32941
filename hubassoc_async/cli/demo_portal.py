"""The portal that ``hubassoc demo`` reads from: ``python -m hubassoc_async.cli.demo_portal``.

A process of its own, as HubSpot is. It says on stdout where it is and ends with its stdin: when
the demo is gone, however it went, so is the portal.
"""

import asyncio
import sys
import threading
from typing import Final

from hubassoc_async.emulator import Limits, PortalServer, build_portal
from hubassoc_async.emulator.build import FIRST_ID

FIRST: Final = FIRST_ID["contact"]
CONTACTS: Final = 50_000
COMPANIES: Final = 5_000
HEAVY: Final = 50
HEAVY_SIZE: Final = 3_000
REQUESTS: Final = 20
SECONDS: Final = 2.0
TOKEN: Final = "pat-demo-0000"  # noqa: S105  it opens nothing but this portal


async def serve() -> None:
    """Serve until stdin ends."""
    portal = build_portal(
        contacts=CONTACTS,
        companies=COMPANIES,
        heavy=HEAVY / CONTACTS,
        heavy_size=HEAVY_SIZE,
        limits=Limits(associations=REQUESTS, window=SECONDS),
        log_bodies=False,
    )
    portal.add_token(TOKEN)
    portal.fail("bad_gateway", nth=9)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    async with PortalServer(portal) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve())

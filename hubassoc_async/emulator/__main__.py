"""``python -m hubassoc_async.emulator``: a portal on a port until interrupted.

The full set of options is the command line's: ``hubassoc emulator``.
"""

import argparse
import asyncio
import contextlib
from datetime import UTC, datetime

from hubassoc_async.emulator.build import build_portal
from hubassoc_async.emulator.server import PortalServer


async def serve(arguments: argparse.Namespace) -> None:
    """Serve a portal made from the arguments."""
    portal = build_portal(
        arguments.seed,
        contacts=arguments.contacts,
        companies=arguments.companies,
        associations=arguments.associations,
        heavy=arguments.heavy,
        limits=arguments.tier,
        epoch=datetime.now(UTC),
        log_limit=1_000,
        log_bodies=False,
    )
    async with PortalServer(portal, host=arguments.host, port=arguments.port) as server:
        print(server.url, flush=True)  # noqa: T201  the one line a caller waits for
        await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m hubassoc_async.emulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--contacts", type=int, default=1_000)
    parser.add_argument("--companies", type=int, default=200)
    parser.add_argument("--associations", type=float, default=2.0, help="companies of a contact")
    parser.add_argument("--heavy", type=float, default=0.0, help="share of contacts with 2,000")
    parser.add_argument("--tier", default="unlimited", help="free, professional, enterprise, …")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

"""Runs a command that asks HubSpot something short: no progress, no files.

Knows: consoles, exit statuses. Does not know: what is asked.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable

from rich.console import Console
from rich.text import Text

from hubassoc_async.cli.connecting import Connection
from hubassoc_async.cli.display import ConsoleLog
from hubassoc_async.cli.job_run import COMPLETE, DAILY_QUOTA, ERROR, USAGE, show_log
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import DailyQuotaSpent, HubAssocError, UsageError


def ask(connection: Connection, work: Callable[[AssociationsClient], Awaitable[None]]) -> int:
    """Do something short with a client. Returns the exit status."""
    console = Console(stderr=True, highlight=False, emoji=False)
    level = logging.DEBUG if connection.verbose else logging.WARNING

    async def main() -> None:
        async with connection.client() as client:
            await work(client)

    try:
        with show_log(ConsoleLog(console, logging.ERROR if connection.quiet else level)):
            asyncio.run(main())
    except HubAssocError as error:
        console.print(Text(f"Error: {error}", style="red"), soft_wrap=True)
        if isinstance(error, DailyQuotaSpent):
            return DAILY_QUOTA
        return USAGE if isinstance(error, UsageError) else ERROR
    sys.stdout.flush()
    return COMPLETE

"""What every command that asks HubSpot is told: token, version, address, quota.

Knows: how these arguments are spelt. Does not know: what is asked.
"""

import asyncio
import functools
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from hubassoc_async.cli.arguments import BASE_URL, TOKEN_VARIABLE, read_token
from hubassoc_async.cli.display import ConsoleLog
from hubassoc_async.cli.job_run import COMPLETE, DAILY_QUOTA, ERROR, USAGE, JobOptions, show_log
from hubassoc_async.cli.read import QuotaType
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import DailyQuotaSpent, HubAssocError, UsageError
from hubassoc_async.protocol.versions import DEFAULT_VERSION, VERSIONS

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--token-file",
        metavar="FILE|-",
        help=f"Where the token is; - is stdin.  [default: ${TOKEN_VARIABLE}]",
    ),
    click.option(
        "--api-version",
        type=click.Choice(list(VERSIONS)),
        default=DEFAULT_VERSION,
        show_default=True,
    ),
    click.option("--base-url", default=BASE_URL, show_default=True, metavar="URL"),
    click.option(
        "--quota",
        type=QuotaType(),
        default="100/10",
        show_default=True,
        help="Most requests in any so many seconds: the account's limit for associations.",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(min=1),
        default=16,
        show_default=True,
        metavar="N",
        help="Most requests at a time.",
    ),
    click.option("--verbose", "-v", is_flag=True, help="Show every retry, pause and halving."),
    click.option("--quiet", "-q", is_flag=True, help="Show nothing but errors."),
)


def connecting(command: F) -> F:
    """Give a command the options of a connection."""
    return functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def connection(arguments: dict[str, Any], *, token: str | None = None) -> JobOptions:
    """Take the options of a connection out of a command's arguments.

    ``token``: where none is needed. Raises ``click.UsageError`` when there is none.
    """
    token_file = arguments.pop("token_file")
    names = ("api_version", "base_url", "quota", "concurrency", "verbose", "quiet")
    return JobOptions(
        token=read_token(token_file) if token is None else token,
        **{name: arguments.pop(name) for name in names},
    )


def ask(options: JobOptions, work: Callable[[AssociationsClient], Awaitable[None]]) -> int:
    """Do something short with a client. Returns the exit status."""
    console = Console(stderr=True, highlight=False, emoji=False)
    level = logging.DEBUG if options.verbose else logging.WARNING

    async def main() -> None:
        async with options.client() as client:
            await work(client)

    try:
        with show_log(ConsoleLog(console, logging.ERROR if options.quiet else level)):
            asyncio.run(main())
    except HubAssocError as error:
        console.print(Text(f"Error: {error}", style="red"), soft_wrap=True)
        if isinstance(error, DailyQuotaSpent):
            return DAILY_QUOTA
        return USAGE if isinstance(error, UsageError) else ERROR
    sys.stdout.flush()
    return COMPLETE

"""What every command that asks HubSpot is told: token, address, version, and how fast.

``@connecting`` gives a command these options, ``connection(arguments)`` takes them out of its
arguments again, and ``Connection.client`` makes the client.

Knows: how they are spelt, which of them fit together, the environment. Does not know: what is
asked.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, get_args
from urllib.parse import urlsplit

import click
import msgspec

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.job_spec import Api
from hubassoc_async.pacing import (
    DEFAULT_PACING,
    TIERS,
    DailyBudget,
    Mode,
    Quotas,
    SharedQuota,
    quotas_of,
)
from hubassoc_async.protocol.versions import DEFAULT_VERSION, VERSIONS
from hubassoc_async.transport import DEFAULT_BASE_URL, check_base_url

F = TypeVar("F", bound=Callable[..., Any])

TOKEN_VARIABLE: Final = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105  # the name of a variable
SHARED_VARIABLE: Final = "HUBASSOC_SHARED_QUOTA"
STREAM: Final = "-"
"""Standard input or output, where a file could be named."""


class Connection(msgspec.Struct, kw_only=True):
    """How a command is connected to HubSpot, and how much it says of it."""

    token: str
    api_version: str = DEFAULT_VERSION
    base_url: str = DEFAULT_BASE_URL
    quota: Quotas = Quotas()
    shared: SharedQuota | None = None
    """The same quota, shared with other processes."""
    pacing: Mode = DEFAULT_PACING
    daily_reserve: DailyBudget | None = None
    time_zone: str = "UTC"
    """The portal's: the day's quota starts anew at its midnight."""
    concurrency: int = 16
    verbose: bool = False
    quiet: bool = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.api_version} at {self.base_url}>"

    @property
    def api(self) -> Api:
        """What a job is for."""
        return Api(self.api_version, self.base_url)

    def client(self) -> AssociationsClient:
        """Make the client. Raises ``UsageError``."""
        return AssociationsClient(
            self.token,
            api_version=self.api_version,
            base_url=self.base_url,
            quota=self.shared or self.quota,
            pacing=self.pacing,
            daily_reserve=self.daily_reserve,
            concurrency=self.concurrency,
        )


class QuotaType(click.ParamType[Quotas]):
    """``professional`` or ``100/10``: an account's plan, or requests in any so many seconds."""

    name = "PLAN|N/SECONDS"

    def convert(
        self, value: Quotas | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Quotas:
        """Parse it, or fail as a usage error."""
        try:
            return quotas_of(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


def _without_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse a password where every user of the machine sees it."""
    source = ctx.get_parameter_source(param.name or "")
    if value is None or source is not click.core.ParameterSource.COMMANDLINE:
        return value
    parts = urlsplit(value)
    if parts.password is not None or "password=" in parts.query:
        raise click.BadParameter(
            "every user of the machine can read an argument: give a URL that has a password"
            f" in the environment, as {SHARED_VARIABLE}"
        )
    return value


version_option: Final = click.option(
    "--api-version", type=click.Choice(list(VERSIONS)), default=DEFAULT_VERSION, show_default=True
)
quota_option: Final = click.option(
    "--quota",
    type=QuotaType(),
    default="free",
    show_default=True,
    help=f"The account's plan ({', '.join(TIERS)}), or its limit for associations.",
)
_PATH = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--token-file",
        metavar="FILE|-",
        help=f"Where the token is; - is stdin.  [default: ${TOKEN_VARIABLE}]",
    ),
    version_option,
    click.option("--base-url", default=DEFAULT_BASE_URL, show_default=True, metavar="URL"),
    quota_option,
    click.option(
        "--pacing",
        type=click.Choice(get_args(Mode)),
        default=DEFAULT_PACING,
        show_default=True,
        help="strict overruns no limit while alone, adaptive leaves room for others.",
    ),
    click.option(
        "--daily-reserve",
        metavar="SHARE",
        help="Stop when only so much of the day's quota is left, such as 20%.",
    ),
    click.option(
        "--daily-count",
        type=_PATH,
        metavar="FILE",
        help="Keep the day's count in a file, for several runs.",
    ),
    click.option(
        "--time-zone",
        metavar="NAME",
        default="UTC",
        show_default=True,
        help="The portal's: its midnight ends the day.",
    ),
    click.option(
        "--shared-quota",
        envvar=SHARED_VARIABLE,
        callback=_without_password,
        metavar="URL",
        help="Share the quota with other processes: redis://… or file:///… "
        f" [default: ${SHARED_VARIABLE}]",
    ),
    click.option("--portal", metavar="ID", help="Whose quota is shared, or counted in a file."),
    click.option(
        "--without",
        type=click.Choice(["share", "refuse"]),
        help="While the shared quota is out of reach: go on with a share, or stop."
        "  [default: share]",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Most processes that share the quota.  [default: 8]",
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


def connection(
    arguments: dict[str, Any], *, token: str | None = None, stdin: str | None = None
) -> Connection:
    """Take the options of a connection out of a command's arguments.

    ``token``: where none is needed. ``stdin``: what else the command takes from stdin, in words.

    Raises ``click.UsageError`` when there is no token, or when they do not fit together.
    """
    token_file = arguments.pop("token_file")
    if stdin is not None and token_file == STREAM:
        raise click.UsageError(f"stdin can give {stdin} or the token, not both")
    try:
        daily, shared = _daily(arguments), _shared(arguments)
        check_base_url(arguments["base_url"])  # before a journal keeps what is in it
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    arguments.pop("portal")
    names = (
        *("api_version", "base_url", "quota", "pacing", "time_zone"),
        *("concurrency", "verbose", "quiet"),
    )
    return Connection(
        daily_reserve=daily,
        shared=shared,
        **{name: arguments.pop(name) for name in names},
        token=read_token(token_file) if token is None else token,
    )


def _daily(arguments: dict[str, Any]) -> DailyBudget | None:
    """Take out what is said of the day. Raises ``UsageError``."""
    reserve, path = arguments.pop("daily_reserve"), arguments.pop("daily_count")
    budget = DailyBudget(
        reserve="0%" if reserve is None else reserve,
        path=path,
        portal=arguments["portal"] or "",
        time_zone=arguments["time_zone"],
    )
    if reserve is None and path is not None:
        raise UsageError("--daily-count is for --daily-reserve: give that too")
    return None if reserve is None else budget


def _shared(arguments: dict[str, Any]) -> SharedQuota | None:
    """Take out what is said of sharing. Raises ``UsageError``."""
    url = arguments.pop("shared_quota")
    given = {name: arguments.pop(name) for name in ("without", "workers")}
    more = {name: value for name, value in given.items() if value is not None}
    if url is None:
        if more:
            raise UsageError("--without and --workers are for --shared-quota: give that too")
        return None
    if not arguments["portal"]:
        raise UsageError("--shared-quota needs --portal: those who name the same portal share")
    return SharedQuota(url, portal=arguments["portal"], quota=arguments["quota"], **more)


def read_token(token_file: str | None) -> str:
    """The token, from the file or the environment. It is in no message."""
    if token_file is None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise click.UsageError(f"no token: set {TOKEN_VARIABLE} or give --token-file FILE")
        return token
    where = "stdin" if token_file == STREAM else token_file
    try:
        text = sys.stdin.read() if token_file == STREAM else Path(token_file).read_text("utf-8-sig")
    except OSError as error:
        raise click.UsageError(
            f"--token-file: cannot read {token_file}: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        raise click.UsageError(f"--token-file: there is no token in {where}") from None
    token = text.strip()
    if not token or any(map(str.isspace, token)):
        raise click.UsageError(f"--token-file: {where} must hold one token and nothing else")
    return token

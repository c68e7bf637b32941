"""``hubassoc read``: from a list of ids to a file.

Knows: how the arguments are spelt. Does not know: which of them fit together, how a read runs.
"""

from pathlib import Path
from typing import Final

import click
from rich.console import Console

from hubassoc_async.cli.arguments import BASE_URL, TOKEN_VARIABLE, Arguments, open_read
from hubassoc_async.cli.run import Run
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.sinks import FORMATS
from hubassoc_async.pacing import Quota
from hubassoc_async.protocol.versions import DEFAULT_VERSION, VERSIONS

_HELP: Final = """Read the associations of many records into a file.

FROM and TO are object types: contacts, companies, deals, 0-1, 2-1234567, ...

\b
Examples:
  export HUBSPOT_ACCESS_TOKEN=...
  hubassoc read contacts companies --ids contacts.csv --output companies.ndjson
  hubassoc read deals contacts --ids deals.txt.gz --output deals.parquet
  psql -Atc 'select id from deals' | hubassoc read deals contacts --ids - --output - | gzip > x.gz

The ids are text (one a line), CSV (the column Record ID, hs_object_id, id, or the one named) or
NDJSON, gzip or not: the content says which. An id that is there twice is asked for once.

The output appears under its name only when it is complete. Ids that fail are in
OUTPUT.failures.ndjson, with the reason; that file can be given to --ids. A read that is stopped
leaves what it had as OUTPUT with .partial before its ending, and the ids that remain in
OUTPUT.unread.txt, to be given to --ids.

\b
Exit status:
  0  complete
  1  error
  2  usage
  3  done, but some ids failed
  4  stopped by the daily quota
  130, 143  stopped by SIGINT, SIGTERM
"""


class QuotaType(click.ParamType[Quota]):
    """``100/10``: requests in any so many seconds."""

    name = "N/SECONDS"

    def convert(
        self, value: Quota | str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Quota:
        """Parse it, or fail as a usage error."""
        if isinstance(value, Quota):
            return value
        try:
            return Quota.parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


@click.command(help=_HELP, short_help="Read the associations of many records into a file.")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option("--ids", required=True, metavar="FILE|-", help="Where the ids are; - is stdin.")
@click.option("--id-column", metavar="NAME", help="CSV column or NDJSON key of the ids.")
@click.option("--output", required=True, metavar="FILE|-", help="Where to write; - is stdout.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    help="Format of the output.  [default: what its ending says; ndjson for -]",
)
@click.option(
    "--failures",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where ids that fail go.  [default: OUTPUT.failures.ndjson; stderr for -]",
)
@click.option(
    "--unread",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where a read that is stopped lists what remains.  [default: OUTPUT.unread.txt]",
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the summary as JSON too.",
)
@click.option(
    "--token-file",
    metavar="FILE|-",
    help=f"Where the token is; - is stdin.  [default: ${TOKEN_VARIABLE}]",
)
@click.option(
    "--api-version", type=click.Choice(list(VERSIONS)), default=DEFAULT_VERSION, show_default=True
)
@click.option("--base-url", default=BASE_URL, show_default=True, metavar="URL")
@click.option(
    "--quota",
    type=QuotaType(),
    default="100/10",
    show_default=True,
    help="Most requests in any so many seconds: the account's limit for associations.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    metavar="N",
    help="Most requests at a time.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show every retry, pause and halving.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but errors.")
@click.pass_context
def read(context: click.Context, /, **arguments: object) -> None:
    """Parse, run, exit."""
    console = Console(stderr=True, highlight=False, emoji=False)
    options = open_read(Arguments(**arguments), console)  # type: ignore[arg-type]
    context.exit(Run(options, console)())

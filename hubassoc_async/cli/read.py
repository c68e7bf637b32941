"""``hubassoc read``: from a list of ids to a file.

Knows: how the arguments are spelt. Does not know: which of them fit together, how a read runs.
"""

from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from hubassoc_async.cli.arguments import Arguments, check_files, open_ids, open_read
from hubassoc_async.cli.connecting import STREAM, Connection, connecting, connection
from hubassoc_async.cli.job_run import write_json
from hubassoc_async.cli.plan import count_ids
from hubassoc_async.cli.planned import ids_line, plan_lines
from hubassoc_async.cli.run import Run
from hubassoc_async.jobs.sinks import FORMATS

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
@click.option("--dry-run", is_flag=True, help="Say what it would take, and send nothing.")
@connecting
@click.pass_context
def read(context: click.Context, /, **arguments: Any) -> None:
    """Parse, run, exit."""
    console = Console(stderr=True, highlight=False, emoji=False)
    only_planned = arguments.pop("dry_run")
    options = connection(
        arguments,
        token="none" if only_planned else None,
        stdin="the ids" if arguments["ids"] == STREAM else None,
    )
    given = Arguments(**arguments)
    if only_planned:
        _dry_run(given, options, console)
    else:
        context.exit(Run(open_read(given, options, console), console)())


def _dry_run(given: Arguments, options: Connection, console: Console) -> None:
    """Say what `hubassoc plan` says, where the summary would be."""
    check_files({"--summary": given.summary}, "--ids", given.ids)
    source = open_ids(given.ids, given.id_column)
    planned = count_ids(source, options.quota, options.api_version)
    if given.summary is not None:
        write_json(given.summary, planned)
    if options.quiet:
        return
    title = f"{given.from_object_type} → {given.to_object_type}, dry run: nothing was sent"
    costs = planned.requests, planned.seconds, planned.daily_share
    for line in (title, f"  {ids_line(planned)}", *plan_lines(*costs, options.quota)):
        console.print(Text(line), soft_wrap=True)

"""``hubassoc import``: a write that can be killed and goes on.

Knows: how the arguments are spelt, which fit together. Does not know: how an import runs.
"""

from pathlib import Path
from typing import Any, Final

import click

from hubassoc_async.cli.arguments import check_files, job_files
from hubassoc_async.cli.connecting import STREAM, connecting, connection
from hubassoc_async.cli.import_run import ImportRun
from hubassoc_async.cli.journaled_run import refusing, run_job
from hubassoc_async.cli.told import Telling, ending, ending_of, told
from hubassoc_async.jobs.import_task import ImportTask
from hubassoc_async.jobs.writing import WriteOrder

_HELP: Final = """Write very many associations, as a job that can be killed.

FROM and TO are object types: contacts, companies, deals, 0-1, 2-1234567, ...

\b
Examples:
  hubassoc import contacts companies --from links.csv --operation create --labels append
  hubassoc import contacts companies --from sqlite:///crm.db?table=links --operation create-default
  hubassoc import contacts companies --from old.parquet --operation archive --job tidy

The links are CSV, NDJSON (both gzip or not), Parquet, a folder of it, or a table: their columns are
from_object_id and to_object_id, and for labels also label, or type_id with or without category.
They are sorted and those of one pair united before any is sent. Whatever ends the job, at any
instant, `hubassoc resume JOB` goes on with it. Links that fail are in FILE.failures.ndjson, with
the reason: `hubassoc replay` takes that file.

\b
Exit status:
  0  complete
  1  error
  2  usage
  3  done, but some links failed
  4  stopped by the daily quota
  130, 143  stopped by SIGINT, SIGTERM
"""
_PATH = click.Path(path_type=Path, dir_okay=False)
_OPERATIONS: Final = ("create", "create-default", "archive", "archive-labels")


@click.command(
    "import",
    cls=Telling,
    help=_HELP,
    short_help="Write very many associations, as a job that can be killed.",
)
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option("--from", "links", required=True, metavar="FILE|TABLE|-", help="The links.")
@click.option("--operation", type=click.Choice(_OPERATIONS), required=True)
@click.option(
    "--labels",
    type=click.Choice(["replace", "append"]),
    default="replace",
    show_default=True,
    help="What becomes of the labels that a pair has, when it is created.",
)
@click.option("--remove-all-labels", is_flag=True, help="Let the type without a label be archived.")
@click.option("--verify", is_flag=True, help="Read back what was written.")
@click.option("--job", metavar="NAME", help="What to call the job.  [default: a name of its own]")
@click.option(
    "--failures",
    type=_PATH,
    metavar="FILE",
    help="Where links that fail go.  [default: FILE.failures.ndjson]",
)
@click.option("--summary", type=_PATH, metavar="FILE", help="Write the summary as JSON too.")
@ending
@connecting
@click.pass_context
def import_command(context: click.Context, /, **arguments: Any) -> None:
    """Parse, begin, run, exit."""
    how = ending_of(arguments)
    links: str = arguments["links"]
    options = connection(arguments, stdin="the links" if links == STREAM else None)
    check_files(job_files(arguments, how, links), "--from", links)
    order = _order(arguments)
    with refusing():
        task = ImportTask.begin(
            options.api, order, links=links, name=arguments["job"], told=told(context)
        )
    context.exit(run_job(ImportRun, options, task, summary=arguments["summary"], **how))


def _order(arguments: dict[str, Any]) -> WriteOrder:
    operation = arguments["operation"].replace("-", "_")
    if arguments["labels"] == "append" and operation != "create":
        raise click.UsageError("--labels append is for --operation create")
    if arguments["remove_all_labels"] and operation != "archive_labels":
        raise click.UsageError("--remove-all-labels is for --operation archive-labels")
    names = ("from_object_type", "to_object_type", "labels", "remove_all_labels", "verify")
    return WriteOrder(operation=operation, **{name: arguments[name] for name in names})

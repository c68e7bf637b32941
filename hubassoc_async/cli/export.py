"""``hubassoc export``: a read that can be killed and goes on.

Knows: how the arguments are spelt, which fit together. Does not know: how an export runs.
"""

from pathlib import Path
from typing import Any, Final

import click

from hubassoc_async.cli.arguments import check_files, job_files
from hubassoc_async.cli.connecting import STREAM, connecting, connection
from hubassoc_async.cli.export_run import ExportRun
from hubassoc_async.cli.journaled_run import refusing, run_job
from hubassoc_async.cli.told import Telling, ending, ending_of, told
from hubassoc_async.jobs.database_urls import database_of
from hubassoc_async.jobs.export_task import ExportTask

_HELP: Final = """Read the associations of very many records, as a job that can be killed.

FROM and TO are object types: contacts, companies, deals, 0-1, 2-1234567, ...

\b
Examples:
  hubassoc export contacts companies --ids contacts.csv --to companies.ndjson.gz
  hubassoc export deals contacts --all --to deals.csv --job nightly

Whatever ends the job, at any instant, `hubassoc resume JOB` goes on with it, and the output is what
it would have been. It appears under its name when it is complete. Ids that fail are in
TO.failures.ndjson, with the reason.

\b
Exit status:
  0  complete
  1  error
  2  usage
  3  done, but some ids failed
  4  stopped by the daily quota
  130, 143  stopped by SIGINT, SIGTERM
"""
_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command(
    cls=Telling,
    help=_HELP,
    short_help="Read the associations of very many records, as a job that can be killed.",
)
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option(
    "--ids",
    metavar="FILE|TABLE|-",
    help="Where the ids are: a file, a folder of Parquet files, the URL of a table; - is stdin.",
)
@click.option("--id-column", metavar="NAME", help="CSV column or NDJSON key of the ids.")
@click.option("--all", "every", is_flag=True, help="Every record of FROM that is not archived.")
@click.option(
    "--to",
    required=True,
    metavar="TARGET",
    help="Where to write: a file (.ndjson, .csv, either with .gz; .parquet), a folder DIR/ of"
    " Parquet files, or a table: sqlite:///FILE?table=NAME, duckdb:///…, postgresql://….",
)
@click.option("--job", metavar="NAME", help="What to call the job.  [default: a name of its own]")
@click.option(
    "--failures",
    type=_PATH,
    metavar="FILE",
    help="Where ids that fail go.  [default: TO.failures.ndjson, if TO is a file]",
)
@click.option("--summary", type=_PATH, metavar="FILE", help="Write the summary as JSON too.")
@ending
@connecting
@click.pass_context
def export(context: click.Context, /, **arguments: Any) -> None:
    """Parse, begin, run, exit."""
    how = ending_of(arguments)
    ids: str | None = arguments["ids"]
    if (ids is None) is not arguments["every"]:
        raise click.UsageError("say which records: --ids FILE, or --all")
    options = connection(arguments, stdin="the ids" if ids == STREAM else None)
    _check_files(arguments, how)
    with refusing():
        task = ExportTask.begin(
            options.api,
            arguments["from_object_type"],
            arguments["to_object_type"],
            ids=ids,
            to=arguments["to"],
            id_column=arguments["id_column"],
            name=arguments["job"],
            told=told(context),
        )
    context.exit(run_job(ExportRun, options, task, summary=arguments["summary"], **how))


def _check_files(arguments: dict[str, Any], how: dict[str, Any]) -> None:
    """Refuse to write two things, or what is read, in one place."""
    to: str = arguments["to"]
    with refusing():
        database = database_of(to)
    at_server = database is not None and database.kind == "postgresql"
    output = None if at_server else Path(to if database is None else database.place)
    ids = arguments["ids"] or STREAM
    files = {"--to": output, **job_files(arguments, how, to)}
    check_files(files, "--ids", STREAM if database is not None and "://" in ids else ids)
    if "://" in ids:  # one table may be made from another of its database
        check_files(job_files(arguments, how, to), "--ids", ids)

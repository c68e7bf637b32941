"""``hubassoc import``: a write that can be killed and goes on.

Knows: how the arguments are spelt, which fit together. Does not know: how an import runs.
"""

import functools
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli.arguments import check_files, job_files, open_links
from hubassoc_async.cli.connecting import STREAM, Connection, connecting, connection
from hubassoc_async.cli.import_run import ImportOptions, ImportRun
from hubassoc_async.cli.journaled_run import begin_job, run_job
from hubassoc_async.cli.told import Telling, ending, ending_of, told
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.dead_letters import failures_of
from hubassoc_async.jobs.importing import is_loaded
from hubassoc_async.jobs.journal import JobSpec, Journal, JournalError, check_same, fingerprint
from hubassoc_async.jobs.pairs import PairSource
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
    links, summary = arguments["links"], arguments["summary"]
    options = connection(arguments, stdin="the links" if links == STREAM else None)
    check_files(job_files(arguments, how, links), "--from", links)
    console = Console(stderr=True, highlight=False, emoji=False)
    order = _order(arguments)
    source = _open(links, order)
    journal = None
    try:
        journal = begin_job(arguments["job"], _spec(order, options, source), told(context))
        run = ImportRun(_options(journal, options, order, source, summary), console)
    except BaseException as error:
        source.close()
        if journal is not None:
            journal.close()
        if isinstance(error, UsageError):
            raise click.UsageError(str(error)) from error
        raise
    again = functools.partial(
        resume_import, connection=options, console=console, ids=None, summary=summary
    )
    context.exit(run_job(run, again, **how))


def resume_import(
    journal: Journal,
    connection: Connection,
    console: Console,
    *,
    ids: str | None,
    summary: Path | None,
) -> ImportRun:
    """Take up an import. Raises ``UsageError`` when its input is needed and not what it was."""
    if ids is not None:
        raise JournalError("--ids is for exports: an import takes its links from where they were")
    spec, arguments = journal.spec, journal.arguments
    order = msgspec.convert(
        spec.options
        | {"from_object_type": spec.from_object_type, "to_object_type": spec.to_object_type},
        WriteOrder,
    )
    source = None
    now = {"api_version": connection.api_version, "base_url": connection.base_url}
    if not is_loaded(journal):
        if arguments["links"] == STREAM:
            raise JournalError(
                f"the links of job {journal.name!r} came from stdin and had not all come, and"
                f" nothing was written: begin again (hubassoc jobs --forget {journal.name})"
            )
        source = _open(arguments["links"], order)
        now["fingerprint"] = _fingerprint(source)
    check_same(journal.name, spec, msgspec.structs.replace(spec, **now))
    return ImportRun(_options(journal, connection, order, source, summary), console)


def discard_import(_: Journal) -> None:
    """There is nothing but the journal."""


def _order(arguments: dict[str, Any]) -> WriteOrder:
    operation = arguments["operation"].replace("-", "_")
    if arguments["labels"] == "append" and operation != "create":
        raise click.UsageError("--labels append is for --operation create")
    if arguments["remove_all_labels"] and operation != "archive_labels":
        raise click.UsageError("--remove-all-labels is for --operation archive-labels")
    names = ("from_object_type", "to_object_type", "labels", "remove_all_labels", "verify")
    return WriteOrder(operation=operation, **{name: arguments[name] for name in names})


def _open(links: str, order: WriteOrder) -> PairSource:
    typed = order.operation in ("create", "archive_labels")
    return open_links(links, option="--from", typed=typed)


def _spec(order: WriteOrder, options: Connection, source: PairSource) -> JobSpec:
    described = msgspec.structs.asdict(order)
    ends = {name: described.pop(name) for name in ("from_object_type", "to_object_type")}
    return JobSpec(
        kind="import",
        **ends,
        api_version=options.api_version,
        base_url=options.base_url,
        source=source.name if source.path is None else f"file {source.path.resolve()}",
        fingerprint=_fingerprint(source),
        target="HubSpot",
        options=described,
    )


def _fingerprint(source: PairSource) -> str:
    """Of a file that can be read again; "" for all else."""
    return "" if source.path is None or source.blocks else fingerprint(source.path)


def _options(
    journal: Journal,
    connection: Connection,
    order: WriteOrder,
    source: PairSource | None,
    summary: Path | None,
) -> ImportOptions:
    return ImportOptions(
        **msgspec.structs.asdict(connection),
        journal=journal,
        order=order,
        source=source,
        failures=failures_of(journal.info),
        summary=summary,
    )

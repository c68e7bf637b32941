"""``hubassoc export``: a read that can be killed and goes on.

Knows: how the arguments are spelt, which fit together. Does not know: how an export runs.
"""

import functools
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli.arguments import check_files, job_files, open_ids
from hubassoc_async.cli.connecting import STREAM, Connection, connecting, connection
from hubassoc_async.cli.export_run import ExportOptions, ExportRun
from hubassoc_async.cli.journaled_run import begin_job, run_job
from hubassoc_async.cli.told import Telling, ending, ending_of, told
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.dead_letters import failures_of
from hubassoc_async.jobs.job_sink import open_job_sink, public_name
from hubassoc_async.jobs.journal import (
    JobSpec,
    Journal,
    JournalError,
    check_same,
    fingerprint,
)
from hubassoc_async.jobs.sources import Source
from hubassoc_async.jobs.spool import Spool

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
@click.option("--ids", metavar="FILE|-", help="Where the ids are; - is stdin.")
@click.option("--id-column", metavar="NAME", help="CSV column or NDJSON key of the ids.")
@click.option("--all", "every", is_flag=True, help="Every record of FROM that is not archived.")
@click.option("--to", required=True, metavar="TARGET", help="Where to write.")
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
    console = Console(stderr=True, highlight=False, emoji=False)
    source = None if ids is None else open_ids(ids, arguments["id_column"])
    journal = None
    try:
        spec = _spec(arguments, options, source)
        ends = spec.from_object_type, spec.to_object_type
        open_job_sink(arguments["to"], *ends, job="new")  # refused before there is a journal
        journal = begin_job(arguments["job"], spec, told(context))
        run = ExportRun(
            _options(
                journal, options, source, target=arguments["to"], summary=arguments["summary"]
            ),
            console,
        )
    except BaseException as error:
        if source is not None:
            source.close()
        if journal is not None:
            journal.close()
        if isinstance(error, UsageError):
            raise click.UsageError(str(error)) from error
        raise
    again = functools.partial(
        resume_export,
        connection=options,
        console=console,
        ids=None,
        summary=arguments["summary"],
    )
    context.exit(run_job(run, again, **how))


def _check_files(arguments: dict[str, Any], how: dict[str, Any]) -> None:
    """Refuse to write two things, or what is read, in one place."""
    to: str = arguments["to"]
    output = None if "://" in to else Path(to)
    check_files(
        {"--to": output, **job_files(arguments, how, to)}, "--ids", arguments["ids"] or STREAM
    )


def resume_export(
    journal: Journal,
    connection: Connection,
    console: Console,
    *,
    ids: str | None,
    summary: Path | None,
) -> ExportRun:
    """Take up an export. ``ids``: given again, where the job had not got all of them.

    Raises ``UsageError`` when the input is not what it was, or is needed again.
    """
    spec, arguments = journal.spec, journal.arguments
    source: Source | None = None
    if spec.fingerprint:
        source = open_ids(arguments["ids"], arguments.get("id_column"))
    elif "ids" in arguments and not Spool(journal).complete:
        again = ids or arguments["ids"]
        if ids is None and again == STREAM:
            raise JournalError(
                f"the ids of job {journal.name!r} came from {spec.source} and had not all come:"
                f" give all of them again, as hubassoc resume {journal.name} --ids FILE|-"
            )
        source = open_ids(again, arguments.get("id_column"))
    now = msgspec.structs.replace(
        spec,
        api_version=connection.api_version,
        base_url=connection.base_url,
        fingerprint=_fingerprint(source) if spec.fingerprint else "",
    )
    check_same(journal.name, spec, now)
    return ExportRun(_options(journal, connection, source, summary=summary), console)


def discard_export(journal: Journal) -> None:
    """Remove what an export has written and not finished."""
    spec = journal.spec
    open_job_sink(
        spec.target, spec.from_object_type, spec.to_object_type, job=journal.key
    ).discard()


def _spec(arguments: dict[str, Any], options: Connection, source: Source | None) -> JobSpec:
    from_object_type: str = arguments["from_object_type"]
    if source is None:
        described = f"all {from_object_type}"
    else:
        described = source.name if source.path is None else f"file {source.path.resolve()}"
    return JobSpec(
        kind="export",
        from_object_type=from_object_type,
        to_object_type=arguments["to_object_type"],
        api_version=options.api_version,
        base_url=options.base_url,
        source=described,
        fingerprint=_fingerprint(source),
        target=public_name(arguments["to"]),
        options={"id_column": arguments["id_column"]},
    )


def _fingerprint(source: Source | None) -> str:
    """Of a file that can be read again; "" for all else, which is spooled."""
    if source is None or source.path is None or source.blocks:
        return ""
    return fingerprint(source.path)


def _options(
    journal: Journal,
    connection: Connection,
    source: Source | None,
    *,
    target: str | None = None,
    summary: Path | None = None,
) -> ExportOptions:
    """Put together what a run is told. ``target``: as it was given, perhaps with a password."""
    spec = journal.spec
    to = target or spec.target
    return ExportOptions(
        **msgspec.structs.asdict(connection),
        journal=journal,
        source=source,
        sink=open_job_sink(to, spec.from_object_type, spec.to_object_type, job=journal.key),
        failures=failures_of(journal.info),
        summary=summary,
    )

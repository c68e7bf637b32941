"""``hubassoc resume``, ``jobs`` and ``status``: jobs that were begun.

Knows: which kinds of jobs there are. Does not know: what they do.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import click
from rich.console import Console

from hubassoc_async.cli.connecting import STREAM, Connection, connecting, connection
from hubassoc_async.cli.display import local_time
from hubassoc_async.cli.export import discard_export, resume_export
from hubassoc_async.cli.importing import discard_import, resume_import
from hubassoc_async.cli.journaled_run import JournaledRun, run_job
from hubassoc_async.cli.sync import discard_sync, resume_sync
from hubassoc_async.cli.told import Resuming, ending, ending_of, report_option
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.journal import JobInfo, Journal, find_job, jobs
from hubassoc_async.jobs.report import write_report


class Resume(Protocol):
    """Takes up a job of one kind. Raises ``UsageError``."""

    def __call__(
        self,
        journal: Journal,
        connection: Connection,
        console: Console,
        *,
        ids: str | None,
        summary: Path | None,
    ) -> JournaledRun[Any]: ...


class Kind(NamedTuple):
    """What can be done with jobs of one kind."""

    resume: Resume
    discard: Callable[[Journal], None]
    """Removes what a job has written and not finished."""


KINDS: Final[dict[str, Kind]] = {
    "export": Kind(resume_export, discard_export),
    "import": Kind(resume_import, discard_import),
    "sync": Kind(resume_sync, discard_sync),
}
"""Every kind of job that ``JobSpec.kind`` can name."""


@click.command(cls=Resuming)
@click.argument("job")
@click.option("--ids", metavar="FILE|-", help="All ids again, of a job whose pipe broke off.")
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the summary as JSON too.",
)
@ending
@connecting
@click.pass_context
def resume(
    context: click.Context, /, job: str, ids: str | None, summary: Path | None, **arguments: Any
) -> None:
    """Go on with a job that was stopped or killed.

    JOB is its name: `hubassoc jobs` lists all. Options that are not given are those that the job
    was begun with. The exit statuses are those of the command that began it.
    """
    how = ending_of(arguments)
    options = connection(arguments, stdin="the ids" if ids == STREAM else None)
    console = Console(stderr=True, highlight=False, emoji=False)
    try:
        journal = Journal.open(job)
        if journal.state == "complete":
            journal.close()
            click.echo(f"job {job!r} is complete", err=True)
            return
        kind = KINDS[journal.spec.kind]
        try:
            run = kind.resume(journal, options, console, ids=ids, summary=summary)
        except BaseException:
            journal.close()
            raise
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    again = functools.partial(
        kind.resume, connection=options, console=console, ids=None, summary=summary
    )
    context.exit(run_job(run, again, **how))


@click.command("jobs")
@click.option("--forget", metavar="JOB", help="Remove a job and what it has not finished.")
def jobs_command(forget: str | None) -> None:
    """List the jobs that were begun, the latest first."""
    if forget is not None:
        try:
            journal = Journal.open(forget)
            try:
                if journal.state != "complete":
                    KINDS[journal.spec.kind].discard(journal)
                journal.remove()
            finally:
                journal.close()
        except UsageError as error:
            raise click.UsageError(str(error)) from error
        return
    found = jobs()
    if not found:
        click.echo("no jobs", err=True)
        return
    rows = [("JOB", "STATE", "DONE", "FROM → TO", "LAST CHANGE")]
    for job in found:
        ends = f"{job.spec.from_object_type} → {job.spec.to_object_type}"
        rows.append((job.name, job.state, f"{job.mark.items:,}", ends, local_time(job.changed_at)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


@click.command()
@click.argument("job")
@report_option
def status(job: str, report: Path | None) -> None:
    """Say what a job is and how far it is, while it runs or not."""
    try:
        info = find_job(job)
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    if report is not None:
        write_report(report, info)
    for line in _status_lines(info):
        click.echo(line)


def _status_lines(job: JobInfo) -> list[str]:
    spec, mark = job.spec, job.mark
    counts = ", ".join(f"{number:,} {name}" for name, number in mark.counts.items())
    lines = [
        f"{job.name}: {spec.kind} {spec.from_object_type} → {spec.to_object_type}, {job.state}"
        f"{f': {job.reason}' if job.reason else ''}",
        f"  {mark.items:,} done{f': {counts}' if counts else ''}",
        f"  from {spec.source} to {spec.target}, API {spec.api_version}",
        f"  begun {local_time(job.created_at)}, last change {local_time(job.changed_at)},"
        f" pid {job.pid}",
    ]
    if job.resume_at is not None:
        lines.append(f"  may go on at {local_time(job.resume_at)}")
    if job.state in ("new", "stopped", "parked"):
        lines.append(f"  go on with: hubassoc resume {job.name}")
    return lines

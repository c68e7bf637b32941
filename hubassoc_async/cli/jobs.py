"""``hubassoc resume``, ``jobs`` and ``status``: jobs that were begun.

Knows: which kinds of jobs there are. Does not know: what they do.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from hubassoc_async.cli.arguments import check_files
from hubassoc_async.cli.connecting import STREAM, connecting, connection
from hubassoc_async.cli.display import local_time
from hubassoc_async.cli.export_run import ExportRun
from hubassoc_async.cli.import_run import ImportRun
from hubassoc_async.cli.job_run import COMPLETE, USAGE
from hubassoc_async.cli.journaled_run import (
    JournaledRun,
    failures_line,
    refusing,
    run_job,
    status_of,
)
from hubassoc_async.cli.sync_run import ApplyRun
from hubassoc_async.cli.told import Resuming, ending, ending_of, report_option
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.dead_letters import failures_now, failures_of
from hubassoc_async.jobs.job_files import unreadable_jobs
from hubassoc_async.jobs.job_kinds import TASKS, take_up
from hubassoc_async.jobs.job_kinds import forget as forget_job
from hubassoc_async.jobs.journal import JobInfo, find_job, jobs
from hubassoc_async.jobs.own_plans import sweep_plans
from hubassoc_async.jobs.report import write_report
from hubassoc_async.jobs.task import is_used

RUNS: Final[dict[str, type[JournaledRun[Any]]]] = {
    "export": ExportRun,
    "import": ImportRun,
    "sync": ApplyRun,
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
    check_files({"--summary": summary, "--report": how["report"]}, "--ids", ids or STREAM)
    options = connection(arguments, stdin="the ids" if ids == STREAM else None)
    with refusing():
        info = find_job(job)
        _check_apart(info, {"--summary": summary, "--report": how["report"]})
        if info.state == "complete":  # and its inputs may be gone
            with suppress(OSError):  # it is only there if the job died right at its end
                TASKS[info.spec.kind].tidy(info)
            click.echo(f"job {job!r} is complete", err=True)
            failures = failures_now(info)
            if failures is not None:
                click.echo(f"  {failures_line(True, failures)}", err=True)
            _write_page(how["report"], info)
            context.exit(status_of(info))
        if ids is not None and info.spec.kind != "export":
            raise UsageError("--ids is for exports")
        task = take_up(job, options.api, source=ids)
    kind = info.spec.kind
    context.exit(run_job(RUNS[kind], options, task, summary=summary, **how))


@click.command("jobs")
@click.option(
    "--forget",
    multiple=True,
    metavar="JOB…",
    help="Remove jobs and what they have not finished.",
)
@click.argument("more", nargs=-1, metavar="")
@click.pass_context
def jobs_command(context: click.Context, forget: tuple[str, ...], more: tuple[str, ...]) -> None:
    """List the jobs that were begun, the latest first."""
    if forget:
        context.exit(_forget(dict.fromkeys((*forget, *more))))
    if more:
        raise click.UsageError(f"say what of it: hubassoc status {more[0]}, or --forget {more[0]}")
    sweep_plans()
    found, others = jobs(), unreadable_jobs()
    if not found and not others:
        click.echo("no jobs", err=True)
        return
    rows = [("JOB", "STATE", "DONE", "FROM → TO", "LAST CHANGE")]
    for job in found:
        ends = f"{job.spec.from_object_type} → {job.spec.to_object_type}"
        rows.append((job.name, job.state, f"{job.mark.items:,}", ends, local_time(job.changed_at)))
    # they can be forgotten, and some gone on with by another version
    rows += [(one.name, one.why, "", "", local_time(one.changed_at)) for one in others]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _forget(names: Iterable[str]) -> int:
    """Forget each, whatever becomes of the others. Returns the exit status."""
    status = COMPLETE
    for name in names:
        try:
            left = forget_job(name)
        except (UsageError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            status = USAGE
            continue
        click.echo(f"job {name!r} is forgotten", err=True)
        if left is not None:
            click.echo(f"  {left}", err=True)
    return status


@click.command()
@click.argument("job")
@report_option
def status(job: str, report: Path | None) -> None:
    """Say what a job is and how far it is, while it runs or not."""
    check_files({"--report": report}, "JOB", STREAM)
    with refusing():
        info = find_job(job)
        _check_apart(info, {"--report": report})
    _write_page(report, info)
    for line in _status_lines(info):
        click.echo(line)


def _check_apart(job: JobInfo, written: dict[str, Path | None]) -> None:
    """Refuse to put what is said of a job over what it reads or writes. Raises ``UsageError``."""
    for option, path in written.items():
        if path is None:
            continue
        if is_used(job, path) or Path(os.path.realpath(path)) == failures_of(job):
            raise UsageError(f"{option}: {path} is what job {job.name!r} reads or writes")


def _write_page(path: Path | None, job: JobInfo) -> None:
    """Write the page about a job, if one is wanted."""
    if path is None:
        return
    try:
        write_report(path, job)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error


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
    failures = failures_now(job)
    if failures is not None:
        lines.append(f"  {failures_line(job.state == 'complete', failures)}")
    if job.resume_at is not None:
        lines.append(f"  may go on at {local_time(job.resume_at)}")
    if job.state in ("new", "stopped", "parked"):
        lines.append(f"  go on with: hubassoc resume {job.name}")
    return lines

"""Runs a job that has a journal as a command does: whatever stops it, it says how to go on.

Knows: journals, signals. Does not know: how arguments are spelt, what the job does.
"""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli import end_by_signals
from hubassoc_async.cli.connecting import Connection
from hubassoc_async.cli.display import Shown, local_time
from hubassoc_async.cli.job_run import (
    COMPLETE,
    SOME_FAILED,
    JobOptions,
    JobRun,
    done_line,
    requests_line,
)
from hubassoc_async.cli.job_run import Job as Shows
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.dead_letters import failures_now
from hubassoc_async.jobs.job import Job
from hubassoc_async.jobs.journal import JobInfo, Journal, JournalError
from hubassoc_async.jobs.parking import Parked, wait_until
from hubassoc_async.jobs.report import write_report
from hubassoc_async.jobs.task import Task
from hubassoc_async.jobs.text_file import SourceError

if TYPE_CHECKING:
    import asyncio


class Resumed(Shown, Protocol):
    """Progress of a job, which may have begun earlier."""

    @property
    def before(self) -> int: ...


P = TypeVar("P", bound=Resumed)


class JournaledOptions(JobOptions, kw_only=True):
    """Everything that one job is told, but for what its journal has."""

    journal: Journal

    @property
    def title(self) -> str:
        """What is done."""
        spec = self.journal.spec
        return f"{spec.kind} {spec.from_object_type} → {spec.to_object_type}"


class JournaledRun(JobRun[P]):
    """One run of a job, to its end or to what stops it."""

    unit: ClassVar[str]
    """What is counted, one of them."""

    def __init__(
        self, options: JournaledOptions, task: Task[P], console: Console, report: Path | None
    ) -> None:
        """``report``: where a page about the job goes at the end."""
        super().__init__(options, console, unit=self.unit)
        self._task = task
        self._time_zone = options.time_zone
        self._page = report
        daily = options.daily_reserve
        if daily is not None and daily.path is None:  # a run that goes on goes on counting
            path = task.journal.path.with_suffix(".daily")
            options.daily_reserve = msgspec.structs.replace(daily, path=path)
        self._job: Job[P] | None = None

    @abstractmethod
    def _counts_line(self, progress: P) -> str:
        """Say what became of what was done."""

    def _open(self, client: AssociationsClient) -> Job[P]:
        self._job = Job(client, self._task)
        return self._job

    @property
    def parked(self) -> Parked | None:
        """Why and until when the job rests, if the day's quota ended this run."""
        return self._stop if isinstance(self._stop, Parked) else None

    async def _work(self, job: Shows[P]) -> None:
        assert job is self._job
        await self._job.run(time_zone=self._time_zone)

    def _interrupt(self, task: "asyncio.Task[object]") -> None:
        if self._job is None:
            task.cancel()
        else:
            self._job.stop()

    def _close(self) -> None:
        """The job is held until it runs no more."""

    def _status(self, job: Shows[P] | None) -> int:
        if self._stop is None:
            return status_of(self._task.journal.info)
        return super()._status(job)

    def _report(self, job: Shows[P] | None) -> int:
        status = super()._report(job)
        if self._page is not None:
            write = partial(write_report, job=self._task.journal.info)
            status = self._saved("--report", self._page, write, status)
        return status

    def _done(self) -> None:
        """Nothing is left over."""

    def _summary_lines(self, progress: P) -> Iterator[str]:
        yield done_line(self._options.title, progress, self.unit, before=progress.before)
        yield self._counts_line(progress)
        yield requests_line(progress)

    def _files(self) -> Iterator[str]:
        job, failures = self._job, failures_now(self._task.journal.info)
        if job is not None and job.output is not None and not self._options.quiet:
            yield f"  output: {job.output}"
        if failures is not None:
            yield f"  {failures_line(job is not None and job.complete, failures)}"
        if job is not None and not job.complete:
            yield f"  {self._onward(job)}"

    def _onward(self, job: Job[P]) -> str:
        """Say how to go on."""
        forget = f"hubassoc jobs --forget {job.name}"
        if self._task.hopeless and not job.info.mark.items:
            return f"nothing was done: job {job.name!r} is forgotten"
        if self._task.hopeless:
            return (
                f"the job is for this very input, and cannot go on with it: forget it ({forget})"
                " and begin it again with one that is whole"
            )
        wanted = self._task.wanted
        if wanted is None:
            return (
                "what came by the pipe had not all come, and nothing was done: forget the job"
                f" ({forget}) and begin it again"
            )
        onward = f"go on with: hubassoc resume {job.name}{wanted}"
        if isinstance(self._stop, JournalError):
            return f"once that is put right, {onward}; if it cannot be, forget the job: {forget}"
        return onward


def status_of(job: JobInfo) -> int:
    """Tell the exit status of a job that is complete."""
    counts = job.mark.counts
    return SOME_FAILED if counts.get("failed") or counts.get("stale") else COMPLETE


def failures_line(complete: bool, failures: Path) -> str:
    """Say where failures are, which are hidden till the job is complete."""
    return f"failures: {failures}" if complete else f"failures so far: {failures}"


@contextmanager
def refusing() -> Iterator[None]:
    """Say what cannot be right as click does."""
    try:
        yield
    except (UsageError, SourceError) as error:
        raise click.UsageError(str(error)) from error


def run_job(
    kind: type[JournaledRun[Any]],
    connection: Connection,
    task: Task[Any],
    *,
    summary: Path | None,
    wait: bool,
    report: Path | None,
) -> int:
    """Run a job, and let go of it; with ``wait``, sleep while it is parked and then go on.

    Returns the exit status. ``report``: where a page about it goes, after each run.
    """
    console = Console(stderr=True, highlight=False, emoji=False)
    options = JournaledOptions(
        **msgspec.structs.asdict(connection), journal=task.journal, summary=summary
    )
    try:
        while True:
            run = kind(options, task, console, report)
            status = run()
            if run.parked is None or not wait:
                return status
            end_by_signals()  # the run had them to itself
            click.echo(f"waiting until {local_time(run.parked.resume_at)}", err=True)
            wait_until(run.parked.resume_at)
    finally:
        task.close()

"""Runs a job that has a journal as a command does: whatever stops it, it says how to go on.

Knows: journals, signals. Does not know: how arguments are spelt, what the job does.
"""

import asyncio
import contextlib
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli import end_by_signals
from hubassoc_async.cli.display import Shown, local_time
from hubassoc_async.cli.job_run import Job, JobOptions, JobRun
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import DailyQuotaSpent, UsageError
from hubassoc_async.jobs.journal import JobSpec, Journal, JournalError, has_job
from hubassoc_async.jobs.parking import Parked, park, unpark, wait_until
from hubassoc_async.jobs.report import write_report
from hubassoc_async.jobs.sampling import Sampler
from hubassoc_async.pacing import DailyBudget

P = TypeVar("P", bound=Shown)
P_co = TypeVar("P_co", bound=Shown, covariant=True)


class JournaledJob(Job[P_co], Protocol[P_co]):
    """What is run; it can be told to stop, and be resumed."""

    output: str | None
    """What the output is called, once it is complete."""

    def stop(self) -> None:
        """Take nothing new, and end as soon as what is out has come in, within seconds."""


class JournaledOptions(JobOptions, kw_only=True):
    """Everything that one job is told, but for what its journal has."""

    journal: Journal
    failures: Path
    """Where what fails goes."""

    @property
    def title(self) -> str:
        """What is done."""
        spec = self.journal.spec
        return f"{spec.kind} {spec.from_object_type} → {spec.to_object_type}"


class JournaledRun(JobRun[P]):
    """One run of a job, to its end or to what stops it."""

    def __init__(self, options: JournaledOptions, console: Console, *, unit: str) -> None:
        super().__init__(options, console, unit=unit)
        self._journaled = options
        self._zone = DailyBudget(time_zone=options.time_zone).zone()
        daily = options.daily_reserve
        if daily is not None and daily.path is None:  # a run that goes on goes on counting
            path = options.journal.path.with_suffix(".daily")
            options.daily_reserve = msgspec.structs.replace(daily, path=path)
        self._job: JournaledJob[P] | None = None
        self.report: Path | None = None
        """Where a page about the job goes at the end."""

    @abstractmethod
    def _make(self, client: AssociationsClient) -> JournaledJob[P]:
        """Make the job. Raises ``UsageError``."""

    def _open(self, client: AssociationsClient) -> JournaledJob[P]:
        self._job = job = self._make(client)
        self._sampler = Sampler(self._journaled.journal, client, job.progress)
        return job

    @property
    def name(self) -> str:
        """What the job is called."""
        return self._journaled.journal.name

    @property
    def parked(self) -> Parked | None:
        """Why and until when the job rests, if the day's quota ended this run."""
        return self._stop if isinstance(self._stop, Parked) else None

    async def _watch(self, job: Job[P]) -> None:
        """Run it, sample it, and park it when the day's quota is spent."""
        journal = self._journaled.journal
        unpark(journal, time.time())
        sampling = asyncio.create_task(self._sampler.run())
        try:
            await super()._watch(job)
        except DailyQuotaSpent as spent:
            raise park(journal, spent, self._zone, time.time()) from spent
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
            with contextlib.suppress(OSError, sqlite3.Error):  # it may be the very reason
                self._sampler.end()

    def _interrupt(self, task: "asyncio.Task[object]") -> None:
        if self._job is None:
            task.cancel()
        else:
            self._job.stop()

    def _close(self) -> None:
        self._journaled.journal.close()

    def _report(self, job: Job[P] | None) -> int:
        status = super()._report(job)
        if self.report is not None:
            write_report(self.report, self._journaled.journal.info)
        return status

    def _done(self) -> None:
        """Nothing is left over."""

    def _files(self) -> Iterator[str]:
        options, job = self._journaled, self._job
        if job is not None and job.output is not None and not options.quiet:
            yield f"  output: {job.output}"
        if options.failures.exists():
            yield f"  failures: {options.failures}"
        if job is not None and not job.complete:
            yield f"  go on with: hubassoc resume {options.journal.name}"


def begin_job(name: str | None, spec: JobSpec, arguments: dict[str, Any]) -> Journal:
    """Begin a job, or take up the same one that was begun under this name and is not complete.

    Raises ``JournalError`` when it is another one, or complete, or cannot be begun.
    """
    if name is None or not has_job(name):
        try:
            return Journal.create(name, spec, arguments=arguments)
        except OSError as error:
            raise JournalError(f"the job cannot be begun: {error}") from error
    journal = Journal.open(name, expect=spec)
    if journal.state == "complete":
        journal.close()
        raise JournalError(
            f"job {name!r} is complete: give this one another name, or forget that one"
            f" (hubassoc jobs --forget {name})"
        )
    return journal


def run_job(
    run: JournaledRun[Any],
    again: Callable[[Journal], JournaledRun[Any]],
    *,
    wait: bool = False,
    report: Path | None = None,
) -> int:
    """Run a job; with ``wait``, sleep while it is parked and then go on. Returns the exit status.

    ``again``: takes the job up. ``report``: where a page about it goes, after each run.
    """
    name = run.name
    while True:
        run.report = report
        status = run()
        if run.parked is None or not wait:
            return status
        end_by_signals()  # the run had them to itself
        click.echo(f"waiting until {local_time(run.parked.resume_at)}", err=True)
        wait_until(run.parked.resume_at)
        try:
            run = again(Journal.open(name))
        except UsageError as error:
            raise click.UsageError(str(error)) from error

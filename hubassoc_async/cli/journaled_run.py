"""Runs a job that has a journal as a command does: whatever stops it, it says how to go on.

Knows: journals, signals. Does not know: how arguments are spelt, what the job does.
"""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.console import Console

from hubassoc_async.cli.display import Shown
from hubassoc_async.cli.job_run import Job, JobOptions, JobRun
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.journal import Journal

if TYPE_CHECKING:
    import asyncio

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
        self._job: JournaledJob[P] | None = None

    @abstractmethod
    def _make(self, client: AssociationsClient) -> JournaledJob[P]:
        """Make the job. Raises ``UsageError``."""

    def _open(self, client: AssociationsClient) -> JournaledJob[P]:
        self._job = self._make(client)
        return self._job

    def _interrupt(self, task: "asyncio.Task[object]") -> None:
        if self._job is None:
            task.cancel()
        else:
            self._job.stop()

    def _close(self) -> None:
        self._journaled.journal.close()

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

"""Runs one read as a command does.

Knows: what a read is told and says. Does not know: how arguments are spelt, signals, displays.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from rich.console import Console

from hubassoc_async.cli.display import Shown, counted
from hubassoc_async.cli.job_run import (
    JobOptions,
    JobRun,
    done_line,
    remains_line,
    requests_line,
)
from hubassoc_async.cli.planned import off_line
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs import Progress, ReadJob
from hubassoc_async.jobs.planning import ReadPlan
from hubassoc_async.jobs.remains import UNREAD
from hubassoc_async.jobs.sinks import FailureSink, Sink
from hubassoc_async.jobs.sources import Source
from hubassoc_async.protocol.versions import VERSIONS

_WORTH_A_PLAN = 10  # requests: below, the time is that of starting and ending


class ReadOptions(JobOptions, kw_only=True):
    """Everything that one read is told."""

    from_object_type: str
    to_object_type: str
    source: Source
    sink: Sink
    failures: FailureSink
    unread: Path | None = None

    @property
    def title(self) -> str:
        """What is read."""
        return f"{self.from_object_type} → {self.to_object_type}"


class Summary(msgspec.Struct):
    """What ``--summary`` writes."""

    ids: int
    found: int
    none: int
    failed: int
    associations: int
    requests: int
    retries: int
    rate_limited: int
    seconds: float


class Run(JobRun[Progress]):
    """One read, run to its end or to what stops it."""

    def __init__(self, options: ReadOptions, console: Console) -> None:
        super().__init__(options, console, unit="id")
        self._read = options
        self._job: ReadJob | None = None

    def _open(self, client: AssociationsClient) -> ReadJob:
        options = self._read
        self._job = ReadJob(
            client,
            options.from_object_type,
            options.to_object_type,
            options.source,
            options.sink,
            failures=options.failures,
            unread=options.unread,
        )
        return self._job

    def _close(self) -> None:
        self._read.sink.abort()
        self._read.failures.abort()
        self._read.source.close()

    def _done(self) -> None:
        """Remove the list of what an earlier read had not read, unless it is what was read now."""
        UNREAD.forget(self._read.unread, self._read.source.path)

    def _summary(self, progress: Progress) -> Summary:
        return read_summary(progress)

    def _summary_lines(self, progress: Progress) -> Iterator[str]:
        yield done_line(self._options.title, progress, "id")
        yield found_line(progress)
        yield requests_line(progress)
        batch = VERSIONS[self._read.api_version].read_inputs
        planned = ReadPlan.of(progress.ids, self._read.quota, batch=batch)
        if self._stop is None and planned.requests >= _WORTH_A_PLAN:
            yield off_line(planned, progress.requests, progress.seconds)
        if skipped := self._read.source.skipped:
            yield f"  {counted(skipped, 'row')} without an id passed over"

    def _files(self) -> Iterator[str]:
        job = self._job
        if job is None:
            return
        stopped = self._stop is not None
        if job.output is not None and (stopped or not self._options.quiet):
            yield f"  {'read so far' if stopped else 'output'}: {job.output}"
        if job.failures is not None:
            yield f"  failures: {job.failures}"
        if job.unread is not None:
            yield remains_line("not read", job.unread, "id", "--ids")
        elif stopped and job.output is None and not self._read.sink.blocks:
            yield "  no file was written"


class ReadShown(Shown, Protocol):
    """What is to be said of what was read."""

    @property
    def found(self) -> int:
        """Ids with associations."""

    @property
    def none(self) -> int:
        """Ids without."""

    @property
    def associations(self) -> int:
        """Of all of them."""


def read_summary(progress: ReadShown) -> Summary:
    """Make what ``--summary`` writes."""
    return Summary(
        ids=progress.done,
        found=progress.found,
        none=progress.none,
        failed=progress.failed,
        associations=progress.associations,
        requests=progress.requests,
        retries=progress.retries,
        rate_limited=progress.rate_limited,
        seconds=round(progress.seconds, 3),
    )


def found_line(progress: ReadShown) -> str:
    """Say what there was."""
    return (
        f"  {progress.found:,} found, {progress.none:,} none, {progress.failed:,} failed; "
        f"{counted(progress.associations, 'association')}"
    )

"""Runs one write as a command does, or says what it would take.

Knows: what a write is told and says. Does not know: how arguments are spelt, signals, displays.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from rich.console import Console
from rich.text import Text

from hubassoc_async.cli.display import Shown, counted
from hubassoc_async.cli.job_run import (
    COMPLETE,
    ERROR,
    SOME_FAILED,
    USAGE,
    JobOptions,
    JobRun,
    done_line,
    remains_line,
    requests_line,
    write_json,
)
from hubassoc_async.cli.planned import plan_lines
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import HubAssocError, UsageError
from hubassoc_async.jobs.pairs import PairSource
from hubassoc_async.jobs.remains import UNWRITTEN
from hubassoc_async.jobs.sinks import FailureSink
from hubassoc_async.jobs.writing import WriteJob, WriteOrder, WriteProgress
from hubassoc_async.protocol.planning import WritePlan

_SHOWN = 5  # invalid links that a plan quotes


class WriteOptions(JobOptions, kw_only=True):
    """Everything that one write is told."""

    order: WriteOrder
    source: PairSource
    failures: FailureSink
    unwritten: Path | None = None

    @property
    def title(self) -> str:
        """What is written."""
        order = self.order
        what = order.operation.replace("_", "-")
        return f"{what} {order.from_object_type} → {order.to_object_type}"


class WriteFigures(Shown, Protocol):
    """What there is to say of any write."""

    @property
    def written(self) -> int: ...
    @property
    def unchanged(self) -> int: ...


class WriteSummary(msgspec.Struct):
    """What ``--summary`` writes."""

    links: int
    written: int
    unchanged: int
    failed: int
    requests: int
    retries: int
    rate_limited: int
    seconds: float


class PlanSummary(msgspec.Struct):
    """What ``--summary`` writes of a dry run."""

    links: int
    pairs: int
    invalid: int
    definition_requests: int
    read_requests: int
    write_requests: int
    requests: int
    seconds: float
    daily_share: float
    unchecked: tuple[str, ...]


class WriteRun(JobRun[WriteProgress]):
    """One write, run to its end or to what stops it."""

    def __init__(self, options: WriteOptions, console: Console) -> None:
        super().__init__(options, console, unit="link")
        self._write = options
        self._job: WriteJob | None = None

    def _open(self, client: AssociationsClient) -> WriteJob:
        options = self._write
        self._job = WriteJob(
            client,
            options.order,
            options.source,
            failures=options.failures,
            unwritten=options.unwritten,
        )
        return self._job

    def _close(self) -> None:
        self._write.failures.abort()
        self._write.source.close()

    def _done(self) -> None:
        """Remove the list of what an earlier write had left, unless it is what was written now."""
        UNWRITTEN.forget(self._write.unwritten, self._write.source.path)

    def _summary(self, progress: WriteProgress) -> WriteSummary:
        return write_summary(progress)

    def _summary_lines(self, progress: WriteProgress) -> Iterator[str]:
        yield done_line(self._options.title, progress, "link")
        yield written_line(progress)
        yield requests_line(progress)

    def _files(self) -> Iterator[str]:
        job = self._job
        if job is None:
            return
        if job.failures is not None:
            yield f"  failures: {job.failures}"
        if job.unwritten is not None:
            yield remains_line("not written", job.unwritten, "link", "--pairs")
        if lost := self._write.failures.lost:
            lines = lost.decode().splitlines()
            yield f"  {counted(len(lines), 'failure')} could not be written to a file:"
            yield from lines


def write_summary(progress: WriteFigures) -> WriteSummary:
    """Make what ``--summary`` writes."""
    return WriteSummary(
        links=progress.done,
        written=progress.written,
        unchanged=progress.unchanged,
        failed=progress.failed,
        requests=progress.requests,
        retries=progress.retries,
        rate_limited=progress.rate_limited,
        seconds=round(progress.seconds, 3),
    )


def written_line(progress: WriteFigures) -> str:
    """Say what became of the links."""
    return (
        f"  {progress.written:,} written, {progress.unchanged:,} unchanged,"
        f" {progress.failed:,} failed"
    )


def dry_run(options: WriteOptions, console: Console) -> int:
    """Say what a write would take, and send nothing. Returns the exit status."""
    order = options.order
    try:
        plan = options.client().plan_write(
            order.operation,
            order.from_object_type,
            order.to_object_type,
            options.source,
            labels=order.labels,
            verify=order.verify,
            remove_all_labels=order.remove_all_labels,
        )
    except HubAssocError as error:
        console.print(Text(f"Error: {error}", style="red"), soft_wrap=True)
        return USAGE if isinstance(error, UsageError) else ERROR
    finally:
        options.source.close()
    if options.summary is not None:
        write_json(options.summary, _plan_summary(plan))
    if not options.quiet:
        for line in _plan_lines(options, plan):
            console.print(Text(line), soft_wrap=True)
    return SOME_FAILED if plan.failures else COMPLETE


def _plan_lines(options: WriteOptions, plan: WritePlan) -> Iterator[str]:
    yield f"{options.title}, dry run: nothing was sent"
    yield f"  {counted(plan.links, 'link')} given, {counted(plan.pairs, 'pair')} to write"
    yield from plan_lines(plan.requests, plan.seconds, plan.daily_share, options.quota)
    yield (
        f"  of the requests {plan.definitions:,} for label definitions, {plan.reads:,} to read,"
        f" {plan.writes:,} to write"
    )
    if plan.unchecked:
        yield f"  not checked, only the portal knows: {', '.join(plan.unchecked[:_SHOWN])}"
    if plan.failures:
        yield f"  {counted(len(plan.failures), 'link')} not valid:"
        for failure in plan.failures[:_SHOWN]:
            yield f"    {failure.message}"
        if len(plan.failures) > _SHOWN:
            yield "    …"


def _plan_summary(plan: WritePlan) -> PlanSummary:
    return PlanSummary(
        links=plan.links,
        pairs=plan.pairs,
        invalid=len(plan.failures),
        definition_requests=plan.definitions,
        read_requests=plan.reads,
        write_requests=plan.writes,
        requests=plan.requests,
        seconds=plan.seconds,
        daily_share=plan.daily_share,
        unchecked=plan.unchecked,
    )

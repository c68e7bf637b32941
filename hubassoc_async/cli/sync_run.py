"""Runs the two halves of a sync as a command does: making a plan, and applying it.

Knows: what each is told and says. Does not know: how arguments are spelt, signals, displays.
"""

import time
from collections.abc import AsyncIterable, Iterable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from hubassoc_async.cli.display import counted
from hubassoc_async.cli.job_run import JobOptions, JobRun, done_line, requests_line
from hubassoc_async.cli.journaled_run import JournaledRun
from hubassoc_async.cli.planned import plan_lines
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.edge_source import EdgeSource
from hubassoc_async.jobs.plan_file import Plan
from hubassoc_async.jobs.sinks import FailureSink
from hubassoc_async.jobs.sources import Source
from hubassoc_async.jobs.sync_apply import ApplyProgress
from hubassoc_async.jobs.sync_plan import PlanProgress, plan_sync
from hubassoc_async.jobs.sync_task import SyncTask
from hubassoc_async.protocol.versions import VERSIONS


class PlanOptions(JobOptions, kw_only=True):
    """Everything that the making of one plan is told."""

    from_object_type: str
    to_object_type: str
    desired: EdgeSource
    listed: Source | None = None
    every: bool = False
    path: Path | None = None
    kept: bool = False
    """Whether the plan stays at its path when it is applied."""
    failures: FailureSink

    @property
    def title(self) -> str:
        """What is done."""
        return f"plan {self.from_object_type} → {self.to_object_type}"


class PlanShown(msgspec.Struct, frozen=True, kw_only=True):
    """How far the making of a plan is."""

    total: int | None
    exact: bool = True
    done: int
    failed: int
    requests: int
    retries: int
    rate_limited: int
    quota_share: float
    seconds: float


class PlanSummary(msgspec.Struct):
    """What ``--summary`` writes of a plan."""

    records: int
    unread: int
    there: int
    unchanged: int
    create: int
    relabel: int
    archive: int
    requests: int
    seconds: float
    daily_share: float


class PlanJob:
    """The making of one plan, as a command sees it."""

    def __init__(self, client: AssociationsClient, options: PlanOptions) -> None:
        self._client = client
        self._options = options
        self._progress = PlanProgress()
        self._started = time.monotonic()
        self.complete = False
        self.plan: Plan | None = None
        self.failures: Path | None = None
        """Where records are that could not be read, if there are any."""

    async def run(self) -> None:
        """Make the plan."""
        options = self._options
        ids: Iterable[str] | AsyncIterable[str] | None = options.listed
        if options.every:
            ids = self._client.list_ids(options.from_object_type)
        self.plan = await plan_sync(
            self._client,
            options.from_object_type,
            options.to_object_type,
            options.desired,
            scope="from" if ids is None else "listed",
            ids=ids,
            path=options.path,
            described=options.desired.name,
            on_failures=options.failures.write,
            progress=self._progress,
        )
        self.failures = options.failures.commit()
        self.complete = True

    def progress(self) -> PlanShown:
        """How far it is now."""
        counters, progress = self._client.counters, self._progress
        return PlanShown(
            total=progress.records,
            done=progress.read + progress.failed,
            failed=progress.failed,
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            quota_share=self._client.quota_share,
            seconds=time.monotonic() - self._started,
        )


class PlanRun(JobRun[PlanShown]):
    """The making of one plan, to its end or to what stops it."""

    def __init__(self, options: PlanOptions, console: Console) -> None:
        super().__init__(options, console, unit="record")
        self._told = options
        self._job: PlanJob | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan, once it is made."""
        return None if self._job is None else self._job.plan

    def _open(self, client: AssociationsClient) -> PlanJob:
        self._job = PlanJob(client, self._told)
        return self._job

    def _close(self) -> None:
        self._told.failures.abort()
        self._told.desired.close()

    def _done(self) -> None:
        """Nothing is left over."""

    def _summary(self, progress: PlanShown) -> PlanSummary | None:
        if self.plan is None:
            return None
        info, counts = self.plan.info, self.plan.counts(VERSIONS[self._told.api_version])
        quota = self._told.quota
        return PlanSummary(
            records=info.records,
            unread=info.unread,
            there=info.there,
            unchanged=info.unchanged,
            create=counts.create,
            relabel=counts.relabel,
            archive=counts.archive,
            requests=counts.requests,
            seconds=counts.requests * quota.associations.seconds / quota.associations.limit,
            daily_share=counts.requests / quota.daily,
        )

    def _summary_lines(self, progress: PlanShown) -> Iterator[str]:
        yield done_line(self._told.title, progress, "record")
        yield requests_line(progress)
        summary = self._summary(progress)
        if summary is not None:
            yield (
                f"  to do: {summary.create:,} to create, {summary.relabel:,} to relabel,"
                f" {summary.archive:,} to archive; {summary.unchanged:,} as desired already"
            )
            if summary.unread:
                yield f"  {counted(summary.unread, 'record')} could not be read: left out"
            yield from plan_lines(
                summary.requests, summary.seconds, summary.daily_share, self._told.quota
            )

    def _files(self) -> Iterator[str]:
        options = self._told
        if self.plan is not None and options.kept:
            yield f"  plan: {options.path}"
        if self._job is not None and self._job.failures is not None:
            yield f"  failures: {self._job.failures}"
        if self.progress is not None and self.progress.failed:
            yield "  a later plan may have the records that could not be read"


class ApplySummary(msgspec.Struct):
    """What ``--summary`` writes of an applied plan."""

    changes: int
    created: int
    relabelled: int
    archived: int
    unchanged: int
    stale: int
    failed: int
    requests: int
    retries: int
    rate_limited: int
    seconds: float


class ApplyRun(JournaledRun[ApplyProgress]):
    """One run of the job that applies a plan."""

    unit = "change"
    _task: SyncTask

    def _summary(self, progress: ApplyProgress) -> ApplySummary:
        return ApplySummary(
            changes=progress.done,
            created=progress.created,
            relabelled=progress.relabelled,
            archived=progress.archived,
            unchanged=progress.unchanged,
            stale=progress.stale,
            failed=progress.failed,
            requests=progress.requests,
            retries=progress.retries,
            rate_limited=progress.rate_limited,
            seconds=round(progress.seconds, 3),
        )

    def _counts_line(self, progress: ApplyProgress) -> str:
        return (
            f"  {progress.created:,} created, {progress.relabelled:,} relabelled,"
            f" {progress.archived:,} archived, {progress.unchanged:,} were so already,"
            f" {progress.stale:,} stale, {progress.failed:,} failed"
        )

    def _files(self) -> Iterator[str]:
        task = self._task
        if task.undoable:
            spec = task.journal.spec
            how = f"hubassoc sync {spec.from_object_type} {spec.to_object_type}"
            yield f"  undo: {task.undo} (take it back with {how} --plan {task.undo} --apply)"
        job = self._job
        if job is not None and job.complete and job.progress().stale:
            yield f"  changed by others meanwhile, and left alone: {task.stale}"
        yield from super()._files()

"""Runs one export as a command does.

Knows: what an export is told and says. Does not know: how arguments are spelt, signals, displays.
"""

from collections.abc import Iterator

from rich.console import Console

from hubassoc_async.cli.display import counted
from hubassoc_async.cli.job_run import done_line, requests_line
from hubassoc_async.cli.journaled_run import JournaledOptions, JournaledRun
from hubassoc_async.cli.run import Summary, found_line, read_summary
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import DeadLetters, Origin
from hubassoc_async.jobs.export import ExportJob, ExportProgress
from hubassoc_async.jobs.job_sink import JobSink
from hubassoc_async.jobs.sources import Source


class ExportOptions(JournaledOptions, kw_only=True):
    """Everything that one export is told."""

    source: Source | None
    """None: every record, or all ids are in the journal already."""
    sink: JobSink


class ExportRun(JournaledRun[ExportProgress]):
    """One run of an export."""

    def __init__(self, options: ExportOptions, console: Console) -> None:
        super().__init__(options, console, unit="id")
        self._export = options

    def _make(self, client: AssociationsClient) -> ExportJob:
        options, spec = self._export, self._export.journal.spec
        origin = Origin(
            operation="read",
            from_object_type=spec.from_object_type,
            to_object_type=spec.to_object_type,
            api_version=spec.api_version,
        )
        letters = DeadLetters(options.failures, origin.letter)
        return ExportJob(client, options.journal, options.source, options.sink, letters=letters)

    def _close(self) -> None:
        if self._export.source is not None:
            self._export.source.close()
        super()._close()

    def _summary(self, progress: ExportProgress) -> Summary:
        return read_summary(progress)

    def _summary_lines(self, progress: ExportProgress) -> Iterator[str]:
        yield done_line(self._options.title, progress, "id")
        if progress.before:
            yield f"  {counted(progress.before, 'id')} of them before this run"
        yield found_line(progress)
        yield requests_line(progress)
        if self._export.source is not None and (skipped := self._export.source.skipped):
            yield f"  {counted(skipped, 'row')} without an id passed over"

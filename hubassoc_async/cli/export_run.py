"""Runs one export as a command does.

Knows: what an export says. Does not know: how arguments are spelt, signals, displays.
"""

from collections.abc import Iterator

from hubassoc_async.cli.display import counted
from hubassoc_async.cli.journaled_run import JournaledRun
from hubassoc_async.cli.run import Summary, found_line, read_summary
from hubassoc_async.jobs.export import ExportProgress
from hubassoc_async.jobs.export_task import ExportTask


class ExportRun(JournaledRun[ExportProgress]):
    """One run of an export."""

    unit = "id"
    _task: ExportTask

    def _summary(self, progress: ExportProgress) -> Summary:
        return read_summary(progress)

    def _counts_line(self, progress: ExportProgress) -> str:
        return found_line(progress)

    def _summary_lines(self, progress: ExportProgress) -> Iterator[str]:
        yield from super()._summary_lines(progress)
        if self._task.source is not None and (skipped := self._task.source.skipped):
            yield f"  {counted(skipped, 'row')} without an id passed over"

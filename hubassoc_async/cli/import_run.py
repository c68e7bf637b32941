"""Runs one import as a command does.

Knows: what an import is told and says. Does not know: how arguments are spelt, signals, displays.
"""

from collections.abc import Iterator

from rich.console import Console

from hubassoc_async.cli.display import counted
from hubassoc_async.cli.job_run import done_line, requests_line
from hubassoc_async.cli.journaled_run import JournaledOptions, JournaledRun
from hubassoc_async.cli.write_run import WriteSummary, write_summary, written_line
from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import DeadLetters
from hubassoc_async.jobs.importing import ImportJob, ImportProgress
from hubassoc_async.jobs.pairs import PairSource
from hubassoc_async.jobs.writing import WriteOrder


class ImportOptions(JournaledOptions, kw_only=True):
    """Everything that one import is told."""

    order: WriteOrder
    source: PairSource | None
    """None: all links are in the journal already."""


class ImportRun(JournaledRun[ImportProgress]):
    """One run of an import."""

    def __init__(self, options: ImportOptions, console: Console) -> None:
        super().__init__(options, console, unit="pair")
        self._import = options

    def _make(self, client: AssociationsClient) -> ImportJob:
        options = self._import
        letters = DeadLetters(options.failures, options.order.origin(options.api_version).letter)
        return ImportJob(client, options.journal, options.order, options.source, letters=letters)

    def _close(self) -> None:
        if self._import.source is not None:
            self._import.source.close()
        super()._close()

    def _summary(self, progress: ImportProgress) -> WriteSummary:
        return write_summary(progress)

    def _summary_lines(self, progress: ImportProgress) -> Iterator[str]:
        yield done_line(self._options.title, progress, "pair")
        if progress.before:
            yield f"  {counted(progress.before, 'pair')} of them before this run"
        yield written_line(progress)
        yield requests_line(progress)

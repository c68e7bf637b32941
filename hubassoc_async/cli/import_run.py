"""Runs one import as a command does.

Knows: what an import says. Does not know: how arguments are spelt, signals, displays.
"""

from hubassoc_async.cli.journaled_run import JournaledRun
from hubassoc_async.cli.write_run import WriteSummary, write_summary, written_line
from hubassoc_async.jobs.importing import ImportProgress


class ImportRun(JournaledRun[ImportProgress]):
    """One run of an import."""

    unit = "pair"

    def _summary(self, progress: ImportProgress) -> WriteSummary:
        return write_summary(progress)

    def _counts_line(self, progress: ImportProgress) -> str:
        return written_line(progress)

"""Bulk work on files: where ids come from, where outcomes go, and a read between the two.

Knows: files and their formats. Does not know: HTTP, cursors, API versions, terminals.
"""

from hubassoc_async.jobs.diff import Diff, diff
from hubassoc_async.jobs.plan_file import Plan, open_plan
from hubassoc_async.jobs.reading import Progress, ReadJob
from hubassoc_async.jobs.sinks import FORMATS, FailureSink, Sink, open_sink
from hubassoc_async.jobs.sources import IdFile, Source, SourceError
from hubassoc_async.jobs.sync_apply import apply_plan
from hubassoc_async.jobs.sync_plan import plan_sync

__all__ = [
    "FORMATS",
    "Diff",
    "FailureSink",
    "IdFile",
    "Plan",
    "Progress",
    "ReadJob",
    "Sink",
    "Source",
    "SourceError",
    "apply_plan",
    "diff",
    "open_plan",
    "open_sink",
    "plan_sync",
]

"""Bulk work on files: where ids come from, where outcomes go, and a read between the two.

Knows: files and their formats. Does not know: HTTP, cursors, API versions, terminals.
"""

from hubassoc_async.jobs.dead_letters import DeadLetters, Origin
from hubassoc_async.jobs.diff import Diff, diff
from hubassoc_async.jobs.export import ExportJob, ExportProgress
from hubassoc_async.jobs.importing import ImportJob
from hubassoc_async.jobs.job import Job, apply_plan
from hubassoc_async.jobs.job_kinds import forget
from hubassoc_async.jobs.job_sink import JobSink as Sink
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import (
    JobInfo,
    JobSpec,
    Journal,
    JournalError,
    Mark,
    find_job,
    jobs,
)
from hubassoc_async.jobs.parking import Parked
from hubassoc_async.jobs.plan_file import Plan, open_plan
from hubassoc_async.jobs.reading import Progress, ReadJob
from hubassoc_async.jobs.sinks import FORMATS, FailureSink, open_sink
from hubassoc_async.jobs.sources import IdFile, Source, SourceError, open_ids
from hubassoc_async.jobs.sync_plan import plan_sync

__all__ = [
    "FORMATS",
    "DeadLetters",
    "Diff",
    "ExportJob",
    "ExportProgress",
    "FailureSink",
    "IdFile",
    "ImportJob",
    "Job",
    "JobInfo",
    "JobSpec",
    "Journal",
    "JournalError",
    "Mark",
    "Origin",
    "Parked",
    "Plan",
    "Progress",
    "ReadJob",
    "Sink",
    "Source",
    "SourceError",
    "apply_plan",
    "diff",
    "find_job",
    "forget",
    "jobs",
    "open_ids",
    "open_job_sink",
    "open_plan",
    "open_sink",
    "plan_sync",
]

"""Bulk work on files: where ids come from, where outcomes go, and a read between the two.

Knows: files and their formats. Does not know: HTTP, cursors, API versions, terminals.
"""

from hubassoc_async.jobs.reading import Progress, ReadJob
from hubassoc_async.jobs.sinks import FORMATS, FailureSink, Sink, open_sink
from hubassoc_async.jobs.sources import IdFile, Source, SourceError

__all__ = [
    "FORMATS",
    "FailureSink",
    "IdFile",
    "Progress",
    "ReadJob",
    "Sink",
    "Source",
    "SourceError",
    "open_sink",
]

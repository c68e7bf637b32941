"""What a job's outcomes go to: chunk by chunk, each durable before the journal says it is done.

A sink keeps what it has somewhere hidden and can go back to any mark of its job, so that what is
written after the last mark was written for nothing and does no harm. At the end all of it appears
under its name in one step. A new sink is one small class with the methods of ``JobSink`` and one
row of ``SINKS`` in ``job_sinks``.

Knows: targets. Does not know: files, databases, reads.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.journal import Mark
from hubassoc_async.model import ObjectAssociations

SINK: Final = "sink"
"""Where in ``Mark.positions`` a sink keeps its place."""


class JobSink(Protocol):
    """Takes outcomes in chunks and can go back. A thread calls its methods, but for ``write``.

    One that makes columns says so, by ``packed = True``: most that it is given are
    ``PackedAssociations`` then, and others come as ever, in one call at times.
    """

    chunk_ids: int
    """A chunk ends after so many ids, ..."""
    chunk_rows: int
    """... or after the id that makes it so many associations."""

    def resume(self, mark: Mark) -> Mark:
        """Begin, or go back to where it was at a mark; ``Mark()`` is the beginning.

        What was written and not committed is forgotten.

        Returns the mark that holds. A sink that commits marks itself, as a database does, returns
        its own, which may be one chunk further than the journal's.

        Raises ``JournalError`` when what had been written is not there any more.
        """

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Take some of a chunk: found and none, in the order of the source.

        The event loop calls it, with a thousand at most: it must not wait for anything.
        """

    def commit(self, mark: Mark) -> None:
        """End the chunk, with what was written since the last one. Durable on return.

        Notes in ``mark.positions[SINK]`` what ``resume`` needs to come back to after this chunk.
        """

    def finish(self) -> str:
        """Make it all appear under its name, and return what to call it. Twice does no harm."""

    def abandon(self) -> None:
        """Let go, and keep what is needed to go on."""

    def discard(self) -> None:
        """Remove everything that is not finished: the job is given up."""


class Target(Struct, frozen=True):
    """Where a job writes, and what."""

    name: str
    """As it was given: a path or a URL, perhaps with a password."""
    from_object_type: str
    to_object_type: str
    job: str
    """The key of the job, which no other job has: what is hidden is called after it."""

    @property
    def path(self) -> Path:
        """The target as a path, absolute and through links."""
        return Path(os.path.realpath(self.name))


def check_directory(path: Path) -> None:
    """Raise ``UsageError`` where no file can be made at a path."""
    if not path.parent.is_dir():
        raise UsageError(f"there is no directory {path.parent} for {path.name}")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"no files can be made in {path.parent}: it is not yours to write to")

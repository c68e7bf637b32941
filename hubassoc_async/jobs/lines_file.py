"""A job's file of lines: NDJSON or CSV, gzip or not.

Knows: files. Does not know: what a line says, reads.
"""

import gzip
import os
from collections.abc import Sequence
from typing import IO

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.files import sync_directory
from hubassoc_async.jobs.job_sink import SINK, Target, check_directory
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.lines import Lines
from hubassoc_async.model import ObjectAssociations


class LinesFile:
    """A file of lines, gzip or not, hidden beside its place until it is whole.

    Compressed, each chunk is a member of its own: what is written ends where a chunk ends, and
    members one after the other are one gzip file.
    """

    chunk_ids = 5_000
    chunk_rows = 25_000

    def __init__(self, target: Target, lines: Lines) -> None:
        """Raises ``UsageError`` for what is no file and so cannot be gone back in."""
        path = target.path
        if path.exists() and not path.is_file():
            raise UsageError(f"{target.name} is no regular file: a job cannot go back in it")
        check_directory(path)
        self._name = target.name
        self._path = path
        self._part = path.with_name(f".{path.name}.{target.job}.part")
        self._lines = lines
        self._packed = path.name.lower().endswith(".gz")
        self._held: list[bytes] = []
        self._file: IO[bytes] | None = None

    def resume(self, mark: Mark) -> Mark:
        """Cut off what was written after the mark."""
        self._held.clear()
        at = mark.positions.get(SINK)
        if at is None:
            self._file = self._part.open("wb")
            self._write(self._lines.header)
            sync_directory(self._part.parent)
        elif self._part.exists():
            self._file = self._part.open("r+b")
            if os.fstat(self._file.fileno()).st_size < at["bytes"]:
                raise JournalError(f"{self._part} is shorter than the job left it")
            self._file.truncate(at["bytes"])
            self._file.seek(at["bytes"])
        elif not self._named(at):
            raise JournalError(f"{self._part} is gone, and with it what the job had written")
        return mark

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Make lines, and hold them."""
        self._held.append(self._lines.encode(outcomes))

    def commit(self, mark: Mark) -> None:
        """Write the lines of one chunk."""
        self._write(b"".join(self._held))
        self._held.clear()
        mark.positions[SINK] = self._position()

    def finish(self) -> str:
        """Give the file its name."""
        self.abandon()
        if self._part.exists():
            self._part.replace(self._path)
            sync_directory(self._path.parent)
        return self._name

    def abandon(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Remove the hidden file."""
        self.abandon()
        self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        assert self._file is not None, "resume comes first"
        self._file.write(gzip.compress(data, 6, mtime=0) if self._packed else data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _position(self) -> dict[str, int]:
        assert self._file is not None
        return {"bytes": self._file.tell(), "inode": os.fstat(self._file.fileno()).st_ino}

    def _named(self, at: dict[str, int]) -> bool:
        """Whether the file has its name already: the job died just before it could say so."""
        if not self._path.is_file():
            return False
        status = self._path.stat()
        return (status.st_ino, status.st_size) == (at["inode"], at["bytes"])

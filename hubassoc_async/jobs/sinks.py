"""Where outcomes go: NDJSON and CSV files, gzip or not, and the file of failures.

A sink takes found and none as they come and makes them appear when it commits; a new one is one
class with the three methods of ``Sink``. Failures have a file of their own, in one format.

Knows: formats and files. Does not know: reads, HubSpot, why an id failed.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from gzip import GzipFile
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from hubassoc_async.errors import HubAssocError, UsageError
from hubassoc_async.jobs.dead_letters import DeadLetter, check_failures
from hubassoc_async.jobs.files import NewFile, Target, forget_list, naming, open_target
from hubassoc_async.jobs.lines import CsvLines, Lines, NdjsonLines
from hubassoc_async.model import Failure, ObjectAssociations

FORMATS: Final = ("ndjson", "csv", "parquet")
_ENDINGS: Final = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".parquet": "parquet"}


class SinkError(HubAssocError, ValueError):
    """An outcome that the format cannot hold. ``str()`` says which and what to do."""


class Sink(Protocol):
    """Takes the outcomes that are not failures."""

    @property
    def blocks(self) -> bool:
        """Whether a write can take long, as into a pipe; then it is made in a thread."""

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Take outcomes in. Each id comes once."""

    def commit(self, *, complete: bool = True) -> Path | None:
        """Make all that was written appear, and return the file if it is one.

        Under its own name only when it is complete; what a read that stopped had is a partial one.
        """

    def abort(self) -> None:
        """Leave nothing behind. After a commit, do nothing."""


class LinesSink:
    """Outcomes as lines, each batch written as it comes."""

    def __init__(self, target: Target, lines: Lines, *, packed: bool = False) -> None:
        self._target = target
        self._lines = lines
        self._file = _packed(target.file) if packed else target.file
        self._file.write(lines.header)
        self.blocks = target.blocks

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Write the lines of each."""
        self._file.write(self._lines.encode(outcomes))
        if self.blocks:  # somebody waits for it at the other end
            self._file.flush()

    def commit(self, *, complete: bool = True) -> Path | None:
        """Make the file appear."""
        if self._file is not self._target.file:
            self._file.close()
        return self._target.commit(complete=complete)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._target.abort()


class FailureSink:
    """NDJSON, one line an id that failed. There is no file when none did.

    Where a read before this one left a file of failures, a complete read without any removes it:
    it would tell of failures that are not there.
    """

    def __init__(
        self,
        path: Path | None,
        line: Callable[[Failure], DeadLetter],
        *,
        stream: Target | None = None,
    ) -> None:
        """A path, or a stream that is written to as failures come; with neither, count only.

        ``line``: makes a line, as ``Origin.letter`` does.
        """
        self._line = line
        self._path = path
        self._stream = stream
        self._target = stream
        self._size = 0
        self._encode = msgspec.json.Encoder().encode_lines
        self.lost = b""
        """Lines that could not be written: they are in no file."""

    def write(self, failures: Iterable[Failure]) -> None:
        """Write a line for each. Raises ``OSError``: then they are ``lost``."""
        lines = self._encode([self._line(failure) for failure in failures])
        try:
            with naming(self._path):
                self._put(lines)
        except OSError:
            self.lost += lines
            raise

    def commit(self, *, complete: bool = True) -> Path | None:
        """Make the file appear, if there is anything in it. Raises ``OSError``, as ``write``."""
        if self._target is not None:
            try:
                return self._target.commit(complete=complete)
            except OSError:
                if isinstance(self._target, NewFile):
                    with suppress(OSError):
                        self.lost = self._target.part.read_bytes() + self.lost
                raise
        if complete and self._path is not None:
            forget_list(self._path, check_failures)
        return None

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._target is not None:
            self._target.abort()

    def _put(self, lines: bytes) -> None:
        """Write at once: what is held back is lost with what comes after it, on a full disk."""
        if self._target is None and self._path is not None:
            self._target = open_target(self._path, buffering=0)
        if self._target is None:
            return
        file = self._target.file
        try:
            view = memoryview(lines)
            while view:
                view = view[file.write(view) :]
            file.flush()
        except OSError:
            if not self._target.blocks:
                file.truncate(self._size)  # no line is torn
            raise
        self._size += len(lines)


def open_sink(
    target: Target, from_object_type: str, to_object_type: str, name: str, *, packed: bool = False
) -> Sink:
    """The sink for a format, of ``FORMATS``, compressed or not.

    Raises ``UsageError`` for a format that is not known, not installed or not to be compressed.
    """
    if name == "ndjson":
        return LinesSink(target, NdjsonLines(), packed=packed)
    if name == "csv":
        return LinesSink(target, CsvLines(from_object_type, to_object_type), packed=packed)
    if name == "parquet":
        if packed:
            raise UsageError("Parquet compresses its columns itself: leave .gz away")
        from hubassoc_async.jobs.parquet import ParquetSink  # it imports this module

        return ParquetSink(target, from_object_type, to_object_type)
    raise UsageError(f"unknown format {name!r}: use one of {', '.join(FORMATS)}")


def format_of(path: Path) -> tuple[str | None, bool]:
    """What a path's ending says: the format, None when it says none, and whether compressed."""
    name = path.name.lower()
    packed = name.endswith(".gz")
    return _ENDINGS.get(Path(name.removesuffix(".gz")).suffix), packed


def _packed(file: IO[bytes]) -> GzipFile:
    return GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0)

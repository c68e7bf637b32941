"""Where outcomes go: NDJSON and CSV files, gzip or not, and the file of failures.

A sink takes found and none as they come and makes them appear when it commits; a new one is one
class with the three methods of ``Sink``. Failures have a file of their own, in one format.

Knows: formats and files. Does not know: reads, HubSpot, why an id failed.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from gzip import GzipFile
from pathlib import Path
from typing import IO, Final, Protocol, TypeAlias

import msgspec

from hubassoc_async.errors import HubAssocError, UsageError
from hubassoc_async.jobs.dead_letters import DeadLetter
from hubassoc_async.jobs.files import Target, open_target
from hubassoc_async.model import AssociationType, Failure, ObjectAssociations

Types: TypeAlias = tuple[AssociationType, ...]

COLUMNS: Final = (
    "from_object_type",
    "from_object_id",
    "to_object_type",
    "to_object_id",
    "category",
    "type_id",
    "label",
)
"""Of the formats that have one row a (from, to, type)."""

_KNOWN: Final = 10_000  # tuples of types remembered

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


class NdjsonSink:
    """One line an id, those with no associations too.

    The model's fields are the format's keys, so each batch is one call of the encoder.
    """

    def __init__(self, target: Target, *, packed: bool = False) -> None:
        self._target = target
        self._file = _packed(target.file) if packed else target.file
        self._encode = msgspec.json.Encoder().encode_lines
        self.blocks = target.blocks

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Write a line for each."""
        self._file.write(self._encode(outcomes))
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


class CsvSink:
    """One row a (from, to, type), under a header. An id with no associations has no row.

    What csv makes of a type is kept with the tuple of types, of which a portal has a handful: the
    writer itself on every row takes five times as long.
    """

    def __init__(
        self, target: Target, from_object_type: str, to_object_type: str, *, packed: bool = False
    ) -> None:
        self._target = target
        self._types = _row(from_object_type), _row(to_object_type)
        self._file = _packed(target.file) if packed else target.file
        self._file.write(f"{_row(*COLUMNS)}\n".encode())
        self._ends: dict[Types, tuple[str, ...]] = {}
        self.blocks = target.blocks

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Write a row for each type of each association."""
        self._file.write("".join(self._rows(outcomes)).encode())
        if self.blocks:
            self._file.flush()

    def commit(self, *, complete: bool = True) -> Path | None:
        """Make the file appear."""
        if self._file is not self._target.file:
            self._file.close()
        return self._target.commit(complete=complete)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._target.abort()

    def _rows(self, outcomes: Sequence[ObjectAssociations]) -> Iterator[str]:
        from_type, to_type = self._types
        ends: tuple[str, ...] = ()
        last: Types | None = None
        for outcome in outcomes:
            start = f"{from_type},{_cell(outcome.from_object_id)},{to_type},"
            for one in outcome.to:
                if one.association_types is not last:  # shared: often that of the one before
                    last = one.association_types
                    ends = self._ends.get(last) or self._new_ends(last)
                row = start + _cell(one.to_object_id)
                for end in ends:
                    yield row + end

    def _new_ends(self, types: Types) -> tuple[str, ...]:
        ends = tuple(f",{_row(one.category, one.type_id, one.label)}\n" for one in types)
        if len(self._ends) < _KNOWN:
            self._ends[types] = ends
        return ends


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
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, failures: Iterable[Failure]) -> None:
        """Write a line for each."""
        if self._target is None and self._path is not None:
            self._target = open_target(self._path)
        if self._target is not None:
            self._target.file.write(self._encode([self._line(failure) for failure in failures]))
        if self._stream is not None:
            self._stream.file.flush()

    def commit(self, *, complete: bool = True) -> Path | None:
        """Make the file appear, if there is anything in it."""
        if self._target is not None:
            return self._target.commit(complete=complete)
        if complete and self._path is not None and self._path.is_file():
            self._path.unlink()
        return None

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._target is not None:
            self._target.abort()


def open_sink(
    target: Target, from_object_type: str, to_object_type: str, name: str, *, packed: bool = False
) -> Sink:
    """The sink for a format, of ``FORMATS``, compressed or not.

    Raises ``UsageError`` for a format that is not known, not installed or not to be compressed.
    """
    if name == "ndjson":
        return NdjsonSink(target, packed=packed)
    if name == "csv":
        return CsvSink(target, from_object_type, to_object_type, packed=packed)
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


def _cell(text: str) -> str:
    return text if text.isalnum() else _row(text)


def _row(*cells: object) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)  # its own line end: that is what it quotes in a cell
    return text.getvalue().removesuffix("\r\n")


def _packed(file: IO[bytes]) -> GzipFile:
    return GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0)

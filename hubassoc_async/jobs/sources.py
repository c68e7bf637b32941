"""Where ids come from: text, CSV and NDJSON files of any length, gzip or not.

What a file is, its content says and not its name: whether it is compressed, how it is encoded,
which of the three formats it has and where its ids are. All of that is found out when the file is
opened, so that a file that cannot be right is refused before anything is asked of HubSpot; the ids
themselves are read one by one, as they are wanted.

Knows: files. Does not know: HubSpot, what a valid id is, outcomes.
"""

import csv
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile, GzipFile
from itertools import chain
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from hubassoc_async.errors import HubAssocError

COLUMNS: Final = ("Record ID", "hs_object_id", "id", "from_object_id")
"""Names of an id column, best first: of a HubSpot export, of its API, and of this package's own
output, so that a failures file can be read again."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_LONGEST: Final = 1 << 20  # a lost line end or quote ends here rather than at the end of memory
_BLOCK: Final = 1 << 16
_BINARIES: Final = {
    b"PK\x03\x04": "an Excel workbook or zip archive: save it as CSV",
    b"PAR1": "a Parquet file: write its id column as CSV",
}


class SourceError(HubAssocError, ValueError):
    """The ids cannot be read. ``str()`` says where and what to do."""


class Source(Protocol):
    """Where ids come from. A new source is one class with an iterator."""

    def __iter__(self) -> Iterator[str]:
        """The ids, once and lazily. Raises ``SourceError`` where they break off."""

    @property
    def fraction(self) -> float | None:
        """How much of the source has been given out, 0 to 1. None when that is not known."""

    @property
    def blocks(self) -> bool:
        """Whether the next id can be long in coming, as from a pipe."""

    @property
    def skipped(self) -> int:
        """Rows that had no id."""


class IdFile:
    """The ids of one text, CSV or NDJSON file, gzip or not, in the order of the file.

    * text: one id a line
    * CSV: the column named, or one of ``COLUMNS`` in any case; comma, semicolon, tab or bar
    * NDJSON: an object with such a key, or a bare id, on each line

    Blank lines are passed over; rows without an id are passed over and counted. Ids are given as
    they stand: whether they are ids, the client judges.
    """

    def __init__(self, file: Path | IO[bytes], *, column: str | None = None) -> None:
        """Open the file and find out what it is.

        Raises ``SourceError`` when it is none of the formats or has no id column, and ``OSError``
        when it cannot be opened. A file object that is given is not closed.
        """
        self.path = file if isinstance(file, Path) else None
        stream = file.open("rb") if isinstance(file, Path) else file
        self.name = "standard input" if self.path is None else str(self.path)
        self.skipped = 0
        self._stream = stream
        self._size = _regular_size(stream)
        self._waits = self._size is None
        try:
            self._text = _Counted(stream)
            self._ids = self._open(column)
        except BaseException as error:
            self.close()
            broken = self._broken(error)
            if broken is None:
                raise
            raise broken from error

    @property
    def blocks(self) -> bool:
        """Whether the next id can be long in coming, as from a pipe or a terminal."""
        return self._waits

    @property
    def fraction(self) -> float | None:
        """How much of the file has been given out, by bytes: no second pass counts its lines.

        None for a pipe, and for a compressed file of several parts.
        """
        if not self._size or not self._text.given or self._text.given > self._size:
            return None
        return self._text.given / self._size

    def __iter__(self) -> Iterator[str]:
        try:
            yield from self._ids
        except BaseException as error:
            broken = self._broken(error)
            if broken is None:
                raise
            raise broken from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the file. The iterator does so at its end."""
        if self.path is not None:
            self._stream.close()

    def _broken(self, error: BaseException) -> SourceError | None:
        if isinstance(error, EOFError | BadGzipFile | zlib.error):
            return SourceError(f"{self.name}: the compressed data is cut off or damaged: {error}")
        return None

    def _open(self, column: str | None) -> Iterator[str]:
        if self._text.head.startswith(b"\x1f\x8b"):
            if self._size is not None:
                self._size = _unpacked_size(self._stream)
            packed = io.BufferedReader(self._text, _BLOCK)
            self._text = _Counted(GzipFile(fileobj=packed))
        for magic, what in _BINARIES.items():
            if self._text.head.startswith(magic):
                raise SourceError(f"{self.name} is {what}")
        text = io.TextIOWrapper(
            io.BufferedReader(self._text, _BLOCK >> 3),  # small, for ``fraction`` to be fine
            encoding=_encoding(self._text.head),
            errors="replace",  # ids are ASCII; a stray byte in another column is no obstacle
            newline="",
        )
        first = next(filter(str.strip, iter(lambda: text.readline(_LONGEST), "")), "")
        if len(first) == _LONGEST:
            raise SourceError(f"{self.name} is neither text, CSV nor NDJSON: it has no lines")
        csv.field_size_limit(max(_LONGEST, csv.field_size_limit()))
        return self._parse(first, text, column)

    def _parse(self, first: str, text: io.TextIOWrapper, column: str | None) -> Iterator[str]:
        start = first.strip()
        if not start:
            return iter(())
        lines = chain([first], text)
        if start.startswith("{"):
            return self._ndjson(lines, self._key(start, column))
        if start.startswith("["):
            raise SourceError(f"{self.name} is a JSON array: write one id a line (jq -c '.[]')")
        if column is None and _unquoted(start).isdecimal():
            return _plain(lines)
        wanted = (column,) if column is not None else COLUMNS
        rows = {d: next(csv.reader([first], delimiter=d), []) for d in _DELIMITERS}
        for delimiter, row in rows.items():
            index = _position(row, wanted)
            if index is not None:
                return self._csv(lines, delimiter, index)
        header = max(rows.values(), key=len)
        if column is None and len(header) < 2 and not _named_csv(self.name):
            return _plain(lines)
        raise SourceError(_no_column(self.name, header, wanted))

    def _key(self, line: str, column: str | None) -> str:
        wanted = (column,) if column is not None else COLUMNS
        try:
            keys = list(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
        except msgspec.DecodeError as error:
            raise SourceError(f"{self.name}: its first line is not JSON: {error}") from None
        index = _position(keys, wanted)
        if index is None:
            raise SourceError(_no_column(self.name, keys, wanted))
        return keys[index]

    def _ndjson(self, lines: Iterator[str], key: str) -> Iterator[str]:
        decode = msgspec.json.Decoder(dict[str, object] | str | int | float | None).decode
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                value: object = decode(line)
            except msgspec.DecodeError as error:
                raise SourceError(f"{self.name}, line {number}: {error}") from None
            if isinstance(value, dict):
                value = value.get(key)
            text = "" if value is None else str(value).strip()
            if text:
                yield text
            else:
                self.skipped += 1

    def _csv(self, lines: Iterator[str], delimiter: str, index: int) -> Iterator[str]:
        rows = csv.reader(lines, delimiter=delimiter, strict=True)  # else a lost quote hides rows
        try:
            next(rows)
            for row in rows:
                text = row[index].strip() if index < len(row) else ""
                if text:
                    yield text
                elif any(map(str.strip, row)):
                    self.skipped += 1
        except csv.Error as error:
            where = f"{self.name}, line {rows.line_num}"
            raise SourceError(f"{where}: {error}: is a quote left open?") from None


class _Counted(io.RawIOBase):
    """A binary stream whose first bytes can be looked at, and that counts what it gives."""

    def __init__(self, stream: IO[bytes] | GzipFile) -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self.head = stream.read(4) or b""
        self._pushed = self.head
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._pushed or self._read(len(buffer))
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self._pushed = data[count:]
        self.given += count
        return count


def _plain(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        text = _unquoted(line.strip())
        if text:
            yield text


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].strip()
    return text


def _position(names: list[str], wanted: tuple[str, ...]) -> int | None:
    """Where the best of the wanted names is, in any case and with spaces around it."""
    folded = [name.strip().casefold() for name in names]
    for name in wanted:
        if name.strip().casefold() in folded:
            return folded.index(name.strip().casefold())
    return None


def _named_csv(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def _no_column(name: str, columns: list[str], wanted: tuple[str, ...]) -> str:
    shown = ", ".join(repr(column) for column in columns[:20])
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    if len(wanted) == 1:
        return f"{name} has no column {wanted[0]!r}; it has {shown}{more}"
    known = ", ".join(wanted[:-1])
    return (
        f"{name} has no id column that is recognised ({known}); it has {shown}{more}: "
        "name one with --id-column"
    )


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-8-sig"


def _regular_size(stream: IO[bytes]) -> int | None:
    """Bytes still to come of a regular file; None for a pipe, a terminal or an object in memory."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _unpacked_size(stream: IO[bytes]) -> int | None:
    """What the last four bytes of a gzip file say of its size. None when they cannot be right."""
    at = stream.tell()
    packed = stream.seek(-4, os.SEEK_END)
    size = int.from_bytes(stream.read(4), "little")
    stream.seek(at)
    return size if size >= packed else None  # several parts, or beyond the 4 GiB it can say

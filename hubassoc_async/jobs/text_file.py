"""A file of lines of any length, gzip or not, that is read as it is wanted.

Knows: compression, encodings, how much has been given out. Does not know: what the lines are about.
"""

import csv
import io
import os
import stat
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import IO, ClassVar, Final, Generic, TypeVar

from hubassoc_async.errors import HubAssocError

T = TypeVar("T")

STDIN: Final = "-"
"""Standard input, where a file could be named."""
DELIMITERS: Final = (",", ";", "\t", "|")
_LONGEST: Final = 1 << 20  # a lost line end or quote ends here rather than at the end of memory
_BLOCK: Final = 1 << 16


class SourceError(HubAssocError, ValueError):
    """The file cannot be read. ``str()`` says where and what to do."""


class TextFile(ABC, Generic[T]):
    """The items of one file of lines, in its order: what it is, its content says."""

    other: ClassVar[str]
    """What to do with a Parquet file, which is no text."""

    def __init__(self, file: Path | IO[bytes]) -> None:
        """Open the file and find out what it is.

        Raises ``SourceError`` when it cannot be one, and ``OSError`` when it cannot be opened. A
        file object that is given is not closed.
        """
        self.path = file if isinstance(file, Path) else None
        stream = file.open("rb") if isinstance(file, Path) else file
        self.name = "standard input" if self.path is None else str(self.path)
        self._stream = stream
        self._size = _regular_size(stream)
        self._waits = self._size is None
        try:
            self._text = _Counted(stream)
            self._items = self._open()
        except BaseException as error:
            self.close()
            broken = self._broken(error)
            if broken is None:
                raise
            raise broken from error

    @property
    def blocks(self) -> bool:
        """Whether the next item can be long in coming, as from a pipe or a terminal."""
        return self._waits

    @property
    def fraction(self) -> float | None:
        """How much of the file has been given out, by bytes: no second pass counts its lines.

        None for a pipe, and for a compressed file of several parts.
        """
        if not self._size or not self._text.given or self._text.given > self._size:
            return None
        return self._text.given / self._size

    def __iter__(self) -> Iterator[T]:
        try:
            yield from self._items
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
        if isinstance(error, OSError):
            return SourceError(f"{self.name} cannot be read on: {error.strerror or error}")
        return None

    def _open(self) -> Iterator[T]:
        if self._text.head.startswith(b"\x1f\x8b"):
            if self._size is not None:
                self._size = _unpacked_size(self._stream)
            packed = io.BufferedReader(self._text, _BLOCK)
            self._text = _Counted(GzipFile(fileobj=packed))
        if self._text.head.startswith(b"PK\x03\x04"):
            raise SourceError(f"{self.name} is an Excel workbook or zip archive: save it as CSV")
        if self._text.head.startswith(b"PAR1"):
            raise SourceError(f"{self.name} is a Parquet file: {self.other}")
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
        return self._parse(first, text)

    @abstractmethod
    def _parse(self, first: str, text: io.TextIOWrapper) -> Iterator[T]:
        """Say by its first line that is not blank what the file is, and read it."""


_HEAD = 4  # bytes that tell formats and encodings apart


class _Counted(io.RawIOBase):
    """A binary stream whose first bytes can be looked at, and that counts what it gives."""

    def __init__(self, stream: IO[bytes] | GzipFile) -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self.head = b""
        while len(self.head) < _HEAD and (more := stream.read(_HEAD - len(self.head))):
            self.head += more  # a pipe gives what it has
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


def position(names: list[str], wanted: tuple[str, ...]) -> int | None:
    """Where the best of the wanted names is, in any case and with spaces around it."""
    folded = [name.strip().casefold() for name in names]
    for name in wanted:
        if name.strip().casefold() in folded:
            return folded.index(name.strip().casefold())
    return None


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

"""Where ids come from: files of any length, typed or not, and queries.

What a file is, its content says and not its name: whether it is compressed, how it is encoded,
which of the formats it has and where its ids are. All of that is found out when the file is
opened, so that a file that cannot be right is refused before anything is asked of HubSpot; the ids
themselves are read one by one, as they are wanted.

Knows: text, CSV, NDJSON; columns. Does not know: HubSpot, what a valid id is, outcomes.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Final, Protocol, runtime_checkable

import msgspec

from hubassoc_async.jobs.columns import Columns, id_text, open_columns
from hubassoc_async.jobs.text_file import DELIMITERS, STDIN, TextFile, position
from hubassoc_async.jobs.text_file import SourceError as SourceError

COLUMNS: Final = ("Record ID", "hs_object_id", "id", "from_object_id")
"""Names of an id column, best first: of a HubSpot export, of its API, and of this package's own
output, so that a failures file can be read again."""


@runtime_checkable
class Source(Protocol):
    """Where ids come from. A new source is one class with an iterator."""

    name: str
    """What to call it, without secrets."""
    path: Path | None
    """The file that can be read again, if it is one."""

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

    def close(self) -> None:
        """Let go of it."""


def open_ids(place: str | Path | IO[bytes], *, column: str | None = None) -> Source:
    """Open a file of ids (``-`` is stdin), a folder of Parquet files, or a database's URL.

    Raises ``SourceError`` when there is no id column, ``OSError`` when it cannot be opened.
    """
    if place == STDIN:
        place = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
    columns = open_columns(place)
    if columns is not None:
        return ColumnIds(columns, column=column)
    return IdFile(Path(place) if isinstance(place, str) else place, column=column)


class IdFile(TextFile[str]):
    """The ids of one text, CSV or NDJSON file, gzip or not, in the order of the file.

    * text: one id a line
    * CSV: the column named, or one of ``COLUMNS`` in any case; comma, semicolon, tab or bar
    * NDJSON: an object with such a key, or a bare id, on each line

    Blank lines are passed over; rows without an id are passed over and counted. Ids are given as
    they stand: whether they are ids, the client judges.
    """

    other = "give it as a file, it cannot be read from a pipe or compressed"

    def __init__(self, file: Path | IO[bytes], *, column: str | None = None) -> None:
        """Open the file and find out what it is.

        Raises ``SourceError`` when it is none of the formats or has no id column, and ``OSError``
        when it cannot be opened. A file object that is given is not closed.
        """
        self._column = column
        self.skipped = 0
        super().__init__(file)

    def _parse(self, first: str, text: io.TextIOWrapper) -> Iterator[str]:
        start, column = first.strip(), self._column
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
        rows = {d: next(csv.reader([first], delimiter=d), []) for d in DELIMITERS}
        for delimiter, row in rows.items():
            index = position(row, wanted)
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
        index = position(keys, wanted)
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


class ColumnIds:
    """The ids in one column of typed rows, in their order."""

    def __init__(self, columns: Columns, *, column: str | None = None) -> None:
        """Raises ``SourceError`` when there is no such column."""
        self.name, self.path, self.blocks = columns.name, columns.path, columns.blocks
        self.skipped = 0
        self._columns = columns
        wanted = (column,) if column is not None else COLUMNS
        at = position(columns.names, wanted)
        if at is None and column is None and len(columns.names) == 1:
            at = 0
        if at is None:
            columns.close()
            raise SourceError(_no_column(self.name, columns.names, wanted))
        self._at = at

    @property
    def fraction(self) -> float | None:
        """How much has been given out."""
        return self._columns.fraction

    def close(self) -> None:
        """Close the file or the connection."""
        self._columns.close()

    def __iter__(self) -> Iterator[str]:
        for (values,) in self._columns.lists([self._at]):
            for text in map(id_text, values):
                if text:
                    yield text
                else:
                    self.skipped += 1


class GivenIds:
    """Ids that a program gives: any iterable, that is gone through in a thread."""

    path: Path | None = None
    blocks = True
    fraction: float | None = None
    skipped = 0

    def __init__(self, ids: Iterable[str | int]) -> None:
        """``ids``: may have a ``name``, to be told from others in the journal."""
        self.name = str(getattr(ids, "name", "ids of a program"))
        self._ids = ids

    def __iter__(self) -> Iterator[str]:
        return map(str, self._ids)

    def close(self) -> None:
        """They are the program's."""


def _plain(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        if text.startswith('"'):
            text = _unquoted(text)
        if text:
            yield text


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].strip()
    return text


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

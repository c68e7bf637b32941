"""Where lists of edges come from: exports in every format, and files of links.

One line a record, as this package writes NDJSON, also tells which records were read and have no
associations; rows do not.

Knows: files and tables of links. Does not know: what the edges are for.
"""

import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from hubassoc_async.jobs.columns import open_columns
from hubassoc_async.jobs.edges import EdgeGiven
from hubassoc_async.jobs.pairs import ColumnPairs, PairFile
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.model import Link, ObjectAssociations


class EdgeSource:
    """The edges of one export or file of links, in its order, with the records it tells of."""

    def __init__(self, place: str | Path | IO[bytes]) -> None:
        """Open it: a file, a folder of Parquet files, or a database's URL.

        Raises ``SourceError`` for what is none, and ``OSError``.
        """
        columns = open_columns(place)
        source: ColumnPairs | _Lines
        if columns is not None:
            source = ColumnPairs(columns, typed=None)
        else:
            source = _Lines(Path(place) if isinstance(place, str) else place, typed=None)
        self._source = source
        self._edges: Iterator[EdgeGiven] = iter(source)
        first = next(self._edges, None)
        if first is not None:
            self._edges = chain((first,), self._edges)
        self.name = source.name
        """What to call it, without secrets."""
        self.path = source.path
        """The file, if it is one."""
        self.object_types = source.object_types
        """Of both ends, where it says them."""
        self.tells_records = isinstance(source, _Lines) and source.tells_records
        """Whether a record that it does not mention was not read."""

    def __iter__(self) -> Iterator[EdgeGiven]:
        """Give the edges, once and lazily. Raises ``SourceError`` where they break off."""
        return self._edges

    def close(self) -> None:
        """Close it."""
        self._source.close()


class _Lines(PairFile):
    """A text file, which may be an NDJSON export: its lines are decoded as what they are."""

    tells_records = False

    def _parse(self, first: str, text: io.TextIOWrapper) -> Iterator[Link]:
        self.tells_records = not first.strip()  # of a file without a line: it tells of none
        return super()._parse(first, text)

    def _links(self, item: dict[str, Any], number: int) -> Iterator[Link]:
        if item.get("to") == []:
            raise SourceError(
                f"{self.name}, line {number}: a record without associations whose id is no text:"
                ' write it as exports do, {"from_object_id":"1001","to":[]}'
            )
        return super()._links(item, number)

    def _ndjson(self, lines: Iterator[str]) -> Iterator[Link]:
        decode = msgspec.json.Decoder(ObjectAssociations).decode
        first = next(lines)
        lines = chain((first,), lines)
        try:
            decode(first)
        except msgspec.DecodeError:
            yield from super()._ndjson(lines)
            return
        self.tells_records = True
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = decode(line)
            except msgspec.DecodeError as error:
                raise SourceError(f"{self.name}, line {number}: {error}") from None
            yield cast("Link", (record.from_object_id, None, ()))
            for one in record.to:
                yield Link(record.from_object_id, one.to_object_id, one.association_types, number)

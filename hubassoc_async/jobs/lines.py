"""Outcomes as lines of bytes: NDJSON and CSV.

Knows: formats. Does not know: files, compression, reads.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from hubassoc_async.model import AssociationType, ObjectAssociations

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


class Lines(Protocol):
    """Makes lines of outcomes. A new format is one class."""

    header: bytes
    """What comes before the first line."""

    def encode(self, outcomes: Sequence[ObjectAssociations]) -> bytes:
        """Give the lines of some outcomes, each with its line end."""


class NdjsonLines:
    """One line an id, those with no associations too.

    The model's fields are the format's keys, so each batch is one call of the encoder.
    """

    header = b""

    def __init__(self) -> None:
        self.encode = msgspec.json.Encoder().encode_lines


class CsvLines:
    """One row a (from, to, type), under a header. An id with no associations has no row.

    What csv makes of a type is kept with the tuple of types, of which a portal has a handful: the
    writer itself on every row takes five times as long.
    """

    header = f"{','.join(COLUMNS)}\n".encode()

    def __init__(self, from_object_type: str, to_object_type: str) -> None:
        self._object_types = _row(from_object_type), _row(to_object_type)
        self._ends: dict[Types, tuple[str, ...]] = {}

    def encode(self, outcomes: Sequence[ObjectAssociations]) -> bytes:
        """Give a row for each type of each association."""
        return "".join(self._rows(outcomes)).encode()

    def _rows(self, outcomes: Sequence[ObjectAssociations]) -> Iterator[str]:
        from_type, to_type = self._object_types
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


def _cell(text: str) -> str:
    return text if text.isalnum() else _row(text)


def _row(*cells: object) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)  # its own line end: that is what it quotes in a cell
    return text.getvalue().removesuffix("\r\n")

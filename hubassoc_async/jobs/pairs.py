"""Where pairs and links come from: CSV, NDJSON and Parquet files of any length, and queries.

The columns are ``from_object_id``, ``to_object_id``, and for links ``type_id`` with ``category``,
or ``label``: what this package writes can be read again, its failures and what it left included.

Knows: files. Does not know: HubSpot, what a valid id or label is, outcomes.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, Protocol, runtime_checkable

import msgspec

from hubassoc_async.jobs.columns import Columns, id_text, open_columns
from hubassoc_async.jobs.text_file import DELIMITERS, STDIN, SourceError, TextFile, position
from hubassoc_async.model import AssociationType, Link, LinkGiven, TypeGiven

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "from": ("from_object_id", "from_id", "from"),
    "to": ("to_object_id", "to_id"),
    "type": ("type_id", "association_type_id"),
    "category": ("category", "association_category"),
    "label": ("label",),
    "from_type": ("from_object_type",),
    "to_type": ("to_object_type",),
}
"""Names of the columns, best first, in any case."""
_TYPES: Final = {"from_type", "to_type"}


@runtime_checkable
class PairSource(Protocol):
    """Where links come from."""

    name: str
    path: Path | None

    def __iter__(self) -> Iterator[Link]:
        """The links, once and lazily. Raises ``SourceError`` where they break off."""

    def close(self) -> None:
        """Close the file."""

    @property
    def fraction(self) -> float | None:
        """How much of the source has been given out, 0 to 1. None when that is not known."""

    @property
    def blocks(self) -> bool:
        """Whether the next link can be long in coming, as from a pipe."""


def open_pairs(place: str | Path | IO[bytes], *, typed: bool | None) -> PairSource:
    """Open pairs, or with ``typed`` links: a file, whose content says what it is (``-`` is stdin),
    a folder of Parquet files, or a database's URL (``Database``). None: with types if it has any.

    Raises ``SourceError`` when it lacks a column or is none of the formats, and ``OSError``.
    """
    if place == STDIN:
        place = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
    columns = open_columns(place)
    if columns is not None:
        return ColumnPairs(columns, typed=typed)
    return PairFile(Path(place) if isinstance(place, str) else place, typed=typed)


class PairFile(TextFile[Link]):
    """The links of one CSV or NDJSON file, gzip or not, in its order.

    Blank lines are passed over. Values are given as they stand: whether they are ids and labels,
    the client judges. Each link knows the line that it stands on.
    """

    other = "give it as a file, it cannot be read from a pipe or compressed"

    def __init__(self, file: Path | IO[bytes], *, typed: bool | None) -> None:
        """``typed``: whether links have types, and a file without any cannot be right.

        Raises ``SourceError`` and ``OSError``.
        """
        self._needs_types = bool(typed)
        self._typed = typed is not False
        self.object_types: tuple[str, str] | None = None
        """Those of its first row, once that was read and where it says them."""
        super().__init__(file)

    def _parse(self, first: str, text: io.TextIOWrapper) -> Iterator[Link]:
        start = first.strip()
        if not start:
            return iter(())
        lines = chain([first], text)
        if start.startswith("{"):
            self._check_keys(start)
            return self._ndjson(lines)
        if start.startswith("["):
            raise SourceError(f"{self.name} is a JSON array: write one link a line (jq -c '.[]')")
        rows = {d: next(csv.reader([first], delimiter=d), []) for d in DELIMITERS}
        delimiter = max(rows, key=lambda one: len(rows[one]))
        columns = _columns(self.name, rows[delimiter], typed=self._needs_types)
        return self._csv(lines, delimiter, columns)

    def _csv(self, lines: Iterator[str], delimiter: str, columns: dict[str, int]) -> Iterator[Link]:
        rows = csv.reader(lines, delimiter=delimiter, strict=True)  # else a lost quote hides rows
        at_from, at_to = columns["from"], columns["to"]
        kinds = [columns.get(name, -1) for name in ("type", "category", "label")]
        known: dict[tuple[str, ...], tuple[TypeGiven, ...]] = {}
        try:
            next(rows)
            for row in rows:
                if not any(map(str.strip, row)):
                    continue
                row += [""] * (max(columns.values()) + 1 - len(row))
                if self.object_types is None and columns.keys() >= _TYPES:
                    self.object_types = row[columns["from_type"]], row[columns["to_type"]]
                types: tuple[TypeGiven, ...] = ()
                if self._typed:
                    cells = tuple(row[at] if at >= 0 else "" for at in kinds)
                    found = known.get(cells)
                    if found is None:
                        found = known[cells] = _types(*cells)
                    types = found
                yield Link(row[at_from].strip(), row[at_to].strip(), types, rows.line_num)
        except csv.Error as error:
            where = f"{self.name}, line {rows.line_num}"
            raise SourceError(f"{where}: {error}: is a quote left open?") from None

    def _ndjson(self, lines: Iterator[str]) -> Iterator[Link]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = decode(line)
            except msgspec.DecodeError as error:
                raise SourceError(f"{self.name}, line {number}: {error}") from None
            yield from self._links(item, number)

    def _check_keys(self, line: str) -> None:
        """Refuse a file whose first object cannot be a link."""
        try:
            item = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise SourceError(f"{self.name}: its first line is not JSON: {error}") from None
        if not isinstance(item.get("to"), list):
            typed = self._needs_types and "association_types" not in item
            _columns(self.name, list(item), typed=typed)

    def _links(self, item: dict[str, Any], number: int) -> Iterator[Link]:
        """Give the link of one object, or the links of a record as it was read."""
        from_id = _first(item, "from")
        to = item.get("to")
        if not isinstance(to, list):
            types = _types_of(item) if self._typed else ()
            yield Link(from_id, _first(item, "to"), types, number)
            return
        for one in to:
            one = one if isinstance(one, dict) else {}
            types = _types_of(one) if self._typed else ()
            yield Link(from_id, _first(one, "to"), types, number)


class ColumnPairs:
    """The links in typed rows, in their order; rows are counted from 1."""

    def __init__(self, columns: Columns, *, typed: bool | None) -> None:
        """Raises ``SourceError`` when a column is missing."""
        self.name, self.path, self.blocks = columns.name, columns.path, columns.blocks
        self._source = columns
        self._typed = typed is not False
        self.object_types: tuple[str, str] | None = None
        """Those of its first row, once that was read and where it says them."""
        try:
            found = _columns(self.name, columns.names, typed=bool(typed))
        except SourceError:
            columns.close()
            raise
        wanted = found.keys() if self._typed else {"from", "to"}
        self._places = {what: at for what, at in found.items() if what in wanted}

    @property
    def fraction(self) -> float | None:
        """How much has been given out."""
        return self._source.fraction

    def close(self) -> None:
        """Close the file or the connection."""
        self._source.close()

    def __iter__(self) -> Iterator[Link]:
        row = 0
        for lists in self._source.lists(list(self._places.values())):
            named = dict(zip(self._places, lists, strict=True))
            if lists[0] and named.keys() >= _TYPES:
                self.object_types = str(named["from_type"][0]), str(named["to_type"][0])
            blank = [None] * len(lists[0])
            kinds = (named.get(name, blank) for name in ("type", "category", "label"))
            for from_id, to_id, *cells in zip(named["from"], named["to"], *kinds, strict=True):
                row += 1
                types = _types(*map(_text, cells)) if self._typed else ()
                yield Link(id_text(from_id), id_text(to_id), types, row)


class GivenLinks:
    """Links that a program gives: any iterable, that is gone through in a thread."""

    path: Path | None = None
    blocks = True
    fraction: float | None = None

    def __init__(self, links: Iterable[LinkGiven]) -> None:
        """``links``: may have a ``name``, to be told from others in the journal."""
        self.name = str(getattr(links, "name", "links of a program"))
        self._links = links

    def __iter__(self) -> Iterator[Link]:
        return (Link(*one) for one in self._links)

    def close(self) -> None:
        """They are the program's."""


def _columns(name: str, header: list[str], *, typed: bool) -> dict[str, int]:
    """Find the columns by their names. Raises ``SourceError`` for one that is missing."""
    found = {}
    for what, names in COLUMNS.items():
        at = position(header, names)
        if at is not None:
            found[what] = at
    missing = [COLUMNS[end][0] for end in ("from", "to") if end not in found]
    if typed and not missing and not found.keys() & {"type", "label"}:
        missing = ["label or type_id"]
    if missing:
        shown = ", ".join(repr(column) for column in header[:20])
        raise SourceError(f"{name} has no column {' and no column '.join(missing)}; it has {shown}")
    return found


def _first(item: dict[str, Any], what: str) -> str | int:
    for name in COLUMNS[what]:
        if item.get(name) is not None:
            return _value(item[name])
    return ""


def _value(value: object) -> str | int:
    """An id as it stands; for what is none, its text."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    return "" if value is None else str(value)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _types(type_id: str, category: str, label: str) -> tuple[TypeGiven, ...]:
    """Types from cells: by id, with its category if that is there, or else by label."""
    type_id, category, label = type_id.strip(), category.strip(), label.strip()
    if type_id.isascii() and type_id.isdigit():
        number = int(type_id)
        return (AssociationType(category, number, label or None),) if category else (number,)
    given = type_id or label
    return (given,) if given else ()


def _types_of(item: dict[str, Any]) -> tuple[TypeGiven, ...]:
    """Types from an object: from the list that this package writes, or as from cells."""
    listed = item.get("association_types")
    if isinstance(listed, list):
        return tuple(one for kind in listed if isinstance(kind, dict) for one in _listed(kind))
    return _types(*(_text(_first(item, what)) for what in ("type", "category", "label")))


def _listed(kind: dict[str, Any]) -> tuple[TypeGiven, ...]:
    category = _text(kind.get("category"))
    known = "" if category == "UNKNOWN" else category
    return _types(_text(kind.get("type_id")), known, _text(kind.get("label")))

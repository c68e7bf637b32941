"""Two exports beside each other: which associations are new, gone, or of other types.

Associations change without touching any modified date, so that this is the way to see it.

Knows: exports, edges. Does not know: HubSpot, terminals.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final, Literal, Self

import msgspec

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database import DatabaseFile
from hubassoc_async.jobs.edge_compare import ChangeCounts, EdgeChange, Types
from hubassoc_async.jobs.edge_source import EdgeSource
from hubassoc_async.jobs.edges import EdgeStore
from hubassoc_async.model import AssociationType
from hubassoc_async.protocol.published import object_type_name

FEEDS: Final = ("ndjson", "csv")
_LINES: Final = 10_000  # written at a time


class Diff:
    """The changes from one export to another, sorted by their pairs. To be iterated once."""

    def __init__(self, old: EdgeSource, new: EdgeSource, *, absent_is_none: bool) -> None:
        """Load both, in temporary files. Raises ``UsageError``, ``SourceError``, ``OSError``."""
        _check_types(old, new)
        self._scratch = DatabaseFile(None)
        try:
            store = EdgeStore(self._scratch)
            store.load("old", old)
            store.load("new", new)
            self._comparison = store.compared(
                "old",
                "new",
                whole=[absent_is_none or not one.tells_records for one in (old, new)],
            )
        except BaseException:
            self._scratch.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[EdgeChange]:
        return iter(self._comparison)

    @property
    def counts(self) -> ChangeCounts:
        """How many there were of each, once all changes have been given."""
        return self._comparison.counts

    def close(self) -> None:
        """Remove the temporary files."""
        self._scratch.close()


def diff(
    old: str | Path | IO[bytes], new: str | Path | IO[bytes], *, absent_is_none: bool = False
) -> Diff:
    """Compare two exports of any size: files, folders of Parquet files, URLs of tables.

    ``with diff("monday.ndjson", "tuesday.ndjson") as changes: for change in changes: …``

    A record that only one export knows is not compared, but counted: it may not have been read, or
    have failed. ``absent_is_none``: take it for one without associations. So it is where an export
    cannot tell, as rows cannot: only NDJSON lists records without associations.

    Raises ``UsageError`` for exports of different object types, ``SourceError`` for what is no
    export, and ``OSError``.
    """
    first = EdgeSource(old)
    try:
        second = EdgeSource(new)
        try:
            return Diff(first, second, absent_is_none=absent_is_none)
        finally:
            second.close()
    finally:
        first.close()


def feed_writer(format_name: str) -> Callable[[IO[bytes], Iterable[EdgeChange]], None]:
    """Give what writes changes in a format of ``FEEDS``."""
    return _write_csv if format_name == "csv" else _write_ndjson


class _ChangeLine(msgspec.Struct):
    """One line of a change feed."""

    change: Literal["added", "removed", "relabelled"]
    from_object_id: str
    to_object_id: str
    before: list[AssociationType] | None
    after: list[AssociationType] | None


def _write_ndjson(file: IO[bytes], changes: Iterable[EdgeChange]) -> None:
    encode = msgspec.json.Encoder().encode_lines
    lines = (
        _ChangeLine(one.kind, *one[:2], _full(one.before), _full(one.after)) for one in changes
    )
    while some := list(islice(lines, _LINES)):
        file.write(encode(some))


def _write_csv(file: IO[bytes], changes: Iterable[EdgeChange]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_ChangeLine.__struct_fields__)
    rows.writerows((one.kind, *one[:2], _cell(one.before), _cell(one.after)) for one in changes)
    text.detach()


def _full(types: Types | None) -> list[AssociationType] | None:
    """Spell types as exports do; files of links may name them by id or label alone."""
    return None if types is None else [_type(one) for one in types]


def _type(one: object) -> AssociationType:
    if isinstance(one, AssociationType):
        return one
    if isinstance(one, int):
        return AssociationType("UNKNOWN", one)
    return AssociationType("UNKNOWN", None, str(one))


def _cell(types: Types | None) -> str:
    """Spell types as ``USER_DEFINED:28:Billing``, with a bar between two; "" is no association."""
    return " | ".join(
        ":".join(str(part) for part in (one.category, one.type_id or "", one.label) if part)
        for one in _full(types) or ()
    )


def _check_types(old: EdgeSource, new: EdgeSource) -> None:
    ends = [
        None
        if one.object_types is None
        else tuple(object_type_name(end) or end.casefold() for end in one.object_types)
        for one in (old, new)
    ]
    if None not in ends and ends[0] != ends[1]:
        said = [" → ".join(one.object_types or ()) for one in (old, new)]
        raise UsageError(
            f"{old.name} has {said[0]} and {new.name} has {said[1]}: these cannot be compared"
        )

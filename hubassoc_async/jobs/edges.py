"""Edges in SQLite, more than memory holds: loaded in any order, given out sorted by their pairs.

Ids that are numbers are stored and sorted as such. Rows go into a plain table first, which is
indexed at the end: SQLite does that by a merge sort in temporary files.

Knows: SQLite. Does not know: files, jobs, HubSpot, what a comparison is for.
"""

# ruff: noqa: S608 (what names a table is an identifier, and checked to be one)

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeAlias

import msgspec

from hubassoc_async.jobs.database import Database
from hubassoc_async.jobs.edge_compare import (
    RECORD,
    Comparison,
    Id,
    Row,
    Types,
    TypeSets,
    grouped,
    same_types,
)
from hubassoc_async.model import AssociationType, Link, TypesGiven

EdgeGiven: TypeAlias = Link | tuple[str | int, str | int | None, TypesGiven]
"""From-id, to-id, types. A to-id of None: the record is known, with or without edges."""

_LOADED: Final = 50_000  # rows a transaction
_PAGE: Final = 20_000  # rows read at a time: a cursor that stays open would hold up the WAL
_BEFORE_ALL: Final = (RECORD, RECORD)


class StoredTypes:
    """The numbers of tuples of types, in a table."""

    def __init__(self, database: Database, table: str) -> None:
        self._table = _identifier(table)
        with database.transaction() as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (number INTEGER PRIMARY KEY, types TEXT)"
            )
        decode = msgspec.json.Decoder(tuple[str | int | AssociationType, ...]).decode
        query = f"SELECT types FROM {table} ORDER BY number"
        stored = database.connection.execute(query).fetchall()
        self.sets = TypeSets(decode(types) for (types,) in stored)
        self._saved = len(stored)

    @contextmanager
    def saving(self, database: Database) -> Iterator[sqlite3.Connection]:
        """Make a transaction that saves the new ones, too."""
        with database.transaction() as connection:
            new = [msgspec.json.encode(types).decode() for types in self.sets[self._saved :]]
            rows = enumerate(new, self._saved)
            connection.executemany(f"INSERT INTO {self._table} VALUES (?, ?)", rows)
            yield connection
        self._saved += len(new)


class EdgeStore:
    """Lists of edges in tables of one database, each list under a name: its side."""

    def __init__(self, database: Database, *, prefix: str = "edges") -> None:
        """Tables are named ``PREFIX_…``; whatever else the database has stays as it is."""
        self._database = database
        self._read = database.connection.execute
        self._prefix = _identifier(prefix)
        with database.transaction() as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {prefix}_sides (side TEXT PRIMARY KEY, rows)"
            )
        self._stored = StoredTypes(database, f"{prefix}_types")
        self.types = self._stored.sets
        """The numbers that stand for types in the tables."""

    def table(self, side: str) -> str:
        """Name the table of a side: ``(from_id, to_id, types)``."""
        return f"{self._prefix}_{_identifier(side)}"

    def query(self, query: str) -> list[tuple[int, ...]]:
        """Ask something of the tables that has a short answer."""
        return self._read(query).fetchall()

    def load(self, side: str, rows: Iterable[EdgeGiven]) -> int:
        """Put a list in the place of what the side had; returns the number of its rows."""
        self.start(side)
        self.add(side, rows)
        return self.finish(side)

    def start(self, side: str) -> None:
        """Empty a side, to be filled by ``add``."""
        table = self.table(side)
        with self._database.transaction() as connection:
            run = connection.execute
            run(f"DELETE FROM {self._prefix}_sides WHERE side = ?", (side,))
            run(f"DROP TABLE IF EXISTS {table}")
            run(f"CREATE TABLE {table} (from_id, to_id, types INTEGER)")

    def add(self, side: str, rows: Iterable[EdgeGiven]) -> None:
        """Add rows to a side that was started, in any order."""
        insert = f"INSERT INTO {self.table(side)} VALUES (?, ?, ?)"
        number = self.types.number
        given = iter(rows)
        while some := [
            (id_key(row[0]), RECORD if row[1] is None else id_key(row[1]), number(_tuple(row[2])))
            for row in islice(given, _LOADED)
        ]:
            with self._stored.saving(self._database) as connection:
                connection.executemany(insert, some)

    def finish(self, side: str) -> int:
        """Sort a side. From here on it is loaded; returns the number of its rows."""
        table = self.table(side)
        with self._database.transaction() as connection:
            run = connection.execute
            run(f"CREATE INDEX {table}_sorted ON {table} (from_id, to_id, types)")
            (rows,) = run(f"SELECT count(*) FROM {table}").fetchone()
            run(f"INSERT INTO {self._prefix}_sides VALUES (?, ?)", (side, rows))
        return int(rows)

    def add_ways_back(self, side: str, *, of: str) -> None:
        """Add the pairs of another side, without types, that this one has the other way only."""
        added, there = self.table(side), self.table(of)
        has = f"SELECT 1 FROM {added} AS d WHERE"
        query = (
            f"INSERT INTO {added} SELECT DISTINCT t.from_id, t.to_id, 0 FROM {there} AS t"
            f" WHERE EXISTS ({has} d.from_id = t.to_id AND d.to_id = t.from_id)"
            f" AND NOT EXISTS ({has} d.from_id = t.from_id AND d.to_id = t.to_id)"
        )
        with self._database.transaction() as connection:
            connection.execute(query)

    def loaded(self, side: str) -> int | None:
        """Number of rows of a side; None when it was not loaded to its end."""
        query = f"SELECT rows FROM {self._prefix}_sides WHERE side = ?"
        found = self._read(query, (side,)).fetchone()
        return None if found is None else int(found[0])

    def pairs(self, side: str, *, after: tuple[str, str] | None = None) -> Iterator[Link]:
        """Give each pair of a side once, its types united, sorted; ``after`` a pair: the rest."""
        united = self.types.united
        start = _BEFORE_ALL if after is None else (id_key(after[0]), id_key(after[1]))
        for from_id, to_id, numbers, _ in grouped(self._rows((side,), start)):
            if to_id != RECORD and (after is None or (from_id, to_id) != start):
                yield Link(str(from_id), str(to_id), united(numbers))

    def records(self, side: str) -> Iterator[str]:
        """Give the from-ids that a side knows of, each once, sorted."""
        table = self.table(side)
        query = (
            f"SELECT DISTINCT from_id FROM {table} WHERE from_id > ? ORDER BY from_id LIMIT {_PAGE}"
        )
        last: Id = RECORD
        while page := self._read(query, (last,)).fetchall():
            last = page[-1][0]
            yield from (str(from_id) for (from_id,) in page)

    def compared(
        self,
        old: str,
        new: str,
        *,
        same: Callable[[Types, Types], bool] = same_types,
        whole: Sequence[bool] = (False, False),
    ) -> Comparison:
        """Compare two sides: see ``Comparison``."""
        return Comparison(self._rows((old, new)), self.types, same=same, whole=whole)

    def _rows(
        self, sides: Sequence[str], start: tuple[Id, Id] = _BEFORE_ALL, page: int = _PAGE
    ) -> Iterator[Row]:
        """Give the rows of sides, merged, in the order of their pairs, from a pair on."""
        query = " UNION ALL ".join(
            f"SELECT from_id, to_id, {number} AS side, types FROM {self.table(side)}"
            " WHERE (from_id, to_id) >= (?, ?)"
            for number, side in enumerate(sides)
        )
        query = f"SELECT * FROM ({query}) ORDER BY from_id, to_id LIMIT ?"
        while True:
            rows = self._read(query, (*start * len(sides), page)).fetchall()
            if len(rows) < page:
                yield from rows
                return
            start, end = rows[-1][:2], len(rows)
            while end and rows[end - 1][:2] == start:  # this pair may go on in the next page
                end -= 1
            yield from rows[:end]
            page = page if end else 2 * page


def _identifier(name: str) -> str:
    if not (name.isascii() and name.isidentifier()):
        raise ValueError(f"{name!r} cannot name a table")
    return name


def id_key(given: str | int) -> Id:
    """Hold an id that is a number, in the one way to write it, as a number."""
    text = given if isinstance(given, str) else str(given)
    if text.isdigit() and text.isascii() and len(text) < 19 and (text[0] != "0" or text == "0"):
        return int(text)
    return text


def _tuple(types: TypesGiven) -> Types:
    if isinstance(types, str | int | AssociationType):
        return (types,)
    return types if isinstance(types, tuple) else tuple(types)

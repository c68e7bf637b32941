"""A plan on disk: changes to pairs of records, each with what is there before and after.

An undo file is a plan as well, in which before and after are exchanged.

Knows: SQLite, the file's format. Does not know: how a plan is made or applied.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Final, Literal, Self

import msgspec
from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database import DatabaseFile
from hubassoc_async.jobs.edge_compare import RECORD, EdgeChange, Id, Types
from hubassoc_async.jobs.edges import StoredTypes, id_key
from hubassoc_async.jobs.files import sync_directory
from hubassoc_async.protocol.versions import ApiVersion

_FORMAT: Final = 1
_APPLICATION: Final = 0x48534153  # "HSAS": tells a plan from any other SQLite file
_ROWS: Final = 50_000  # a transaction


class PlanError(UsageError):
    """A plan that cannot be used. ``str()`` says why and what to do."""


class PlanInfo(Struct, kw_only=True):
    """What a plan was made from."""

    kind: Literal["sync", "undo"]
    from_object_type: str
    to_object_type: str
    key: str
    """Its own, unlike that of any other plan."""
    created_at: float
    """Seconds since 1970, UTC."""
    of: str = ""
    """What is desired, in words."""
    base_url: str = ""
    """Where the API is that it was read from; "" where that is not known."""
    undoes: str = ""
    """Of an undo file: the key of the plan that it takes back."""
    records: int = 0
    """From-records in scope that were read."""
    there: int = 0
    """Associations that they have."""
    unread: int = 0
    """From-records in scope that could not be read: nothing is planned for them."""
    unchanged: int = 0
    """Associations that are as desired."""


class PlanCounts(Struct, frozen=True, kw_only=True):
    """What a plan changes, and what that takes at the least."""

    create: int
    relabel: int
    archive: int
    requests: int
    """To read every record again, and to write."""

    @property
    def changes(self) -> int:
        """All of them."""
        return self.create + self.relabel + self.archive


class MaxDeletes(Struct, frozen=True):
    """The most associations that a plan may remove altogether."""

    most: float
    percent: bool = False
    """Whether ``most`` is a share of those that are there."""

    @classmethod
    def parse(cls, text: str) -> "MaxDeletes":
        """Read ``500`` or ``2.5%``. Raises ``PlanError``."""
        percent = text.endswith("%")
        try:
            most = float(text.removesuffix("%"))
        except ValueError:
            most = -1.0
        if not 0 <= most < float("inf") or (not percent and most % 1):
            raise PlanError(f"{text!r} is neither a number of associations nor a percentage")
        return cls(most, percent)

    def check(self, archive: int, there: int) -> None:
        """Raise ``PlanError`` for more than that."""
        if archive > (there * self.most / 100 if self.percent else self.most):
            of = f"{self.most:g}% of the {there:,} there are" if self.percent else f"{self.most:,g}"
            raise PlanError(
                f"the plan removes {archive:,} association{'s' if archive != 1 else ''}, at most"
                f" {of} may be:"
                " nothing was written"
            )


class Plan:
    """The changes of one plan, sorted by their pairs."""

    def __init__(self, database: DatabaseFile, info: PlanInfo) -> None:
        """Use ``create`` or ``open_plan``."""
        self.info = info
        self.path = database.path
        self._database = database
        self._types = StoredTypes(database, "types")

    @classmethod
    def create(cls, path: Path | None, info: PlanInfo) -> Self:
        """Make an empty plan; without a path, one that is gone when it is closed.

        Raises ``OSError``, and ``PlanError`` for a file that is there.
        """
        if path is not None and path.exists():
            raise PlanError(f"{path} is there already: give another name or remove it")
        database = DatabaseFile(path)
        with database.transaction() as connection:
            connection.execute(
                "CREATE TABLE changes (from_id, to_id, before INTEGER, after INTEGER,"
                " PRIMARY KEY (from_id, to_id)) WITHOUT ROWID"
            )
            connection.execute("CREATE TABLE info (info TEXT)")
            connection.execute("INSERT INTO info VALUES (?)", (_json(info),))
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        if path is not None:
            sync_directory(path.parent)
        return cls(database, info)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def describe(self, info: PlanInfo) -> None:
        """Put another description in the place of the one it has."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE info SET info = ?", (_json(info),))
        self.info = info

    def add(self, changes: Iterable[EdgeChange]) -> None:
        """Add changes, durably; of a pair that has one already, that one stays."""
        number = self._types.sets.number
        given = iter(changes)
        while some := [
            (
                id_key(one.from_object_id),
                id_key(one.to_object_id),
                None if one.before is None else number(one.before),
                None if one.after is None else number(one.after),
            )
            for one in islice(given, _ROWS)
        ]:
            with self._types.saving(self._database) as connection:
                connection.executemany("INSERT OR IGNORE INTO changes VALUES (?, ?, ?, ?)", some)

    def changes(
        self, *, after: tuple[str, str] | None = None, limit: int | None = None
    ) -> Iterator[EdgeChange]:
        """Give the changes in their order, ``after`` a pair: those behind it, up to a limit."""
        start: tuple[Id, Id]
        start = (RECORD, RECORD) if after is None else (id_key(after[0]), id_key(after[1]))
        query = "SELECT * FROM changes WHERE (from_id, to_id) > (?, ?) ORDER BY 1, 2 LIMIT ?"
        left = limit
        while left is None or left > 0:
            most = _ROWS if left is None else min(left, _ROWS)
            rows = self._database.connection.execute(query, (*start, most)).fetchall()
            for from_id, to_id, before, then in rows:
                yield EdgeChange(str(from_id), str(to_id), self._of(before), self._of(then))
            if len(rows) < most:
                return
            start = rows[-1][:2]
            left = None if left is None else left - most

    def chunk(self, after: tuple[str, str] | None, most: int) -> list[EdgeChange]:
        """Give the next changes, at most so many: whole records, as far as that can be."""
        found = [*self.changes(after=after, limit=most)]
        end = len(found)
        if end == most:  # the last record may go on
            while end and found[end - 1].from_object_id == found[-1].from_object_id:
                end -= 1
        return found[: end or most]

    def has(self, from_id: str, to_id: str) -> bool:
        """Whether there is a change of a pair."""
        query = "SELECT 1 FROM changes WHERE (from_id, to_id) = (?, ?)"
        ends = id_key(from_id), id_key(to_id)
        return self._database.connection.execute(query, ends).fetchone() is not None

    def made(self, end: Literal["from", "to"], object_id: str) -> list[Types]:
        """Of an undo file: what its plan makes of the pairs of one record at one end."""
        run = self._database.connection.execute
        if end == "to":  # seldom asked for, and not worth its space before
            run("CREATE INDEX IF NOT EXISTS by_to ON changes (to_id)")
        query = f"SELECT before FROM changes WHERE {end}_id = ? AND before IS NOT NULL"  # noqa: S608
        sets = self._types.sets
        return [sets.united((number,)) for (number,) in run(query, (id_key(object_id),))]

    def counts(self, version: ApiVersion) -> PlanCounts:
        """Count the changes, and the requests that they take with a version of the API."""
        query = (
            "SELECT before IS NULL, after IS NULL, count(*), count(DISTINCT from_id)"
            " FROM changes GROUP BY 1, 2"
        )
        found = {row[:2]: row[2:] for row in self._database.connection.execute(query)}
        create, _ = found.get((1, 0), (0, 0))
        archive, archived = found.get((0, 1), (0, 0))
        relabel, _ = found.get((0, 0), (0, 0))
        query = "SELECT count(DISTINCT from_id) FROM changes"
        (records,) = self._database.connection.execute(query).fetchone()
        requests = (
            -(-records // version.read_inputs)
            - (-(create + relabel) // version.create_inputs)
            - (-archived // version.archive_from_ids)
        )
        return PlanCounts(create=create, relabel=relabel, archive=archive, requests=requests)

    def _of(self, number: int | None) -> Types | None:
        return None if number is None else self._types.sets.united((number,))


def open_plan(path: Path) -> Plan:
    """Open a plan or an undo file. Raises ``PlanError`` for what is none, and ``OSError``."""
    if not path.exists():
        raise FileNotFoundError(2, "there is no such plan", str(path))
    try:
        database = DatabaseFile(path)
    except sqlite3.DatabaseError as error:
        raise PlanError(f"{path} is no plan: {error}") from error
    try:
        _check_format(database, path)
        (text,) = database.connection.execute("SELECT info FROM info").fetchone()
        return Plan(database, msgspec.json.decode(text, type=PlanInfo))
    except sqlite3.DatabaseError as error:
        database.close()
        raise PlanError(f"{path} is no plan: {error}") from error
    except BaseException:
        database.close()
        raise


def open_undo(path: Path, plan: Plan, *, new: bool) -> Plan:
    """Open the undo file of a plan that is being applied; ``new``: make it.

    Raises ``PlanError`` for a file that is there and is not its own, and ``OSError``.
    """
    if path.exists():
        undo = open_plan(path)
        own = undo.info.undoes == plan.info.key
        if own and (not new or next(undo.changes(limit=1), None) is None):
            return undo
        undo.close()
        raise PlanError(f"{path} is there already: give the undo file another name or remove it")
    if not new:
        raise PlanError(f"{path}, the undo file of this job, is gone: make a new plan")
    info = new_info("undo", plan.info.from_object_type, plan.info.to_object_type, plan.info.of)
    info.undoes, info.there, info.base_url = plan.info.key, plan.info.there, plan.info.base_url
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # of a run that died right here
    Plan.create(part, info).close()
    take_name(part, path)
    return open_plan(path)


def _check_format(database: DatabaseFile, path: Path) -> None:
    (application,) = database.connection.execute("PRAGMA application_id").fetchone()
    (version,) = database.connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise PlanError(f"{path} is no plan: `hubassoc sync … --plan FILE` makes one")
    if version != _FORMAT:
        raise PlanError(
            f"{path} has format {version} and this version of hubassoc knows format {_FORMAT}:"
            " apply it with the version that made it"
        )


def new_info(
    kind: Literal["sync", "undo"], from_object_type: str, to_object_type: str, of: str
) -> PlanInfo:
    """Describe a plan that is yet to be made."""
    return PlanInfo(
        kind=kind,
        from_object_type=from_object_type,
        to_object_type=to_object_type,
        key=token_hex(8),
        created_at=time.time(),
        of=of,
    )


def check_place(path: Path) -> None:
    """Raise ``PlanError`` for a file that a new plan may not replace: no plan, or an undo file."""
    if not path.exists() or not path.stat().st_size:
        return
    with suppress(PlanError), open_plan(path) as there:
        if there.info.kind == "sync":
            return
    raise PlanError(
        f"{path} is there already and is no plan that may be replaced: give another name"
    )


def hidden(path: Path) -> Path:
    """Name the file that will take a plan's name when it is whole."""
    return path.with_name(f".{path.name}.{token_hex(4)}.part")


def take_name(part: Path, path: Path) -> None:
    """Let a plan that is whole, and closed, appear under its name."""
    part.replace(path)
    sync_directory(path.parent)


def _json(info: PlanInfo) -> str:
    return msgspec.json.encode(info).decode()

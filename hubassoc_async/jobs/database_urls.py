"""Databases as the command line names them: a URL, which table or query of it, and a connection.

    sqlite:///file.db?table=links          a file from here; four slashes: from the root
    duckdb:///file.db?query=select …       the query comes last and is taken as it stands
    postgresql://user@host/name?sslmode=require&table=crm.links

Knows: URLs, how to connect. Does not know: what is read from or written to a table.
"""

import os
import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.extras import need
from hubassoc_async.jobs.text_file import STDIN

Kind: TypeAlias = Literal["sqlite", "duckdb", "postgresql"]

KINDS: Final[dict[str, Kind]] = {
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
"""By the scheme of a URL."""

_TABLE: Final = re.compile(r"(\w{1,63}\.)?\w{1,63}")
_HOST: Final = re.compile(r"(\[[^\]@/]*\]|[^:\[\]@/]*)(:\d*)?")
_BUSY: Final = 60.0  # seconds to wait for another process that writes to a file
# 128 MiB hold a chunk many times over; by itself DuckDB takes up to four fifths of the memory.
_DUCKDB: Final = {"memory_limit": "128MiB", "threads": "1"}


@dataclass(frozen=True)
class Database:
    """A database, and what in it is meant."""

    kind: Kind
    place: str = field(repr=False)
    """The path of a file, or a URL for PostgreSQL, with its secrets."""
    shown: str
    """The same for messages: no secrets, no query."""
    table: str | None = None
    query: str | None = None

    @property
    def gone(self) -> bool:
        """Whether it is a file that is not there."""
        return self.kind != "postgresql" and not Path(self.place).exists()

    def connect(self, what: str, *, create: bool = False) -> Any:
        """Open a connection that commits nothing by itself but single statements.

        Raises ``UsageError``, that ``what`` cannot be done, when the library is missing, and
        ``OSError`` or an error of the library, without secrets, when it cannot be opened.
        """
        if self.kind == "postgresql":
            return _postgresql(what, self)
        path = Path(self.place)
        if self.gone and not create:
            raise FileNotFoundError(2, "there is no such file", self.place)
        if self.kind == "duckdb":
            need(what, "duckdb")
            import duckdb

            return duckdb.connect(path, read_only=not create, config=_DUCKDB)  # type: ignore[arg-type]
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if create else 'ro'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,  # threads take turns
            timeout=_BUSY,
        )

    def errors(self) -> tuple[type[Exception], ...]:
        """What the library raises."""
        if self.kind == "sqlite":
            return (sqlite3.Error, OSError)
        if self.kind == "duckdb":
            import duckdb

            return (duckdb.Error, OSError)
        import psycopg

        return (psycopg.Error, OSError)


def database_of(name: str) -> Database | None:
    """Take a URL apart; None for a path, which is the name of no database.

    Raises ``UsageError``, which never quotes a password.
    """
    scheme, separator, rest = name.partition("://")
    if not separator:
        return None
    kind = KINDS.get(scheme.lower())
    if kind is None:
        known = ", ".join(f"{one}://…" for one in KINDS)
        raise UsageError(f"{scheme}://… is no table that is known here: a table is {known}")
    rest, _, parameters = rest.partition("?")
    parameters, query = _cut_query(parameters)
    table = None
    kept = []
    for parameter in filter(None, parameters.split("&")):
        key, _, value = parameter.partition("=")
        if key == "table":
            table = checked_table(value)
        elif kind == "postgresql":
            kept.append(parameter)
        else:
            raise UsageError(f"a {kind} URL takes table= or query=, not {key!r}")
    if table is not None and query is not None:
        raise UsageError("give table= or query=, not both")
    if kind == "postgresql":
        place = f"postgresql://{rest}{'?' if kept else ''}{'&'.join(kept)}"
        return Database(kind, place, _without_secrets(rest), table, query)
    host, slash, path = rest.partition("/")
    if host or not slash or not path:
        raise UsageError(
            f"{kind}://… names no file: three slashes and a path, as in {kind}:///links.db"
        )
    path = os.path.abspath(path)  # noqa: PTH100  links stay
    return Database(kind, path, f"{kind}:///{path}", table, query)


def file_of(name: str) -> Path | None:
    """The file or folder that a name stands for, through links, if it stands for any.

    Raises ``UsageError`` as ``database_of``.
    """
    scheme, is_url, _ = name.partition("://")
    if is_url and scheme.lower() not in KINDS:
        return None  # known to a sink or a source that is none of ours
    database = database_of(name)
    if database is None:
        return None if name == STDIN else Path(os.path.realpath(name))
    return None if database.kind == "postgresql" else Path(os.path.realpath(database.place))


def checked_table(name: str) -> str:
    """Return a table's name, perhaps with a schema's. Raises ``UsageError`` for an odd one."""
    if not name.isascii() or not _TABLE.fullmatch(name):
        raise UsageError(f"table={name!r}: use letters, digits and _, as in links or crm.links")
    return name


def quoted(table: str) -> str:
    """Spell a table's name, perhaps with a schema's, for SQL."""
    return ".".join(f'"{part}"' for part in table.split("."))


def _cut_query(parameters: str) -> tuple[str, str | None]:
    """Take the query from the end of a URL's parameters."""
    before, found, query = f"&{parameters}".partition("&query=")
    return before.removeprefix("&"), query if found else None


def _without_secrets(rest: str) -> str:
    user, at, host = rest.rpartition("@")
    hosts = host.partition("/")[0].split(",")
    if "@" in user or "/" in user or not all(map(_HOST.fullmatch, hosts)):
        raise UsageError(
            "the PostgreSQL URL is not postgresql://user:password@host:port/name: write '@', '/'"
            " and ':' of a password as %40, %2F and %3A, or leave it to PGPASSWORD or ~/.pgpass"
        )
    return f"postgresql://{user.partition(':')[0]}{at}{host}"


def _postgresql(what: str, database: Database) -> Any:
    need(what, "psycopg")
    import psycopg

    try:
        return psycopg.connect(database.place, autocommit=True)
    except psycopg.ProgrammingError:  # its message quotes what it does not understand
        raise UsageError(
            f"{database.shown} with its parameters is no PostgreSQL URL: write odd characters as"
            " %XX, or leave the password to PGPASSWORD or ~/.pgpass"
        ) from None
    except psycopg.Error as error:
        raise type(error)(str(error)) from None

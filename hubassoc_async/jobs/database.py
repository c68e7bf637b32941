"""SQLite files that this process has for itself: scratch space, plans.

Knows: SQLite. Does not know: what is in them.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

_CACHE_KIB: Final = 32_768  # also bounds what SQLite sorts in memory before it uses files


class Database(Protocol):
    """Where tables can be kept; a job's journal is one, too."""

    @property
    def connection(self) -> sqlite3.Connection:
        """To read by; to be written to within ``transaction`` only."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Write several things as one; they are there at the end, or none of them is."""


class DatabaseFile:
    """One SQLite file, durable with each transaction unless it is scratch space."""

    def __init__(self, path: Path | None) -> None:
        """Without a path: a file that has no name, lasts as long as this object and is not durable.

        It is where SQLite has its temporary files: ``SQLITE_TMPDIR`` or ``TMPDIR`` move it.

        Raises ``sqlite3.DatabaseError`` and ``OSError``.
        """
        if path is not None and not path.parent.is_dir():
            raise FileNotFoundError(2, "there is no such directory", str(path.parent))
        self.path = path
        self.connection = sqlite3.connect(
            "" if path is None else path, isolation_level=None, check_same_thread=False
        )
        pragmas = [f"cache_size = -{_CACHE_KIB}"]
        if path is None:
            pragmas += ["journal_mode = off", "synchronous = off"]
        else:
            pragmas += ["synchronous = extra"]  # full may lose the last commit with the power
        try:
            for pragma in pragmas:
                self.connection.execute(f"pragma {pragma}")
        except sqlite3.DatabaseError:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; scratch space is gone then."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write several things as one."""
        self.connection.execute("begin immediate")
        try:
            yield self.connection
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.execute("commit")

"""A real PostgreSQL for tests: its own server, in a folder of its own, on a socket in it.

PostgreSQL refuses to run as root, so root starts it as another user.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

PASSWORD = "p:s/w@rd%1"
"""With everything that has to be encoded in a URL."""
ENCODED = "p%3As%2Fw%40rd%251"


def programs() -> Path | None:
    """Where the server's programs are, the newest version's first."""
    found = shutil.which("postgres")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Server:
    """A running server."""

    def __init__(self, sockets: Path) -> None:
        self._sockets = sockets

    def url(self, database: str) -> str:
        """The URL of one of its databases, with the password in it."""
        return f"postgresql://tester:{ENCODED}@/{database}?host={self._sockets}"

    def new(self) -> str:
        """Make a database, and return its URL."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def serving() -> Iterator[Server]:
    """Start a server, and stop it at the end. Skips where there is none to start; CI fails."""
    folder = programs()
    if folder is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user = _user()
    place = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        password = place / "password"
        password.write_text(PASSWORD)
        if user is not None:
            shutil.chown(place, user)
            shutil.chown(password, user)
        data = place / "data"
        _run(
            *(folder / "initdb", "-D", data, "-U", "tester", "--pwfile", password),
            *("-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"),
            user=user,
        )
        settings = f"-c listen_addresses='' -c unix_socket_directories={place} -c fsync=off"
        control = (folder / "pg_ctl", "-D", data, "-w")
        _run(*control, "-l", place / "log", "-o", settings, "start", user=user)
        try:
            yield Server(place)
        finally:
            _run(*control, "-m", "immediate", "stop", user=user)
    finally:
        shutil.rmtree(place)


def _user() -> str | None:
    """Whom to run it as, if not as ourselves."""
    if os.geteuid() != 0:
        return None
    known = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _run(*command: object, user: str | None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, user=user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"{words[0]}: {done.stderr}"

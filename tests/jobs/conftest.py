"""What tests of jobs share: a PostgreSQL server, databases of it, targets of all kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.postgres import Server, serving
from tests.jobs.stores import Targets, target_of


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server, started when first needed."""
    with serving() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """An empty database on it, as a URL with its password."""
    url = postgres_server.new()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def targets(tmp_path: Path, request: pytest.FixtureRequest) -> Targets:
    """Make a target of a kind; PostgreSQL is started only for its own."""

    def make(kind: str) -> str:
        url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
        return target_of(kind, tmp_path, url)

    return make

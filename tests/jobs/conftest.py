"""What tests of jobs share: a PostgreSQL server, and databases of it."""

from collections.abc import Iterator

import pytest

from tests.jobs.postgres import Server, serving


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

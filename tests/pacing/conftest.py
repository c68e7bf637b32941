"""A real Redis."""

from collections.abc import Iterator

import pytest

from tests.pacing.redis_server import RedisServer


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """An empty one, which the test may stop and start."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def standing_redis() -> Iterator[RedisServer]:
    """One that is never stopped."""
    server = RedisServer()
    yield server
    server.stop()

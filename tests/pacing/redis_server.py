"""A real Redis that tests start, stop and start again; on their own time, if need be."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from typing import Any

import pytest

from hubassoc_async.pacing.shared import Rule
from hubassoc_async.pacing.shared_redis import RedisLog


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A Redis of its own, which remembers nothing when it is started again."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None and "CI" not in os.environ:
            pytest.skip("needs redis-server on the PATH, such as Debian's package; CI installs it")
        assert program, "redis-server is missing: apt-get install redis-server"
        self._program = program
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        """Stop it; what it knew is lost."""
        self._process.terminate()
        self._process.wait()


class TimedRedis:
    """A real Redis whose scripts are told the event loop's time, in the place of Redis's own."""

    def __init__(self, server: RedisServer) -> None:
        from redis import Redis

        self._redis = Redis(port=server.port)
        self._redis.flushall()
        self.off = 0.0
        """How far its clock is ahead."""

    def open(self, rule: Rule) -> "TimedLog":
        """Open a process's log."""
        return TimedLog(self, rule)

    def forget(self) -> None:
        """Lose everything, as a Redis that is started again."""
        self._redis.flushall()

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def eval(self, script: str, keys: tuple[str, ...], numbers: list[str]) -> Any:
        """Run a script of the library's: all of it is as it is but for where time comes from."""
        timed = script.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
        assert timed != script
        time = asyncio.get_running_loop().time() + self.off
        now = divmod(round(time * 1_000_000), 1_000_000)
        return self._redis.eval(timed, len(keys), *keys, *numbers, *now)


class TimedLog(RedisLog):
    """The library's log, on that time: a call takes none."""

    def __init__(self, redis: TimedRedis, rule: Rule) -> None:
        super().__init__("redis://", "1:associations", rule)
        self._timed = redis

    async def _eval(self, script: str, keys: tuple[str, ...], numbers: list[str]) -> Any:
        return self._timed.eval(script, keys, numbers)
